//! `ferroflow bench sbibm`: posteriors of the benchmark's tasks against its reference draws.

use std::io::Write;
use std::path::PathBuf;

use ferroflow::Error;
use ferroflow::evaluation::{SBIBM_TASKS, SbibmOptions, SbibmRow, SbibmTask, sbibm, sbibm_table};
use ferroflow::workflow::RunConfig;

use crate::arguments::Bench;
use crate::checks;
use crate::output::{Outcome, Output, duration, usage};

/// Simulations for each training, and draws that are tested: those of the published table.
const SIMULATIONS: usize = 10_000;
const DRAWS: usize = 10_000;

pub fn run(arguments: Bench) -> Outcome {
    let [threads] = arguments.threads[..] else {
        return Err(usage("sbibm runs on one number of threads; give --threads one number"));
    };
    let reference = arguments.reference.or_else(golden).ok_or_else(|| {
        usage("name the folder with a folder of observations and reference draws for each task: --reference DIR")
    })?;
    let options = SbibmOptions {
        reference,
        simulations: SIMULATIONS,
        draws: DRAWS,
        threads,
        config: RunConfig {
            device: arguments.device,
            ..arguments.config.as_deref().map(RunConfig::load).transpose()?.unwrap_or_default()
        },
    };
    let mut tasks = Vec::new();
    for name in &arguments.only {
        tasks.push(SbibmTask::named(name).ok_or_else(|| {
            let names: Vec<&str> = SBIBM_TASKS.iter().map(|task| task.name).collect();
            usage(format!("--only {name}: there is no such task; the tasks are: {}", names.join(", ")))
        })?);
    }
    if tasks.is_empty() {
        tasks.extend(SBIBM_TASKS);
    }
    let mut output = Output::new(arguments.json);
    let mut rows = match &arguments.out {
        Some(path) if path.exists() => read_rows(path)?,
        _ => Vec::new(),
    };
    for &seed in &arguments.seeds {
        for task in &tasks {
            if rows.iter().any(|row| row.task == task.name && row.seed == seed) {
                continue;
            }
            let row = sbibm(task, seed, &options)?;
            output.line(format!(
                "{}, seed {seed}: C2ST {} ({} epochs in {}, {} for draws and tests)",
                row.task,
                row.c2st.iter().map(|c2st| format!("{c2st:.3}")).collect::<Vec<_>>().join(" "),
                row.epochs,
                duration(row.training_s),
                duration(row.testing_s)
            ));
            let value = serde_json::to_value(&row).unwrap_or_default();
            if let Some(path) = &arguments.out {
                append(path, &value.to_string())?;
            }
            output.event(value);
            rows.push(row);
        }
    }
    output.line(format!("\nC2ST against the reference posterior, {SIMULATIONS} simulations, 0.5 is perfect:\n"));
    output.line(sbibm_table(&rows));
    if let Some(peak) = checks::peak_memory() {
        output.line(format!("\npeak memory {}", crate::output::bytes(peak)));
    }
    Ok(())
}

/// The references among the golden cases, if those are named.
fn golden() -> Option<PathBuf> {
    std::env::var_os("FERROFLOW_GOLDEN").map(|folder| PathBuf::from(folder).join("sbibm"))
}

/// Rows of an earlier run, which need not be computed again.
fn read_rows(path: &std::path::Path) -> Outcome<Vec<SbibmRow>> {
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::file(path, format!("the rows cannot be read ({e}); check the path")))?;
    let mut rows = Vec::new();
    for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        rows.push(serde_json::from_str(text).map_err(|e| {
            Error::file(path, format!("line {} is no row of this bench ({e}); name another file", line + 1))
        })?);
    }
    Ok(rows)
}

fn append(path: &std::path::Path, line: &str) -> ferroflow::Result<()> {
    let write = || {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        writeln!(file, "{line}")
    };
    write().map_err(|e| Error::file(path, format!("a row cannot be written ({e}); name another file")))
}
