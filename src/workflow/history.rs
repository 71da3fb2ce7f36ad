//! What a fit has recorded.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::callback::{EpochRecord, StepRecord};
use crate::codecs::{Array, atomic_write};
use crate::error::{Error, Result};

/// Something that happened during a fit and that the user should know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The step at which it happened.
    pub step: u64,
    /// A sentence.
    pub message: String,
}

/// One line of the history.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    step: u64,
    epoch: usize,
    loss: f64,
    learning_rate: f64,
    gradient_norm: f64,
    seconds: f64,
}

/// Losses of all steps and epochs of a fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    #[serde(skip)]
    lines: Vec<Line>,
    epoch_losses: Vec<f64>,
    validation_losses: Vec<Option<f64>>,
    events: Vec<Event>,
}

impl History {
    /// Makes room for the lines of a fit, so that recording takes no memory.
    pub(super) fn reserve(&mut self, steps: u64, epochs: usize) {
        self.lines.reserve((steps as usize).saturating_sub(self.lines.len()));
        self.epoch_losses.reserve(epochs);
        self.validation_losses.reserve(epochs);
    }

    pub(super) fn step(&mut self, record: &StepRecord) {
        let StepRecord { step, epoch, loss, learning_rate, gradient_norm, seconds, .. } = *record;
        self.lines.push(Line { step, epoch, loss, learning_rate, gradient_norm, seconds });
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord) {
        self.epoch_losses.push(record.loss);
        self.validation_losses.push(record.validation_loss);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The loss of each step.
    pub fn losses(&self) -> impl ExactSizeIterator<Item = f64> {
        self.lines.iter().map(|line| line.loss)
    }

    /// The learning rate of each step.
    pub fn learning_rates(&self) -> impl ExactSizeIterator<Item = f64> {
        self.lines.iter().map(|line| line.learning_rate)
    }

    /// Mean loss of each epoch.
    pub fn epoch_losses(&self) -> &[f64] {
        &self.epoch_losses
    }

    /// Validation loss of each epoch; `None` without validation data.
    pub fn validation_losses(&self) -> &[Option<f64>] {
        &self.validation_losses
    }

    /// What happened that the user should know of.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Seconds until the last step.
    pub fn seconds(&self) -> f64 {
        self.lines.last().map_or(0.0, |line| line.seconds)
    }

    /// The lines as an array `[steps, 6]`, for a checkpoint.
    pub(super) fn to_array(&self) -> Result<Array> {
        let numbers = |line: &Line| {
            let Line { step, epoch, loss, learning_rate, gradient_norm, seconds } = *line;
            [step as f64, epoch as f64, loss, learning_rate, gradient_norm, seconds]
        };
        Array::f64([self.lines.len(), 6], self.lines.iter().flat_map(numbers).collect())
    }

    /// Puts the lines of a checkpoint back.
    pub(super) fn restore_lines(&mut self, array: &Array) -> Result<()> {
        if array.shape().get(1) != Some(&6) {
            return Err(Error::shape(
                "history",
                format!("has shape {:?}, expected [steps, 6]; the file is damaged", array.shape()),
            ));
        }
        let values = array.to_f64();
        let line = |v: &[f64]| Line {
            step: v[0] as u64,
            epoch: v[1] as usize,
            loss: v[2],
            learning_rate: v[3],
            gradient_norm: v[4],
            seconds: v[5],
        };
        self.lines = values.chunks_exact(6).map(line).collect();
        Ok(())
    }

    /// Writes `step, epoch, loss, validation loss, learning rate, gradient norm, seconds`, one line per step. The
    /// validation loss stands in the last line of its epoch.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        atomic_write(path, |file| {
            writeln!(file, "step,epoch,loss,validation_loss,learning_rate,gradient_norm,seconds")?;
            for (i, line) in self.lines.iter().enumerate() {
                let last_of_epoch = self.lines.get(i + 1).is_none_or(|next| next.epoch != line.epoch);
                let validation = self.validation_losses.get(line.epoch).copied().flatten().filter(|_| last_of_epoch);
                let validation = validation.map_or(String::new(), |v| v.to_string());
                let Line { step, epoch, loss, learning_rate, gradient_norm, seconds } = line;
                writeln!(file, "{step},{epoch},{loss},{validation},{learning_rate},{gradient_norm},{seconds:.3}")?;
            }
            Ok(())
        })
    }
}
