//! A run whose networks are trained several times: an ensemble.

use std::path::Path;

use super::{Learned, Run, Source, folder_dataset};
use crate::error::{Error, Result};
use crate::workflow::builder::WorkflowBuilder;
use crate::workflow::callback::Callback;
use crate::workflow::ensemble::{EnsembleCheckpoint, EnsembleWorkflow};
use crate::workflow::fitting::Validation;

impl<A: Learned> Run<A> {
    /// Trains `members` members instead of one, with the seeds that follow that of the run, side by side: on the same fresh simulations,
    /// on those that exist, or on those in the files of a folder, each read once for all. Each leaves its checkpoints in
    /// `folder/NUMBER`; `callbacks` watch every member. With `resume` the training goes on from such checkpoints.
    ///
    /// # Errors
    /// Fewer than two members, elements of sets.
    pub fn train_members(
        &self,
        members: usize,
        folder: &Path,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&EnsembleCheckpoint>,
    ) -> Result<EnsembleWorkflow<A>> {
        if self.elements.is_some() {
            let message = format!(
                "{members} were asked for, and an ensemble is not trained on the elements of sets; train them one by one"
            );
            return Err(Error::argument("members", message));
        }
        let mut ensemble = EnsembleWorkflow::of_size(WorkflowBuilder::of(&self.workflow), members)?;
        ensemble.set_checkpoints(folder);
        let fit = self.fit.clone();
        match &self.source {
            Source::Online => {
                let validation = match self.config.validation {
                    None | Some(0) => Validation::None,
                    Some(count) => Validation::Simulations(count),
                };
                ensemble.fit_online_with(fit, 1.0, validation, callbacks, resume)?;
            }
            Source::Offline { training, held_out } => {
                let validation = held_out.clone().map_or(Validation::None, Validation::Data);
                ensemble.fit_offline_with(training.clone(), fit, 1.0, validation, callbacks, resume)?;
            }
            Source::Folder { shards, roles, held_out } => {
                let validation = self.source.held_out()?.map_or(Validation::None, Validation::Data);
                let lengths = (&self.config, fit.batch_size, fit.batches_per_epoch);
                let (adapter, key) = (self.workflow.adapter().clone(), self.workflow.key().fork("offline"));
                let dataset = folder_dataset(shards, roles, *held_out, &adapter, lengths, key)?;
                ensemble.fit_dataset(dataset, fit, validation, callbacks, resume)?;
            }
        }
        Ok(ensemble)
    }
}
