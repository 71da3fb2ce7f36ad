//! What happens during a fit, for those who want to watch or stop it.

use crate::error::Result;

/// A training step that was taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepRecord {
    /// Number of the step, from 0.
    pub step: u64,
    /// Epoch it belongs to, from 0.
    pub epoch: usize,
    /// Steps of the whole fit.
    pub steps: u64,
    /// The loss before the step.
    pub loss: f64,
    /// The learning rate.
    pub learning_rate: f64,
    /// Norm of all gradients before clipping.
    pub gradient_norm: f64,
    /// Seconds since the fit began (or was resumed), plus those of earlier parts.
    pub seconds: f64,
    /// Data sets in the batch.
    pub datasets: usize,
}

/// An epoch that is complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochRecord<'a> {
    /// Number of the epoch, from 0.
    pub epoch: usize,
    /// Epochs of the whole fit.
    pub epochs: usize,
    /// Mean loss of its batches, weighted by their sizes.
    pub loss: f64,
    /// Loss of the validation data, if there are any.
    pub validation_loss: Option<f64>,
    /// Metrics of the validation data: the name of each, and its value if it could be computed.
    pub metrics: &'a [(&'static str, Option<f64>)],
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Stop after this step or epoch; what was learned so far is kept.
    Stop,
}

/// A watcher of the fit. A seam that users extend; every method may be left out.
pub trait Callback {
    /// In the training of an ensemble, before each of the other calls: the name of the member that it is about. [`Control::Stop`] ends
    /// the training of that member. The fit of a single model does not call it.
    fn on_member(&mut self, member: &str) {
        let _ = member;
    }

    /// After each step.
    fn on_step(&mut self, step: &StepRecord) -> Result<Control> {
        let _ = step;
        Ok(Control::Continue)
    }

    /// After each epoch.
    fn on_epoch(&mut self, epoch: &EpochRecord) -> Result<Control> {
        let _ = epoch;
        Ok(Control::Continue)
    }

    /// When something happened that the user should read: training went back after a value that was not finite, say.
    fn on_event(&mut self, message: &str) {
        let _ = message;
    }
}
