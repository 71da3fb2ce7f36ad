//! The approximator of posterior model probabilities: a classifier of the model that made a data set.
//!
//! ```text
//! p(M = m | x) = softmax(logits(c))ₘ;    loss = mean of −Σ 1[m] ln softmax(logits)ₘ · weight
//! ```
//!
//! (Radev et al. 2021, arXiv:2004.10629; Elsemüller et al. 2024, arXiv:2301.11873)

use serde::{Deserialize, Serialize};

use super::conditioned::{Conditioned, Construction};
use super::scoring_rule::Scores;
use super::{Approximator, Batch, BuiltApproximator, Dimensions, Matrix, Parts, Variable};
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::{Error, Result};
use crate::networks::{ScoringRule, ScoringRuleNetwork, SummaryChoice};
use crate::nn::Mlp;
use crate::random::Key;

/// The rule of the classifier, and the head of its logits.
const RULE: &str = "cross_entropy";
const HEAD: &str = "logits";

/// A classifier of models with weights on a device.
pub type BuiltModelComparisonApproximator = BuiltApproximator<Conditioned<Scores>>;

/// Configuration of the approximator of model probabilities. Its inference variables are one-hot rows, a column for each model; they
/// are never standardised.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelComparisonApproximator {
    /// The network in front of the logits.
    #[serde(default)]
    pub classifier_network: Mlp,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The distribution that training draws the summaries towards, by their maximum mean discrepancy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_distribution: Option<BaseDistribution>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
    /// Names of the models, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// How probable each model was in training; equally probable when it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probabilities: Vec<f64>,
}

impl Default for ModelComparisonApproximator {
    fn default() -> Self {
        ModelComparisonApproximator {
            classifier_network: Mlp::default(),
            summary_network: None,
            summary_distribution: None,
            standardize: vec![Variable::SummaryVariables, Variable::InferenceConditions],
            models: Vec::new(),
            probabilities: Vec::new(),
        }
    }
}

impl Approximator for ModelComparisonApproximator {
    const KIND: &'static str = "model-comparison";
    type Objective = Conditioned<Scores>;

    fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltModelComparisonApproximator> {
        if dimensions.inference_variables < 2 {
            let message = "is one column; give a one-hot column for each of at least two models";
            return Err(Error::shape("inference_variables", message));
        }
        if self.standardize.contains(&Variable::InferenceVariables) {
            let message =
                "names the inference variables, which say the model and cannot be standardised; leave them out";
            return Err(Error::argument("standardize", message));
        }
        let targets = dimensions.inference_variables;
        let construction = Construction {
            summary_network: self.summary_network.as_ref(),
            summary_distribution: self.summary_distribution.as_ref(),
            standardize: &self.standardize,
            dimensions,
            device,
            key,
        };
        let rules = [(RULE, ScoringRule::CrossEntropy { classes: None })];
        let network = ScoringRuleNetwork { subnet: self.classifier_network.clone(), ..ScoringRuleNetwork::of(rules) };
        construction.build(|builder, condition| {
            Ok(Scores { network: network.build(&builder.scope("inference_network"), targets, condition)? })
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
        self.classifier_network.dropout = probability;
    }
}

impl BuiltModelComparisonApproximator {
    /// The logits of each data set, `[datasets, models]`: posterior log-probabilities up to a constant.
    pub fn logits(&self, batch: &Batch) -> Result<Matrix> {
        let values = self.trained().estimates(batch)?.head(RULE, HEAD)?.values.clone();
        Ok(Matrix { columns: self.dimensions().inference_variables, values })
    }

    /// Posterior model probabilities, `[datasets, models]`, for models as probable before as they were in training.
    pub fn predict(&self, batch: &Batch) -> Result<Matrix> {
        let mut matrix = self.logits(batch)?;
        for row in matrix.values.chunks_mut(matrix.columns) {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter_mut().for_each(|logit| *logit = (*logit - largest).exp());
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|value| *value /= sum);
        }
        Ok(matrix)
    }
}
