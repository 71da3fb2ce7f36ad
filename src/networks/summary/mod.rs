//! Summary networks: from the elements of a data set to a vector of learned summary statistics.
//!
//! Sets, series and images are all rows of one matrix, `[elements, features]`, and offsets that say which rows belong to which
//! data set: the elements of a set in any order, the steps of a series in order of time, the pixels of an image row by row.

mod attention_stack;
mod convolutional;
mod deep_set;
mod fusion_network;
mod fusion_transformer;
mod inference;
mod input;
mod mlp;
mod per_layer;
#[cfg(test)]
mod ragged_tests;
mod set_transformer;
mod time_series_network;
mod time_series_transformer;

pub use convolutional::{ConvolutionalNetwork, DownMode, PoolHead};
pub use deep_set::DeepSet;
pub use fusion_network::FusionNetwork;
pub use fusion_transformer::FusionTransformer;
pub use inference::{SummaryData, summaries};
pub use input::{Elements, SummaryInput};
pub use per_layer::PerLayer;
pub use set_transformer::SetTransformer;
pub use time_series_network::TimeSeriesNetwork;
pub use time_series_transformer::TimeSeriesTransformer;

use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::Builder;

/// A summary network before it has weights: plain configuration. A seam that users extend.
pub trait SummaryNetwork: Send + Sync {
    /// The name, for files and messages.
    fn name(&self) -> &str;

    /// Gives the network weights for data sets of such elements.
    fn build(&self, builder: &Builder, elements: Elements) -> Result<Box<dyn BuiltSummaryNetwork>>;

    /// Gives a network that reads several inputs, by their names in alphabetical order, weights. Others take the only input.
    fn build_all(&self, builder: &Builder, inputs: &[(String, Elements)]) -> Result<Box<dyn BuiltSummaryNetwork>> {
        match inputs {
            [(_, elements)] => self.build(builder, *elements),
            _ => {
                let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
                let message = format!(
                    "{} reads one input, but there are {}: {}; concatenate them in the adapter, or use a fusion network",
                    self.name(),
                    inputs.len(),
                    names.join(", ")
                );
                Err(Error::argument("summary_network", message))
            }
        }
    }
}

/// A summary network with weights.
pub trait BuiltSummaryNetwork: Send + Sync {
    /// Number of summary statistics, `K`.
    fn summary_dimension(&self) -> usize;

    /// The summary statistics, `[datasets, K]`.
    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t>;

    /// The summary statistics from the inputs that the network was built for, in the order of
    /// [`build_all`](SummaryNetwork::build_all).
    fn forward_all<'t>(&self, pass: &Pass<'t>, inputs: &[SummaryInput<'t>]) -> Var<'t> {
        match inputs {
            [input] => self.forward(pass, *input),
            _ => {
                let message = format!("{} inputs were given to a network that reads one", inputs.len());
                pass.tape().fail(Error::argument("summary_variables", message))
            }
        }
    }

    /// Layers with shapes, for people; several lines.
    fn describe(&self) -> String;

    /// Floating point operations of the matrix products for one data set with `elements` elements in each input.
    fn flops(&self, elements: usize) -> usize;
}
