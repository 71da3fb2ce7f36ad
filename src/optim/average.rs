//! Exponential moving average of the weights (Polyak & Juditsky 1992).

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::ops::update::moving_average;
use crate::parameters::Parameters;

/// Weights averaged over the last steps: less noise than the last weights, at no cost in training.
///
/// Update `t = 1, 2, …` is `a ← d a + (1 − d) θ` with `d = min(decay, (1 + t)/(10 + t))`: the smaller decay of early
/// updates lets the average forget where the weights started.
#[derive(Debug)]
pub struct MovingAverage {
    decay: f64,
    steps: u64,
    average: Parameters,
}

impl MovingAverage {
    /// An average that starts at the present weights. `decay` lies in [0, 1); 0.999 averages about a thousand steps.
    pub fn new(decay: f64, parameters: &Parameters) -> Result<Self> {
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::argument(
                "decay",
                format!("{decay} was given; a number of at least 0 and below 1 is expected"),
            ));
        }
        Ok(MovingAverage { decay, steps: 0, average: parameters.duplicate()? })
    }

    /// Moves the average towards the present weights.
    pub fn update(&mut self, parameters: &Parameters) -> Result<()> {
        if !Arc::ptr_eq(self.average.layout(), parameters.layout()) {
            return Err(Error::argument(
                "parameters",
                "belong to another model than the average; use those of the same model",
            ));
        }
        self.steps += 1;
        let t = self.steps as f64;
        let decay = self.decay.min((1.0 + t) / (10.0 + t));
        moving_average((1.0 - decay) as f32, parameters.trainable(), self.average.trainable())
    }

    /// The averaged weights.
    pub fn parameters(&self) -> &Parameters {
        &self.average
    }

    /// The averaged weights, to be exchanged with others of the same model.
    pub fn parameters_mut(&mut self) -> &mut Parameters {
        &mut self.average
    }

    /// Number of updates.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Replaces the average (all trainable weights, flat) and the number of updates, from a checkpoint.
    pub fn restore(&mut self, average: &[f32], steps: u64) -> Result<()> {
        let flat = self.average.trainable_mut();
        if flat.shape().elements() != average.len() {
            let message = format!(
                "{} values for {} weights; restore the average of the same model",
                average.len(),
                flat.shape().elements()
            );
            return Err(Error::shape("average", message));
        }
        flat.write(average)?;
        self.steps = steps;
        Ok(())
    }
}
