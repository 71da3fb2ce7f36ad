//! The approximator of estimates: a network of scoring rules behind the condition.
//!
//! ```text
//! loss = mean over the rules of mean(score(θ̂(c), θ̃) · weight)
//! ```
//!
//! Estimates cost one pass for each data set, without draws. (Gneiting & Raftery 2007)

mod estimate;

use serde::{Deserialize, Serialize};

use super::conditioned::{Conditioned, Construction, Head};
use super::{Approximator, BuiltApproximator, Dimensions, Parts, Variable};
use crate::autodiff::Var;
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::Result;
use crate::networks::scoring::BuiltScoringRuleNetwork;
use crate::networks::{ScoringRuleNetwork, SummaryChoice};
use crate::nn::Pass;
use crate::random::Key;

/// A scoring-rule approximator with weights on a device.
pub type BuiltScoringRuleApproximator = BuiltApproximator<Conditioned<Scores>>;

/// Configuration of the approximator of estimates.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoringRuleApproximator {
    /// The rules, and the network that their heads share.
    #[serde(default)]
    pub inference_network: ScoringRuleNetwork,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The distribution that training draws the summaries towards, by their maximum mean discrepancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_distribution: Option<BaseDistribution>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
}

impl Default for ScoringRuleApproximator {
    fn default() -> Self {
        ScoringRuleApproximator {
            inference_network: ScoringRuleNetwork::default(),
            summary_network: None,
            summary_distribution: None,
            standardize: vec![Variable::InferenceVariables],
        }
    }
}

impl Approximator for ScoringRuleApproximator {
    const KIND: &'static str = "scoring-rule";
    type Objective = Conditioned<Scores>;

    fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltScoringRuleApproximator> {
        let targets = dimensions.inference_variables;
        let construction = Construction {
            summary_network: self.summary_network.as_ref(),
            summary_distribution: self.summary_distribution.as_ref(),
            standardize: &self.standardize,
            dimensions,
            device,
            key,
        };
        construction.build(|builder, condition| {
            let network = self.inference_network.build(&builder.scope("inference_network"), targets, condition)?;
            Ok(Scores { network })
        })
    }

    fn parts_mut(&mut self) -> Parts<'_> {
        Parts {
            summary_network: &mut self.summary_network,
            summary_distribution: &mut self.summary_distribution,
            standardize: &mut self.standardize,
        }
    }

    fn set_dropout(&mut self, probability: f64) {
        self.inference_network.set_dropout(probability);
    }
}

/// The head of estimates.
pub struct Scores {
    pub(in crate::approximators) network: BuiltScoringRuleNetwork,
}

impl Head for Scores {
    const TITLE: &'static str = "scoring-rule network";

    fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Option<Var<'t>>,
        weight: Option<Var<'t>>,
    ) -> Result<Var<'t>> {
        Ok(self.network.loss(pass, targets, condition, weight).loss)
    }

    fn describe(&self) -> String {
        self.network.describe()
    }
}
