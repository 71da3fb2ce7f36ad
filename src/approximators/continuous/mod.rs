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

mod built;
mod dimensions;
mod loss;
mod sampling;
mod summaries;

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::standardizer::{Standardizer, Variable};
use crate::autodiff::Tape;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::parameters::Builder;
use crate::random::Key;

pub use built::{BuiltContinuousApproximator, LossGradients};
pub use dimensions::Dimensions;

/// Configuration of the approximator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousApproximator {
    /// The network that represents the distribution.
    pub inference_network: InferenceChoice,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
}

impl Default for ContinuousApproximator {
    fn default() -> Self {
        ContinuousApproximator {
            inference_network: InferenceChoice::default(),
            summary_network: None,
            standardize: vec![Variable::InferenceVariables],
        }
    }
}

impl ContinuousApproximator {
    /// Gives the networks weights for variables of the given widths.
    pub fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltContinuousApproximator> {
        let builder = Builder::new();
        let summary = match (&self.summary_network, &dimensions.summary_variables[..]) {
            (None, []) => None,
            (Some(network), []) => {
                let message = format!(
                    "the network {} has nothing to read; name summary_variables in the adapter or remove the network",
                    network.name()
                );
                return Err(Error::argument("summary_network", message));
            }
            (Some(network), inputs) => Some(network.build(&builder.scope("summary_network"), inputs)?),
            (None, _) => {
                let message = "there are summary_variables but no network for them; choose one, such as DeepSet, or rename them to inference_conditions";
                return Err(Error::argument("summary_network", message));
            }
        };
        let condition = dimensions.inference_conditions + summary.as_ref().map_or(0, |s| s.summary_dimension());
        let scope = builder.scope("inference_network");
        let inference =
            self.inference_network.build(&scope, dimensions.inference_variables, condition, key.fork("structure"))?;
        Ok(BuiltContinuousApproximator {
            parameters: builder.finish(device, key.fork("weights"))?,
            standardizer: Standardizer::new(&self.standardize),
            tape: Tape::new(device),
            dimensions,
            summary,
            inference,
            scratch: Vec::new(),
            fused: Mutex::default(),
        })
    }
}
