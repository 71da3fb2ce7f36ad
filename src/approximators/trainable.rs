//! What the training loop needs from an approximator.

use super::{Batch, Standardizer};
use crate::error::Result;
use crate::optim::{Adam, StepReport};
use crate::parameters::Parameters;
use crate::random::Key;

/// What a training step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepOutcome {
    /// The loss before the step.
    pub loss: f64,
    /// Learning rate and gradient norm.
    pub report: StepReport,
}

/// An approximator that can be trained on batches.
pub trait Trainable {
    /// The weights.
    fn parameters(&self) -> &Parameters;

    /// The weights, to be loaded or averaged.
    fn parameters_mut(&mut self) -> &mut Parameters;

    /// The running standardisation.
    fn standardizer(&self) -> &Standardizer;

    /// The running standardisation, to be loaded.
    fn standardizer_mut(&mut self) -> &mut Standardizer;

    /// One training step: updates the moments of the standardisation with the batch, computes the loss and its gradients,
    /// and changes the weights. When something is not finite, the weights stay as they were and the error names the first
    /// operation with such a value; the moments have then seen the batch.
    fn train_step(&mut self, batch: &Batch, optimizer: &mut Adam, key: Key) -> Result<StepOutcome>;

    /// As [`train_step`](Self::train_step), but waits for nothing that the device computes: loss and report come with
    /// [`Adam::finish_steps`]. A step with something that is not finite leaves the weights as they were.
    fn start_step(&mut self, batch: &Batch, optimizer: &mut Adam, key: Key) -> Result<()>;

    /// The loss of a batch without dropout and without changing anything.
    fn loss(&self, batch: &Batch) -> Result<f64>;
}
