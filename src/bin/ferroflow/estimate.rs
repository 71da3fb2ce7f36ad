//! `ferroflow estimate`.

use std::path::{Path, PathBuf};

use ferroflow::approximators::ScoringRuleApproximator;
use ferroflow::codecs::{Array, npz};
use ferroflow::data::{Entry, Record};
use ferroflow::device::Device;
use ferroflow::workflow::{EnsembleWorkflow, PointWorkflow};

use crate::arguments::Estimate;
use crate::checks;
use crate::output::{Outcome, Output, grouped, warn};

pub fn run(arguments: Estimate) -> Outcome {
    let Estimate { model: models, data, place, out } = arguments;
    let inputs: Vec<&Path> = models.iter().chain([&data]).map(|path| path.as_path()).collect();
    checks::npz_output(&out, &inputs)?;
    models.iter().try_for_each(|model| checks::input(model))?;
    let device = checks::device(&place)?;
    let [model] = &models[..] else { return of_members(&models, &data, &device, &out) };
    let workflow = PointWorkflow::load(model, None, device)?;
    checks::input(&data)?;
    let observed = workflow.read(&data, false)?;
    let estimates = workflow.estimate(&observed)?;
    write(&out, &estimates, &[])?;
    let mut output = introduce(&out, &observed)?;
    for (key, array) in flat("", &estimates) {
        output.line(format!("  {key} {:?}", array.shape()));
    }
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

/// Mean estimates of several models and those of each, and how far they disagree.
fn of_members(models: &[PathBuf], data: &Path, device: &Device, out: &Path) -> Outcome {
    let ensemble = EnsembleWorkflow::<ScoringRuleApproximator>::of_files(models, device)?;
    let Some((_, first)) = ensemble.members().next() else { return Ok(()) };
    checks::input(data)?;
    let observed = first.read(data, false)?;
    let (estimates, deviations) = (ensemble.estimate(&observed)?, ensemble.estimate_deviation(&observed)?);
    write(out, &estimates, &ensemble.estimate_members(&observed)?)?;
    let mut output = introduce(out, &observed)?;
    for ((key, array), (_, deviation)) in flat("", &estimates).into_iter().zip(flat("", &deviations)) {
        let values = deviation.to_f64();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        output.line(format!("  {key} {:?}, standard deviation of {} models {mean:.4}", array.shape(), models.len()));
    }
    if let Some(warning) = first.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

fn introduce(out: &Path, observed: &Record) -> Outcome<Output> {
    let mut output = Output::default();
    let datasets = observed.datasets()?.unwrap_or(1) as u64;
    output.line(format!("{}: estimates for {} data sets", out.display(), grouped(datasets)));
    Ok(output)
}

/// Writes estimates, and beside them those of members.
fn write(out: &Path, estimates: &Record, members: &[(String, Record)]) -> Outcome {
    let own = members.iter().flat_map(|(name, estimates)| flat(&format!("members/{name}"), estimates));
    let arrays: Vec<(String, &Array)> = flat("", estimates).into_iter().chain(own).collect();
    npz::write(out, arrays.iter().map(|(key, array)| (key.as_str(), *array)))?;
    Ok(())
}

/// The arrays of nested records under joined names.
fn flat<'a>(prefix: &str, record: &'a Record) -> Vec<(String, &'a Array)> {
    let mut arrays = Vec::new();
    flatten(prefix, record, &mut arrays);
    arrays
}

fn flatten<'a>(prefix: &str, record: &'a Record, arrays: &mut Vec<(String, &'a Array)>) {
    for (key, entry) in record.iter() {
        let name = if prefix.is_empty() { key.to_string() } else { format!("{prefix}/{key}") };
        match entry {
            Entry::Column(column) => arrays.push((name, &column.array)),
            Entry::Group(group) => flatten(&name, group, arrays),
        }
    }
}
