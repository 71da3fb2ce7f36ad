//! What a scoring rule is: the seam that users extend.

use super::Head;
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::{Builder, Parameters};
use crate::random::Stream;

/// A scoring rule before it has weights: plain configuration.
pub trait Score: Send + Sync {
    /// The name, for messages.
    fn name(&self) -> &str;

    /// The rule for `dimension` targets. States of its own, such as a temperature, get their names from the builder.
    fn build(&self, builder: &Builder, dimension: usize) -> Result<Box<dyn BuiltScore>>;
}

/// A scoring rule for a number of targets `D`: how bad estimates are, given what came true. A proper rule is least, on
/// average, for the estimate that it is named after (Gneiting & Raftery 2007).
pub trait BuiltScore: Send + Sync {
    /// The estimates it needs.
    fn heads(&self) -> &[Head];

    /// The scores `[batch]` or `[batch, …]` of estimates `[batch, …shape]`, in the order of the heads, for targets `[batch, D]`;
    /// their mean is the loss.
    fn scores<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t>;

    /// The distribution, if the estimates are the parameters of one.
    fn density(&self) -> Option<&dyn Density> {
        None
    }
}

/// A family of distributions whose parameters are the estimates of a rule.
pub trait Density: Send + Sync {
    /// `ln p(targets)` `[batch]`.
    fn log_prob<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t>;

    /// The distribution for the estimates of one data set, in the order of the heads, row-major.
    fn at(&self, parameters: &Parameters, estimates: &[&[f64]]) -> Result<Box<dyn PointDensity>>;
}

/// One distribution of `D` variables, with its numbers on the host.
pub trait PointDensity {
    /// `ln p(x)`.
    fn log_prob(&self, x: &[f64]) -> f64;

    /// Draws one point.
    fn draw(&self, stream: &mut Stream, out: &mut [f64]);
}

/// `mean(scores · weight)` with weights `[batch]` or `[batch, 1]` that belong to the rows. The sum of the weights does not divide.
/// (The peer multiplies some scores with the weights of other rows when these have a second axis.)
pub fn weighted_mean<'t>(scores: Var<'t>, weight: Option<Var<'t>>) -> Var<'t> {
    let Some(weight) = weight else { return scores.mean() };
    let shape = scores.shape();
    let rows = shape.axes().first().copied().unwrap_or(1);
    if weight.shape().elements() != rows {
        let message = format!("weights of shape {} for {rows} data sets; give one weight each", weight.shape());
        return scores.tape().fail(Error::shape("sample_weight", message));
    }
    let inner = shape.elements().checked_div(rows).unwrap_or(0);
    (scores.reshape([rows, inner]) * weight.reshape([rows, 1])).mean()
}
