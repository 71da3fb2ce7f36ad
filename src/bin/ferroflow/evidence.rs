//! `ferroflow evidence`.

use std::path::Path;
use std::sync::Arc;

use ferroflow::codecs::{Array, npz};
use ferroflow::data::Record;
use ferroflow::simulators::Simulator;
use ferroflow::workflow::{BasicWorkflow, JointWorkflow, LikelihoodWorkflow, LogMean, Refinement, SimulatorDensity};

use crate::arguments::Evidence;
use crate::checks;
use crate::output::{Outcome, Output, warn};
use crate::sample::{evidences, load, memory, simulator_of};

pub fn run(arguments: Evidence) -> Outcome {
    let Evidence { posterior, likelihood, data, held_out, draws, simulator, seed, place, out } = arguments;
    let inputs: Vec<&Path> =
        [&posterior, &data].into_iter().chain(&likelihood).chain(&held_out).map(|p| &**p).collect();
    if let Some(out) = &out {
        checks::npz_output(out, &inputs)?;
    }
    inputs.iter().try_for_each(|input| checks::input(input))?;
    let device = checks::device(&place)?;
    let mut workflow = load(&posterior, &place)?;
    if let Some(seed) = seed {
        workflow.set_seed(seed);
    }
    let likelihood = likelihood.map(|path| LikelihoodWorkflow::load(path, None, device)).transpose()?;
    let simulator: Arc<dyn Simulator> = simulator_of(&workflow, simulator, "--simulator")?.into();
    let observed = workflow.read(&data, false)?;
    let future = held_out.map(|path| workflow.read(&path, false)).transpose()?;
    memory(&workflow, &observed, draws)?;
    let (refinement, predicted, warning) = match likelihood {
        None => by_simulator(&workflow, &observed, draws, &*simulator)?,
        Some(likelihood) => by_likelihood(workflow, likelihood, simulator, &observed, future.as_ref(), draws)?,
    };
    let mut output = Output::default();
    evidences(&mut output, &refinement);
    for (dataset, density) in predicted.iter().enumerate() {
        let LogMean { value, standard_error } = density;
        output.line(format!("data set {dataset}: expected log predictive density {value:.3} ± {standard_error:.3}"));
    }
    if let Some(out) = out {
        save(&out, &refinement, &predicted)?;
        output.line(format!("{}", out.display()));
    }
    let unreliable = refinement.unreliable().len();
    if unreliable > 0 {
        warn(&format!(
            "the log evidence of {unreliable} of {} data sets cannot be relied on; take more --draws where their number is named, else \
             train longer",
            refinement.weights.len()
        ));
    }
    if let Some(warning) = warning {
        warn(&warning);
    }
    Ok(())
}

/// Weighted draws, the predictive densities if there is something to predict, and a warning about unusual data.
type Weighed = (Refinement, Vec<LogMean>, Option<String>);

fn by_simulator(
    posterior: &BasicWorkflow,
    observed: &Record,
    draws: usize,
    simulator: &dyn Simulator,
) -> Outcome<Weighed> {
    let refinement = posterior.refine(observed, draws, &SimulatorDensity(simulator))?;
    Ok((refinement, Vec::new(), posterior.warn_atypical(observed)?))
}

fn by_likelihood(
    posterior: BasicWorkflow,
    likelihood: LikelihoodWorkflow,
    simulator: Arc<dyn Simulator>,
    observed: &Record,
    future: Option<&Record>,
    draws: usize,
) -> Outcome<Weighed> {
    let joint = JointWorkflow::new(simulator, posterior, likelihood)?;
    let predicted = match future {
        Some(future) => joint.expected_log_predictive_density(observed, future, draws)?,
        None => Vec::new(),
    };
    Ok((joint.refine(observed, draws)?, predicted, joint.posterior().warn_atypical(observed)?))
}

/// Writes the numbers of each data set.
fn save(out: &Path, refinement: &Refinement, predicted: &[LogMean]) -> Outcome {
    let values = |means: &[LogMean]| Array::vector(means.iter().map(|mean| mean.value).collect());
    let errors = |means: &[LogMean]| Array::vector(means.iter().map(|mean| mean.standard_error).collect());
    let evidence = refinement.log_evidence();
    let k_hat = Array::vector(refinement.weights.iter().map(|weights| weights.k_hat).collect());
    let mut arrays =
        vec![("log_evidence", values(&evidence)), ("log_evidence_error", errors(&evidence)), ("k_hat", k_hat)];
    if !predicted.is_empty() {
        arrays.push(("log_predictive_density", values(predicted)));
        arrays.push(("log_predictive_density_error", errors(predicted)));
    }
    Ok(npz::write(out, arrays.iter().map(|(key, array)| (*key, array)))?)
}
