//! `ferroflow log-prob`.

use std::path::{Path, PathBuf};

use ferroflow::approximators::{Approximator, RatioApproximator, ScoringRuleApproximator};
use ferroflow::codecs::{Array, npz};
use ferroflow::data::Record;
use ferroflow::device::Device;
use ferroflow::io::kind_of_model;
use ferroflow::workflow::{EnsembleWorkflow, LikelihoodWorkflow, PointWorkflow, RatioWorkflow};

use crate::arguments::{LogProb, Place};
use crate::checks;
use crate::output::{Outcome, Output, grouped};
use crate::sample::load;

pub fn run(arguments: LogProb) -> Outcome {
    let LogProb { model: models, data, place, out } = arguments;
    let inputs: Vec<&Path> = models.iter().chain([&data]).map(|path| path.as_path()).collect();
    checks::npz_output(&out, &inputs)?;
    models.iter().try_for_each(|model| checks::input(model))?;
    let device = checks::device(&place)?;
    let (name, values) = match &models[..] {
        [model] => of_model(model, &data, &place, device)?,
        [first, ..] => of_members(first, &models, &data, &device)?,
        [] => return Ok(()),
    };
    let (count, mean) = (values.len(), values.iter().sum::<f64>() / values.len().max(1) as f64);
    npz::write(&out, [(name, &Array::vector(values))])?;
    Output::default().line(format!("{}: {name} [{}], mean {mean:.4}", out.display(), grouped(count as u64)));
    Ok(())
}

/// What is computed, and its values.
fn of_model(model: &Path, data: &Path, place: &Place, device: Device) -> Outcome<(&'static str, Vec<f64>)> {
    Ok(match kind_of_model(model)?.as_str() {
        RatioApproximator::KIND => {
            let workflow = RatioWorkflow::load(model, None, device)?;
            checks::input(data)?;
            ("log_ratio", workflow.log_ratio(&workflow.read(data, true)?)?)
        }
        ScoringRuleApproximator::KIND => {
            let workflow = PointWorkflow::load(model, None, device)?;
            checks::input(data)?;
            ("log_prob", workflow.log_prob(&workflow.read(data, true)?)?)
        }
        _ => {
            let workflow = load(model, place)?;
            checks::input(data)?;
            let given = workflow.read(data, true)?;
            let values = match workflow.sets() {
                [] => workflow.log_prob(&given)?,
                _ => LikelihoodWorkflow::load(model, None, device)?.log_prob(&given)?,
            };
            ("log_prob", values)
        }
    })
}

/// What is computed of several models of the kind of the first, and its values.
fn of_members(first: &Path, models: &[PathBuf], data: &Path, device: &Device) -> Outcome<(&'static str, Vec<f64>)> {
    Ok(match kind_of_model(first)?.as_str() {
        RatioApproximator::KIND => {
            let ensemble = EnsembleWorkflow::<RatioApproximator>::of_files(models, device)?;
            ("log_ratio", ensemble.log_ratio(&parameters_and_data(&ensemble, data)?)?)
        }
        ScoringRuleApproximator::KIND => {
            let ensemble = EnsembleWorkflow::<ScoringRuleApproximator>::of_files(models, device)?;
            ("log_prob", ensemble.log_prob(&parameters_and_data(&ensemble, data)?)?)
        }
        _ => {
            let ensemble = EnsembleWorkflow::from_files(models, device)?;
            ("log_prob", ensemble.log_prob(&parameters_and_data(&ensemble, data)?)?)
        }
    })
}

fn parameters_and_data<A: Approximator>(ensemble: &EnsembleWorkflow<A>, data: &Path) -> Outcome<Record> {
    checks::input(data)?;
    let read = ensemble.members().next().map(|(_, first)| first.read(data, true));
    Ok(read.transpose()?.unwrap_or_default())
}
