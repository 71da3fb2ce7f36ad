//! The approximator of the ratio of posterior to prior, by contrastive classification (NRE-C; Miller et al. 2022,
//! arXiv:2210.06170).
//!
//! ```text
//! h(θ, c) ≈ ln p(θ | x)/p(θ) = ln p(x | θ)/p(x)
//! ```
//!
//! The network tells the parameters that made a data set from `K` others of the same batch.

mod contrast;
mod log_ratio;

use serde::{Deserialize, Serialize};

use super::conditioned::{Conditioned, Construction};
use super::{Approximator, BuiltApproximator, Dimensions, Parts, Variable};
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::{Error, Result};
use crate::networks::SummaryChoice;
use crate::nn::Mlp;
use crate::random::Key;

pub use contrast::Contrast;

/// A ratio approximator with weights on a device.
pub type BuiltRatioApproximator = BuiltApproximator<Conditioned<Contrast>>;

/// Configuration of the approximator of ratios.
///
/// Unlike in the peer, summary variables alone suffice as conditions, and batches with fewer than `K + 1` data sets contrast
/// with as many others as there are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatioApproximator {
    /// The network in front of the single number `h`; it reads parameters and conditions side by side.
    #[serde(default)]
    pub inference_network: Mlp,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The distribution that training draws the summaries towards, by their maximum mean discrepancy: it gives the summary space a
    /// shape in which unusual data sets stand out (Schmitt et al. 2021, arXiv:2112.08866).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_distribution: Option<BaseDistribution>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
    /// Parameters of other data sets that each data set is contrasted with, `K`.
    pub contrasts: usize,
    /// Odds of the class "one of these belongs to the data" against "none does", `γ`.
    pub gamma: f64,
}

impl Default for RatioApproximator {
    fn default() -> Self {
        RatioApproximator {
            inference_network: Mlp::default(),
            summary_network: None,
            summary_distribution: None,
            standardize: vec![Variable::InferenceVariables],
            contrasts: 5,
            gamma: 1.0,
        }
    }
}

impl Approximator for RatioApproximator {
    const KIND: &'static str = "ratio";
    type Objective = Conditioned<Contrast>;

    fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltRatioApproximator> {
        if self.contrasts == 0 {
            return Err(Error::argument("contrasts", "0 was given; contrast with at least one other data set"));
        }
        if !(self.gamma > 0.0 && self.gamma.is_finite()) {
            return Err(Error::argument(
                "gamma",
                format!("{} was given; give a positive number, such as 1", self.gamma),
            ));
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
        construction.build(|builder, condition| {
            if condition == 0 {
                let message = "there are no conditions and no summary variables; name the data in the adapter";
                return Err(Error::key("inference_conditions", message));
            }
            Contrast::build(self, builder, targets, condition)
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
        self.inference_network.dropout = probability;
    }
}
