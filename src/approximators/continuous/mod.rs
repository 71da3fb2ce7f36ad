//! The approximator of a continuous posterior `q(θ | x)`: summary network, inference network, standardisation.
//!
//! ```text
//! summaries  h = H(x̃)                       (if there is a summary network)
//! condition  c = [inference_conditions; h]
//! loss         = mean over the batch of −ln q(θ̃ | c) · weight
//! log_prob   ln q(θ | x) = ln q(θ̃ | c) − Σ ln s + ln |det J_adapter|
//! ```
//!
//! `˜` marks standardised variables. (Radev et al. 2020, arXiv:2003.06281)

mod compared;
mod density;
mod sampling;

use serde::{Deserialize, Serialize};

use super::conditioned::{Conditioned, Construction};
use super::{Approximator, BuiltApproximator, Compared, Dimensions, Parts, Variable};
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::Result;
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::random::Key;

pub use density::Density;

/// A continuous approximator with weights on a device.
pub type BuiltContinuousApproximator = BuiltApproximator<Conditioned<Density>>;

/// Configuration of the approximator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousApproximator {
    /// The network that represents the distribution.
    pub inference_network: InferenceChoice,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The distribution that training draws the summaries towards, by their maximum mean discrepancy: it gives the summary space a
    /// shape in which unusual data sets stand out (Schmitt et al. 2021, arXiv:2112.08866).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_distribution: Option<BaseDistribution>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
}

impl Default for ContinuousApproximator {
    fn default() -> Self {
        ContinuousApproximator {
            inference_network: InferenceChoice::default(),
            summary_network: None,
            summary_distribution: None,
            standardize: vec![Variable::InferenceVariables],
        }
    }
}

impl Approximator for ContinuousApproximator {
    const KIND: &'static str = "continuous";
    type Objective = Conditioned<Density>;
    const COMPARED: Option<Compared<Self::Objective>> = Some(compared::compared);

    fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltContinuousApproximator> {
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
            let scope = builder.scope("inference_network");
            Ok(Density::new(self.inference_network.build(&scope, targets, condition, key.fork("structure"))?))
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
