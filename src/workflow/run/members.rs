//! A run whose networks are trained several times: an ensemble.

use std::path::Path;

use super::{Run, Source};
use crate::approximators::ContinuousApproximator;
use crate::error::{Error, Result};
use crate::workflow::builder::WorkflowBuilder;
use crate::workflow::callback::Callback;
use crate::workflow::ensemble::EnsembleWorkflow;
use crate::workflow::fitting::Validation;

impl Run<ContinuousApproximator> {
    /// Trains `members` members instead of one, with the seeds that follow that of the run: side by side on the same fresh
    /// simulations, or one after the other on those that exist. Each leaves its checkpoints in `folder/NUMBER`; `callbacks` watch
    /// the first where members are trained side by side.
    ///
    /// # Errors
    /// Fewer than two members, simulations in a folder, elements of sets.
    pub fn train_members(
        &self,
        members: usize,
        folder: &Path,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<EnsembleWorkflow> {
        let builder = |number: usize| {
            let name = number.to_string();
            let seed = self.config.seed.unwrap_or(0).wrapping_add(number as u64);
            (name.clone(), WorkflowBuilder::of(&self.workflow).seed(seed).checkpoints(folder.join(name)))
        };
        let refused = |what: &str| {
            let message =
                format!("{members} were asked for, and an ensemble is not trained on {what}; train them one by one");
            Err(Error::argument("members", message))
        };
        if self.elements.is_some() {
            return refused("the elements of sets");
        }
        let mut ensemble = EnsembleWorkflow::new((0..members).map(builder))?;
        match &self.source {
            Source::Online => {
                let validation = match self.config.validation {
                    None | Some(0) => Validation::None,
                    Some(count) => Validation::Simulations(count),
                };
                ensemble.fit_online_with(self.fit.clone(), 1.0, validation, callbacks)?;
            }
            Source::Offline { training, held_out } => {
                let validation = held_out.clone().map_or(Validation::None, Validation::Data);
                ensemble.fit_offline(training.clone(), self.fit.clone(), validation, 1.0)?;
            }
            Source::Folder { .. } => return refused("the files of a folder"),
        }
        Ok(ensemble)
    }
}
