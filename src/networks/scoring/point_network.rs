//! Point estimates by name.

use serde::{Deserialize, Serialize};

use super::{ScoringRule, ScoringRuleNetwork};
use crate::nn::Mlp;

/// A point estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// The posterior mean.
    Mean,
    /// The posterior median.
    Median,
    /// Posterior quantiles.
    Quantiles,
}

/// A short way to a [`ScoringRuleNetwork`] whose rules are named after what they estimate: `mean`, `median`, `quantiles`.
///
/// ```
/// use ferroflow::networks::{PointNetwork, ScoringRuleNetwork};
/// let network: ScoringRuleNetwork = PointNetwork { q: vec![0.05, 0.95], ..Default::default() }.into();
/// assert!(network.scoring_rules.contains_key("quantiles"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PointNetwork {
    /// What is estimated.
    pub points: Vec<Point>,
    /// The probabilities of the quantiles.
    pub q: Vec<f64>,
    /// The body that all heads share.
    pub subnet: Mlp,
}

impl Default for PointNetwork {
    fn default() -> Self {
        PointNetwork {
            points: vec![Point::Mean, Point::Quantiles],
            q: super::rule::usual_quantiles(),
            subnet: Mlp::default(),
        }
    }
}

impl From<PointNetwork> for ScoringRuleNetwork {
    fn from(network: PointNetwork) -> Self {
        let rules = network.points.iter().map(|point| match point {
            Point::Mean => ("mean", ScoringRule::Mean),
            Point::Median => ("median", ScoringRule::Median),
            Point::Quantiles => ("quantiles", ScoringRule::quantiles(network.q.clone())),
        });
        ScoringRuleNetwork { subnet: network.subnet.clone(), ..ScoringRuleNetwork::of(rules) }
    }
}
