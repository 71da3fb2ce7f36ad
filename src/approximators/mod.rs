//! Floor 8: approximators. They join networks, standardisation and the adapter's canonical variables.
//!
//! A [`Batch`] is what the adapter's output looks like to a network: `inference_variables` `[datasets, D]`,
//! `inference_conditions` `[datasets, C]`, `summary_variables` (sets or series, ragged) and `sample_weight`.

mod batch;
mod continuous;
mod standardizer;
mod trainable;

pub use batch::{Batch, Matrix, Sets};
pub use continuous::{BuiltContinuousApproximator, ContinuousApproximator, Dimensions, LossGradients};
pub use standardizer::{Moments, Standardizer, Variable};
pub use trainable::{StepOutcome, Trainable};
