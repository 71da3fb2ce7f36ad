//! How to fit.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::optim::{Matrices, Optimizer};

/// Options of a fit.
///
/// ```
/// use ferroflow::workflow::Fit;
/// let short = Fit { epochs: 15, batches_per_epoch: 200, ..Fit::default() };
/// assert_eq!(short.batch_size, 32);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fit {
    /// Passes over the data, or groups of batches when simulating online.
    pub epochs: usize,
    /// Batches of an epoch when simulating online; offline it follows from the data.
    pub batches_per_epoch: usize,
    /// Data sets in a batch.
    pub batch_size: usize,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// The optimizer; by default Adam online and AdamW offline, clipped to a common norm of 1.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
    /// Decay of the moving average of the weights that validation and the final model use; none uses the weights as
    /// they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// Stop when the validation loss has not improved for this many epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// How often training, instead of stopping, goes back to the best weights and on with a quarter of the learning rate.
    pub reductions: usize,
    /// Keep the weights of the epoch with the smallest validation loss (if there are validation data).
    pub keep_best: bool,
}

/// Training steps that a fit on simulations that exist already aims at, and the limits of its epochs.
const OFFLINE_STEPS: usize = 20_000;
const OFFLINE_EPOCHS: (usize, usize) = (10, 100);
/// With so many simulations that exist already, or more, batches have this size and steps this rate.
const FEW: usize = 2_000;
const BATCH: usize = 128;
const RATE: f64 = 3e-3;
/// Epochs without a smaller validation loss after which the rate falls, and how often it falls before training ends. These numbers
/// were chosen by the density of fresh simulations on four problems with 10 000 simulations each.
const PATIENCE: usize = 6;
const REDUCTIONS: usize = 4;
/// Steps that the default moving average looks back over.
const AVERAGE: f64 = 0.99;

impl Default for Fit {
    fn default() -> Self {
        Fit {
            epochs: 100,
            batches_per_epoch: 100,
            batch_size: 32,
            learning_rate: 5e-4,
            optimizer: None,
            average: Some(AVERAGE),
            patience: None,
            reductions: 0,
            keep_best: true,
        }
    }
}

impl Fit {
    /// The linear-regression tutorial: its budget of 15 epochs of 200 batches of 32 data sets. Muon for the hidden layers, a
    /// larger learning rate and a shorter memory of the second moments than the defaults make the most of so few steps.
    pub fn for_regression() -> Self {
        let optimizer = Optimizer { beta2: 0.95, matrices: Matrices::Muon, ..Optimizer::default() };
        Fit { epochs: 15, batches_per_epoch: 200, learning_rate: 3e-3, optimizer: Some(optimizer), ..Fit::default() }
    }

    /// A number of simulations that exist already: larger batches, Muon for the hidden layers, smaller steps from the best weights
    /// on when the validation loss no longer falls, and finally an end.
    pub fn for_simulations(count: usize) -> Self {
        let batch_size = if count >= FEW { BATCH } else { Fit::default().batch_size };
        Fit {
            epochs: offline_epochs(count, batch_size),
            batch_size,
            learning_rate: RATE,
            patience: Some(PATIENCE),
            reductions: REDUCTIONS,
            optimizer: Some(Optimizer { matrices: Matrices::Muon, ..Optimizer::for_fixed_data() }),
            ..Fit::default()
        }
    }

    /// The same training `factor` times as long. The learning rate falls by `factor^0.3`: with more steps, smaller ones
    /// suffice, and single draws go astray less often.
    pub fn longer(self, factor: usize) -> Self {
        let learning_rate = self.learning_rate / (factor.max(1) as f64).powf(0.3);
        Fit { epochs: self.epochs.saturating_mul(factor), learning_rate, ..self }
    }

    /// Checks all ranges.
    pub fn check(&self) -> Result<()> {
        for (name, value) in
            [("epochs", self.epochs), ("batches_per_epoch", self.batches_per_epoch), ("batch_size", self.batch_size)]
        {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            let message = format!("{} was given; give a positive number, such as 0.0005", self.learning_rate);
            return Err(Error::argument("learning_rate", message));
        }
        if self.reductions > 0 && (self.patience.is_none() || !self.keep_best) {
            let message = format!(
                "{} was given without patience, or without the best weights to go back to; set patience, and keep_best = true",
                self.reductions
            );
            return Err(Error::argument("reductions", message));
        }
        if self.patience == Some(0) {
            return Err(Error::argument("patience", "0 was given; give at least 1 epoch, or leave it out"));
        }
        Ok(())
    }
}

/// Epochs for a number of simulations that exist already: about twenty thousand steps in 10 to 100 epochs.
pub(super) fn offline_epochs(datasets: usize, batch_size: usize) -> usize {
    let (fewest, most) = OFFLINE_EPOCHS;
    (OFFLINE_STEPS / datasets.div_ceil(batch_size.max(1)).max(1)).clamp(fewest, most)
}
