//! Floor 8: approximators. They join networks, standardisation and the adapter's canonical variables.
//!
//! A [`Batch`] is what the adapter's output looks like to a network: `inference_variables` `[datasets, D]`,
//! `inference_conditions` `[datasets, C]`, `summary_variables` (sets or series, ragged) and `sample_weight`.
//!
//! A configuration implements [`Approximator`]; with weights it is a [`BuiltApproximator`] with an [`Objective`]: what its networks
//! learn. Most objectives are a summary network with a [`Head`] behind it.

mod approximator;
mod batch;
mod built;
mod conditioned;
mod conditions;
mod continuous;
mod dimensions;
mod ensemble;
mod model_comparison;
mod objective;
mod ratio;
mod scoring_rule;
mod standardizer;
mod trainable;
mod trained;
mod typicality;

pub use approximator::{Approximator, Compared, Parts};
pub use batch::{Batch, Matrix, Sets};
pub use built::{BuiltApproximator, LossGradients};
pub use conditioned::{Conditioned, Head};
pub use continuous::{BuiltContinuousApproximator, ContinuousApproximator, Density};
pub use dimensions::Dimensions;
pub use ensemble::EnsembleApproximator;
pub(crate) use ensemble::{Allotment, Members, is_averaged, mean, seed_of_member, with_distribution};
pub use model_comparison::{BuiltModelComparisonApproximator, ModelComparisonApproximator};
pub use objective::{Inputs, Objective};
pub use ratio::{BuiltRatioApproximator, Contrast, RatioApproximator};
pub use scoring_rule::{BuiltScoringRuleApproximator, Scores, ScoringRuleApproximator};
pub use standardizer::{Moments, Standardizer, Variable};
pub use trainable::{StepOutcome, Trainable};
pub use typicality::Typicality;
