//! `ferroflow sample --refine` and `--exact`: amortized draws corrected by prior and likelihood.

use std::path::{Path, PathBuf};

use ferroflow::Error;
use ferroflow::data::Record;
use ferroflow::data::io::write_npz;
use ferroflow::simulators::{Simulator, find};
use ferroflow::workflow::{BasicWorkflow, JointWorkflow, LikelihoodWorkflow, Refinement, SimulatorDensity};

use super::{nuts, warn_of, written};
use crate::arguments::Place;
use crate::checks;
use crate::output::{Outcome, Output, usage, warn};

/// How draws are corrected, and by which likelihood: that of a file, else that of the simulator.
pub struct Correction {
    exact: bool,
    likelihood: Option<PathBuf>,
}

impl Correction {
    /// What the options ask for; none of them is none.
    pub fn asked(refine: bool, exact: bool, likelihood: Option<PathBuf>) -> Outcome<Option<Self>> {
        if let Some(path) = &likelihood {
            if !(refine || exact) {
                return Err(usage("--likelihood belongs to --refine and --exact; add one of them, or leave it out"));
            }
            checks::input(path)?;
        }
        Ok((refine || exact).then_some(Correction { exact, likelihood }))
    }

    /// Draws, corrects and writes.
    pub fn run(self, workflow: BasicWorkflow, observed: &Record, draws: usize, place: &Place, out: &Path) -> Outcome {
        let seed = workflow.seed();
        let simulator = simulator_of(&workflow, None, if self.exact { "--exact" } else { "--refine" })?;
        let warning = workflow.warn_atypical(observed)?;
        let nuts = nuts(draws);
        let joint = |workflow: BasicWorkflow, simulator: Box<dyn Simulator>, path: PathBuf| -> Outcome<JointWorkflow> {
            let likelihood = LikelihoodWorkflow::load(path, None, checks::device(place)?)?;
            Ok(JointWorkflow::new(simulator.into(), workflow, likelihood)?)
        };
        match (self.exact, self.likelihood) {
            (true, likelihood) => {
                let (record, chains) = match likelihood {
                    Some(path) => joint(workflow, simulator, path)?.sample_exactly(observed, &nuts)?,
                    None => workflow.sample_exactly(observed, &SimulatorDensity(&*simulator), &nuts)?,
                };
                write_npz(out, &record)?;
                written(out, &record, nuts.draws * nuts.chains, seed);
                warn_of(&chains);
            }
            (false, likelihood) => {
                let refinement = match likelihood {
                    Some(path) => joint(workflow, simulator, path)?.refine(observed, draws)?,
                    None => workflow.refine(observed, draws, &SimulatorDensity(&*simulator))?,
                };
                let record = refinement.resample(draws)?;
                write_npz(out, &record)?;
                written(out, &record, draws, seed);
                evidences(&mut Output::default(), &refinement);
                warn_of_weights(&refinement);
            }
        }
        if let Some(warning) = warning {
            warn(&warning);
        }
        Ok(())
    }
}

/// The simulator that was asked for, or else that of the training, whose prior is needed for `option`.
pub fn simulator_of(workflow: &BasicWorkflow, asked: Option<String>, option: &str) -> Outcome<Box<dyn Simulator>> {
    let name = asked.or_else(|| workflow.training().simulator.clone()).ok_or_else(|| {
        let remedy = match option {
            "--simulator" => "name a simulator with this prior",
            _ => "use BasicWorkflow::refine or sample_exactly in Rust",
        };
        let message = format!("the model was trained on a file, and the density of the prior is needed; {remedy}");
        Error::argument(option, message)
    })?;
    Ok(find(&name)?)
}

/// The log evidence of each data set and how far its weights can be relied on.
pub fn evidences(output: &mut Output, refinement: &Refinement) {
    for (dataset, (weights, evidence)) in refinement.weights.iter().zip(refinement.log_evidence()).enumerate() {
        output.line(format!(
            "data set {dataset}: log evidence {:.3} ± {:.3}; {}",
            evidence.value,
            evidence.standard_error,
            weights.sentence()
        ));
    }
}

fn warn_of_weights(refinement: &Refinement) {
    let unreliable = refinement.unreliable().len();
    if unreliable > 0 {
        warn(&format!(
            "{unreliable} of {} data sets cannot be corrected by weights; train longer, or start a sampler from the draws with \
             --exact",
            refinement.weights.len()
        ));
    }
}
