//! `ferroflow sample`.

mod corrected;

use std::path::{Path, PathBuf};

use ferroflow::Error;
use ferroflow::approximators::{Approximator, RatioApproximator, ScoringRuleApproximator};
use ferroflow::data::Record;
use ferroflow::data::io::write_npz;
use ferroflow::io::{DensityOf, kind_of_model};
use ferroflow::mcmc::{Chains, Nuts};
use ferroflow::simulators::find;
use ferroflow::workflow::{BasicWorkflow, Disagreement, EnsembleWorkflow, PointWorkflow, RatioWorkflow};

use crate::arguments::{Place, Sample};
use crate::checks;
use crate::output::{Outcome, Output, grouped, usage, warn};
use crate::progress::DrawsBar;
use corrected::Correction;

pub use corrected::{evidences, simulator_of};

/// Transitions from which a sampler learns its step.
const WARMUP: usize = 500;

pub fn run(arguments: Sample) -> Outcome {
    let Sample { model: models, data, draws, refine, exact, likelihood, first_draw, seed, place, out } = arguments;
    let inputs: Vec<&Path> = models.iter().chain([&data]).chain(&likelihood).map(|path| path.as_path()).collect();
    checks::npz_output(&out, &inputs)?;
    let correction = Correction::asked(refine, exact, likelihood)?;
    models.iter().try_for_each(|model| checks::input(model))?;
    let [model] = &models[..] else {
        if correction.is_some() || first_draw > 0 {
            return Err(usage("--refine, --exact and --first-draw belong to a single model; leave them out"));
        }
        return from_members(&models, &data, draws, seed, &place, &out);
    };
    let model = model.clone();
    match kind_of_model(&model)?.as_str() {
        RatioApproximator::KIND | ScoringRuleApproximator::KIND if first_draw > 0 => {
            return Err(usage("--first-draw belongs to models of a posterior or likelihood; leave it out"));
        }
        RatioApproximator::KIND | ScoringRuleApproximator::KIND if correction.is_some() => {
            return Err(usage("--refine and --exact belong to models of a posterior; leave them out"));
        }
        RatioApproximator::KIND => return by_sampler(&model, &data, draws, seed, &place, &out),
        ScoringRuleApproximator::KIND => return from_scoring_rules(&model, &data, draws, seed, &place, &out),
        _ => {}
    }
    let mut workflow = load(&model, &place)?;
    if correction.is_some() && workflow.density_of() == Some(DensityOf::Data) {
        return Err(usage("--refine and --exact belong to models of a posterior; give a likelihood with --likelihood"));
    }
    checks::input(&data)?;
    let observed = workflow.read(&data, false)?;
    memory(&workflow, &observed, draws)?;
    let datasets = observed.datasets()?.unwrap_or(1);
    let seed = seed.unwrap_or(workflow.training().seed);
    if let Some(correction) = correction {
        workflow.set_seed(seed);
        return correction.run(workflow, &observed, draws, &place, &out);
    }
    let mut bar = DrawsBar::new(datasets, draws);
    let record = workflow.sample_watched(&observed, draws, first_draw, seed, &mut |done| bar.set(done))?;
    bar.finish();
    write_npz(&out, &record)?;
    written(&out, &record, draws, seed);
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

/// Draws of several models together, and how far these disagree.
fn from_members(
    models: &[PathBuf],
    data: &Path,
    draws: usize,
    seed: Option<u64>,
    place: &Place,
    out: &Path,
) -> Outcome {
    let device = checks::device(place)?;
    let kind = models.first().map(|model| kind_of_model(model)).transpose()?.unwrap_or_default();
    match kind.as_str() {
        RatioApproximator::KIND => Err(Error::argument(
            "--model",
            "several models of a ratio are not sampled from together; give one of them, or use log-prob",
        )
        .into()),
        ScoringRuleApproximator::KIND => {
            let ensemble = EnsembleWorkflow::<ScoringRuleApproximator>::of_files(models, &device)?;
            let Some((_, first)) = ensemble.members().next() else { return Ok(()) };
            checks::input(data)?;
            let observed = first.read(data, false)?;
            let seed = seed.unwrap_or(first.training().seed);
            let record = ensemble.sample_from(&observed, draws, &vec![1.0; models.len()], seed)?;
            write_npz(out, &record)?;
            written(out, &record, draws, seed);
            finish(&ensemble, &ensemble.disagreement(&observed, draws)?, &observed)
        }
        _ => {
            let ensemble = EnsembleWorkflow::from_files(models, &device)?;
            let Some((_, first)) = ensemble.members().next() else { return Ok(()) };
            checks::input(data)?;
            let observed = first.read(data, false)?;
            memory(first, &observed, draws)?;
            let seed = seed.unwrap_or(first.training().seed);
            let record = ensemble.sample_from(&observed, draws, &vec![1.0; models.len()], seed)?;
            write_npz(out, &record)?;
            written(out, &record, draws, seed);
            finish(&ensemble, &ensemble.disagreement(&observed, draws)?, &observed)
        }
    }
}

/// Says how far several models disagree, and whether the data are unlike the simulations.
fn finish<A: Approximator>(ensemble: &EnsembleWorkflow<A>, disagreement: &Disagreement, observed: &Record) -> Outcome {
    for (name, share) in disagreement.names.iter().zip(disagreement.means()) {
        let about = format!("disagreement of {} models about {name}", ensemble.members().len());
        Output::default().line(format!("{about}: {:.1} % of the posterior variance", 100.0 * share));
    }
    if let Some((_, first)) = ensemble.members().next()
        && let Some(warning) = first.warn_atypical(observed)?
    {
        warn(&warning);
    }
    Ok(())
}

fn written(out: &Path, record: &Record, draws: usize, seed: u64) {
    let datasets = record.columns().next().and_then(|(_, column)| column.datasets()).unwrap_or(1);
    let shapes: Vec<String> =
        record.columns().map(|(key, column)| format!("{key} {:?}", column.array.shape())).collect();
    Output::default().line(format!(
        "{}: {} draws for each of {} data sets (seed {seed}): {}",
        out.display(),
        grouped(draws as u64),
        grouped(datasets as u64),
        shapes.join(", ")
    ));
}

/// Draws from prior times ratio, by the No-U-Turn sampler.
fn by_sampler(model: &Path, data: &Path, draws: usize, seed: Option<u64>, place: &Place, out: &Path) -> Outcome {
    let device = checks::device(place)?;
    let name = RatioWorkflow::load(model, None, device.clone())?.training().simulator.clone().ok_or_else(|| {
        let message = "the ratio was trained on a file, and draws need the density of the prior; use RatioWorkflow in Rust, \
                       or train on a simulator";
        Error::argument("--model", message)
    })?;
    let workflow = RatioWorkflow::load(model, Some(find(&name)?.into()), device)?;
    checks::input(data)?;
    let observed = workflow.read(data, false)?;
    let nuts = nuts(draws);
    let seed = seed.unwrap_or(workflow.training().seed);
    let (record, chains) = workflow.sample_from(&observed, &nuts, seed)?;
    write_npz(out, &record)?;
    written(out, &record, nuts.draws * nuts.chains, seed);
    warn_of(&chains);
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

/// The sampler that makes at least so many draws.
fn nuts(draws: usize) -> Nuts {
    let nuts = Nuts { warmup: WARMUP, ..Nuts::default() };
    Nuts { draws: draws.div_ceil(nuts.chains), ..nuts }
}

/// Warns of the data sets whose chains cannot be relied on.
fn warn_of(chains: &[Chains]) {
    for (dataset, chain) in chains.iter().enumerate().filter(|(_, chain)| !chain.verdict().reliable) {
        warn(&format!("data set {dataset}: {}", chain.verdict().sentence));
    }
}

/// Draws from the distributions among scoring rules.
fn from_scoring_rules(
    model: &Path,
    data: &Path,
    draws: usize,
    seed: Option<u64>,
    place: &Place,
    out: &Path,
) -> Outcome {
    let device = checks::device(place)?;
    let workflow = PointWorkflow::load(model, None, device)?;
    checks::input(data)?;
    let observed = workflow.read(data, false)?;
    let seed = seed.unwrap_or(workflow.training().seed);
    let record = workflow.sample_from(&observed, draws, seed)?;
    write_npz(out, &record)?;
    written(out, &record, draws, seed);
    if let Some(warning) = workflow.warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}

/// A trained model from its file.
pub fn load(model: &Path, place: &Place) -> Outcome<BasicWorkflow> {
    checks::input(model)?;
    let device = checks::device(place)?;
    Ok(BasicWorkflow::load(model, None, device)?)
}

/// An error when the draws do not fit into memory.
pub fn memory(workflow: &BasicWorkflow, data: &Record, draws: usize) -> Outcome {
    let datasets = data.datasets()?.unwrap_or(1) as u128;
    let width: usize = workflow.parameters().iter().map(|p| p.dimension).sum();
    let needed = 8 * datasets * draws as u128 * width as u128;
    checks::memory("--draws", needed, "sample in parts with --first-draw, or fewer data sets at once")
}
