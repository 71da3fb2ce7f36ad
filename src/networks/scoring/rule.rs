//! The scoring rules that files can name, and those that a user brings along.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::cross_entropy::CrossEntropy;
use super::mixture::Mixture;
use super::mv_normal::MvNormal;
use super::point::{NormedDifference, QuantileScore};
use super::score::{BuiltScore, Score};
use crate::error::{Error, Result};
use crate::parameters::Builder;

/// A scoring rule by its configuration: what an estimate is trained to be. `θ̂` are estimates, `θ` targets of `D` columns.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ScoringRule {
    /// The mean: `(θ̂ − θ)²`, head `value` `[D]`.
    Mean,
    /// The median: `|θ̂ − θ|`, head `value` `[D]`.
    Median,
    /// `|θ̂ − θ|ᵏ`, head `value` `[D]`.
    NormedDifference {
        /// The exponent, positive.
        k: f64,
    },
    /// Quantiles: `(θ̂_q − θ)(1[θ̂_q > θ] − q)`, head `value` `[Q, D]`, ascending (Koenker & Bassett 1978).
    Quantile {
        /// The probabilities, ascending, between 0 and 1.
        #[serde(default = "usual_quantiles")]
        q: Vec<f64>,
    },
    /// A normal distribution with any covariance: its negative log-density, heads `mean` `[D]` and `precision_cholesky_factor` `[D, D]`,
    /// the lower triangular `L` of the precision `LᵀL`.
    MvNormal,
    /// A mixture of distributions: its negative log-density, heads `mixture_logits` `[K]` and `component__head`.
    Mixture {
        /// The rules of the components by name, at least two, each with a density.
        components: IndexMap<String, ScoringRule>,
        /// What divides the logits; a state that training leaves alone.
        #[serde(default = "one")]
        temperature: f64,
    },
    /// Probabilities of classes: `−Σ θ ln softmax(logits)` for one-hot targets, head `logits` `[D]`.
    CrossEntropy {
        /// How many classes are expected; the number of target columns when left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        classes: Option<usize>,
    },
    /// A rule of the user's own. It cannot be named in a file: a model with such a rule is loaded by giving the rule again.
    #[serde(skip)]
    Custom(Arc<dyn Score>),
}

/// The quantiles that are estimated when none are named.
pub(super) fn usual_quantiles() -> Vec<f64> {
    vec![0.1, 0.5, 0.9]
}

fn one() -> f64 {
    1.0
}

impl ScoringRule {
    /// Quantiles of given probabilities.
    pub fn quantiles(q: impl Into<Vec<f64>>) -> Self {
        ScoringRule::Quantile { q: q.into() }
    }

    /// A mixture of `count` normal distributions, named `0`, `1`, ….
    pub fn normal_mixture(count: usize) -> Self {
        let components = (0..count).map(|index| (index.to_string(), ScoringRule::MvNormal)).collect();
        ScoringRule::Mixture { components, temperature: 1.0 }
    }

    /// The name.
    pub fn name(&self) -> &str {
        match self {
            ScoringRule::Mean => "mean",
            ScoringRule::Median => "median",
            ScoringRule::NormedDifference { .. } => "normed-difference",
            ScoringRule::Quantile { .. } => "quantile",
            ScoringRule::MvNormal => "mv-normal",
            ScoringRule::Mixture { .. } => "mixture",
            ScoringRule::CrossEntropy { .. } => "cross-entropy",
            ScoringRule::Custom(rule) => rule.name(),
        }
    }

    /// The rule for `dimension` targets.
    pub fn build(&self, builder: &Builder, dimension: usize) -> Result<Box<dyn BuiltScore>> {
        if dimension == 0 {
            return Err(Error::argument("dimension", "0 was given; give at least one target column"));
        }
        Ok(match self {
            ScoringRule::Mean => Box::new(NormedDifference::new(2.0, dimension)?),
            ScoringRule::Median => Box::new(NormedDifference::new(1.0, dimension)?),
            ScoringRule::NormedDifference { k } => Box::new(NormedDifference::new(*k, dimension)?),
            ScoringRule::Quantile { q } => Box::new(QuantileScore::new(q, dimension)?),
            ScoringRule::MvNormal => Box::new(MvNormal::new(dimension)),
            ScoringRule::Mixture { components, temperature } => {
                Box::new(Mixture::build(components, *temperature, builder, dimension)?)
            }
            ScoringRule::CrossEntropy { classes } => Box::new(CrossEntropy::new(*classes, dimension)?),
            ScoringRule::Custom(rule) => rule.build(builder, dimension)?,
        })
    }
}

impl From<Arc<dyn Score>> for ScoringRule {
    fn from(rule: Arc<dyn Score>) -> Self {
        ScoringRule::Custom(rule)
    }
}

impl std::fmt::Debug for ScoringRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScoringRule::NormedDifference { k } => write!(f, "normed-difference of exponent {k}"),
            ScoringRule::Quantile { q } => write!(f, "quantile {q:?}"),
            ScoringRule::Mixture { components, .. } => write!(f, "mixture of {components:?}"),
            _ => f.write_str(self.name()),
        }
    }
}
