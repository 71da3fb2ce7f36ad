//! `ferroflow bench`: workloads that anyone can run.

mod exact_regression;

use std::io::Write;

use ferroflow::evaluation::bench::{self, BenchOptions, Row, WORKLOADS};

use crate::arguments::Bench;
use crate::output::{Failure, Outcome, Output};

pub fn run(arguments: Bench) -> Outcome {
    if arguments.workloads.iter().any(|name| name == "exact-regression") {
        if arguments.workloads.len() > 1 {
            return Err(Failure::Usage("exact-regression runs alone; name it without other workloads".to_string()));
        }
        return exact_regression::run(arguments);
    }
    let others = arguments.against.as_deref().map(bench::read_rows).transpose()?;
    let options = BenchOptions {
        threads: arguments.threads,
        budget: arguments.budget,
        only: arguments.only,
        epochs: 15 * arguments.factor,
    };
    let all: Vec<String> = WORKLOADS.iter().map(|name| name.to_string()).collect();
    let workloads = if arguments.workloads.is_empty() { all } else { arguments.workloads };
    let mut file = match &arguments.out {
        None => None,
        Some(path) => Some(std::fs::OpenOptions::new().create(true).append(true).open(path).map_err(|e| {
            ferroflow::Error::file(path, format!("rows cannot be written there ({e}); name another file"))
        })?),
    };
    let mut output = Output::new(arguments.json || others.is_none());
    let mut rows = Vec::new();
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
    if let Some(others) = others {
        let peak = rows.iter().chain(&others).filter(|row| row.workload == "ceiling" && row.threads == options.threads);
        let peak = peak.filter_map(|row| row.gflops_best).reduce(f64::max);
        output.line(bench::against(&rows, &others, peak));
    }
    Ok(())
}
