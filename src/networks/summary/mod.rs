//! Summary networks: from the elements of a data set to a vector of learned summary statistics.

use crate::autodiff::Var;
use crate::error::Result;
use crate::nn::Pass;
use crate::parameters::Builder;

/// What a summary network reads: the elements of all data sets of a batch.
#[derive(Clone, Copy)]
pub struct SummaryInput<'t> {
    /// The elements, `[elements, features]`.
    pub elements: Var<'t>,
    /// Where each data set starts, indices `[datasets + 1]`.
    pub offsets: Var<'t>,
}

/// A summary network before it has weights: plain configuration. A seam that users extend.
pub trait SummaryNetwork: Send + Sync {
    /// The name, for files and messages.
    fn name(&self) -> &str;

    /// Gives the network weights for elements with `features` features.
    fn build(&self, builder: &Builder, features: usize) -> Result<Box<dyn BuiltSummaryNetwork>>;
}

/// A summary network with weights.
pub trait BuiltSummaryNetwork: Send + Sync {
    /// Number of summary statistics, `K`.
    fn summary_dimension(&self) -> usize;

    /// The summary statistics, `[datasets, K]`.
    fn forward<'t>(&self, pass: &Pass<'t>, input: SummaryInput<'t>) -> Var<'t>;

    /// Layers with shapes, for people; several lines.
    fn describe(&self) -> String;

    /// Floating point operations of the matrix products for one data set with `elements` elements.
    fn flops(&self, elements: usize) -> usize;
}
mod deep_set;
mod inference;
pub use deep_set::DeepSet;
pub use inference::summaries;
