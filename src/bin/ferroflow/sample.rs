//! `ferroflow sample`.

use std::path::Path;

use ferroflow::data::Record;
use ferroflow::data::io::write_npz;
use ferroflow::device::Device;
use ferroflow::workflow::BasicWorkflow;

use crate::arguments::Sample;
use crate::checks;
use crate::output::{Outcome, Output, grouped};
use crate::progress::DrawsBar;

pub fn run(arguments: Sample) -> Outcome {
    let Sample { model, data, draws, first_draw, seed, threads, out } = arguments;
    checks::npz_output(&out, &[&model, &data])?;
    let workflow = load(&model, threads)?;
    checks::input(&data)?;
    let observed = workflow.read(&data, false)?;
    memory(&workflow, &observed, draws)?;
    let datasets = observed.datasets()?.unwrap_or(1);
    let seed = seed.unwrap_or(workflow.training().seed);
    let mut bar = DrawsBar::new(datasets, draws);
    let record = workflow.sample_watched(&observed, draws, first_draw, seed, &mut |done| bar.set(done))?;
    bar.finish();
    write_npz(&out, &record)?;
    let shapes: Vec<String> =
        record.columns().map(|(key, column)| format!("{key} {:?}", column.array.shape())).collect();
    Output::default().line(format!(
        "{}: {} draws for each of {} data sets (seed {seed}): {}",
        out.display(),
        grouped(draws as u64),
        grouped(datasets as u64),
        shapes.join(", ")
    ));
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// A trained model from its file.
pub fn load(model: &Path, threads: Option<usize>) -> Outcome<BasicWorkflow> {
    checks::input(model)?;
    let device = Device::cpu_with_threads(checks::threads(threads))?;
    Ok(BasicWorkflow::load(model, None, device)?)
}

/// An error when the draws do not fit into memory.
pub fn memory(workflow: &BasicWorkflow, data: &Record, draws: usize) -> Outcome {
    let datasets = data.datasets()?.unwrap_or(1) as u128;
    let width: usize = workflow.parameters().iter().map(|p| p.dimension).sum();
    let needed = 8 * datasets * draws as u128 * width as u128;
    checks::memory("--draws", needed, "sample in parts with --first-draw, or fewer data sets at once")
}
