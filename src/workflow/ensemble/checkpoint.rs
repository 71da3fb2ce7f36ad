//! How far the members of an ensemble came, to go on with the same bits.

use std::path::Path;

use crate::approximators::Approximator;
use crate::error::Result;
use crate::io::ModelFile;
use crate::workflow::checkpoint::Checkpoint;
use crate::workflow::history::History;

/// The checkpoints of an ensemble's members. A member without one, because the training was interrupted before it began, starts anew.
#[derive(Debug, Clone)]
pub struct EnsembleCheckpoint {
    members: Vec<(String, Option<Checkpoint>)>,
}

impl EnsembleCheckpoint {
    /// Reads what the training of the named members left in `FOLDER/NAME`.
    ///
    /// # Errors
    /// A model file that is damaged, or of another kind of approximator.
    pub fn read<A: Approximator>(
        folder: impl AsRef<Path>,
        names: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Self> {
        let read = |name: String| {
            let own = folder.as_ref().join(&name);
            let (model, history) = (own.join("model.safetensors"), own.join("history.csv"));
            if !model.exists() {
                return Ok((name, None));
            }
            let mut checkpoint = Checkpoint::from_file::<A>(&ModelFile::load(&model)?)?;
            // The model file of a training that is complete holds no losses.
            if checkpoint.is_complete() && history.exists() {
                checkpoint.state.history = History::read_csv(&history)?;
            }
            Ok((name, Some(checkpoint)))
        };
        let members = names.into_iter().map(|name| read(name.into())).collect::<Result<_>>()?;
        Ok(EnsembleCheckpoint { members })
    }

    /// True when nothing is left to train.
    pub fn is_complete(&self) -> bool {
        self.members.iter().all(|(_, checkpoint)| checkpoint.as_ref().is_some_and(Checkpoint::is_complete))
    }

    /// Epochs that all members have complete.
    pub fn epochs(&self) -> usize {
        self.members.iter().map(|(_, checkpoint)| checkpoint.as_ref().map_or(0, Checkpoint::epochs)).min().unwrap_or(0)
    }

    pub(super) fn of(&self, member: &str) -> Option<&Checkpoint> {
        self.members.iter().find(|(name, _)| name == member).and_then(|(_, checkpoint)| checkpoint.as_ref())
    }
}
