//! `ferroflow bench`: workloads that anyone can run.

mod exact_regression;
mod sbibm;

use std::io::Write;

use ferroflow::evaluation::bench::{self, BenchOptions, Row, WORKLOADS};

use crate::arguments::Bench;
use crate::output::{Failure, Outcome, Output};

/// Workloads that hold posteriors against the truth instead of measuring time.
const ALONE: &[(&str, fn(Bench) -> Outcome)] = &[("exact-regression", exact_regression::run), ("sbibm", sbibm::run)];

pub fn run(arguments: Bench) -> Outcome {
    for (name, run) in ALONE {
        if arguments.workloads.iter().any(|workload| workload == name) {
            if arguments.workloads.len() > 1 {
                return Err(Failure::Usage(format!("{name} runs alone; name it without other workloads")));
            }
            return run(arguments);
        }
    }
    let threads = arguments.threads;
    if (1..threads.len()).any(|i| threads[..i].contains(&threads[i])) {
        return Err(Failure::Usage("--threads names a number twice; name each once, such as 1,2".to_string()));
    }
    let others = arguments.against.as_deref().map(bench::read_rows).transpose()?;
    let device = arguments.device.unwrap_or_else(|| "cpu".into());
    if device != "cpu" && threads.len() > 1 {
        return Err(Failure::Usage("--threads compares numbers of threads of the CPU; leave --device out".to_string()));
    }
    let options = BenchOptions {
        device,
        threads: threads.clone(),
        budget: arguments.budget,
        only: arguments.only,
        epochs: arguments.epochs.unwrap_or(15 * arguments.factor),
        batches: arguments.batches,
        startup: bench::process_seconds(),
    };
    let all: Vec<String> = WORKLOADS.iter().map(|name| name.to_string()).collect();
    let workloads = if arguments.workloads.is_empty() { all } else { arguments.workloads };
    let mut file = match &arguments.out {
        None => None,
        Some(path) => Some(std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|e| {
            ferroflow::Error::file(path, format!("rows cannot be written there ({e}); name another file"))
        })?),
    };
    let tables = others.is_some() || threads.len() > 1;
    let mut output = Output::new(arguments.json || !tables);
    let mut rows = Vec::new();
    if others.is_some() && !workloads.iter().any(|name| name == "ceilings") {
        bench::peak_of_multiply_adds(&options, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
    }
    for workload in &workloads {
        let mut take = |row: Row| -> ferroflow::Result<()> {
            let value = serde_json::to_value(&row).unwrap_or_default();
            if let Some((file, path)) = file.as_mut().zip(arguments.out.as_ref()) {
                writeln!(file, "{value}")
                    .map_err(|e| ferroflow::Error::file(path, format!("a row cannot be written ({e})")))?;
            }
            output.event(value);
            rows.push(row);
            Ok(())
        };
        match workload.as_str() {
            "ceilings" => bench::ceilings(&options, &mut take)?,
            name => bench::run(name, &options, &mut take)?,
        }
    }
    for &count in others.iter().flat_map(|_| &threads) {
        output.line(format!("On {count} thread(s):\n"));
        output.line(bench::against(&rows, others.as_deref().unwrap_or_default(), count));
    }
    if threads.len() > 1 {
        output.line("Wall times on several numbers of threads, measured in turns:\n");
        output.line(bench::speedups(&rows, &threads));
    }
    Ok(())
}
