//! Inference networks: conditional distributions that can be sampled and whose density is known.
//!
//! A configuration implements [`InferenceNetwork`]; with weights it becomes a [`BuiltInferenceNetwork`], a pair of maps between
//! targets `x` and latent variables `z` with a base distribution. [`Conditional`] is that network at given conditions: what
//! samples are drawn from.

mod conditional;
mod coupling_flow;
mod whole_flow;

pub use conditional::{BaseDraws, Conditional, Drawn};
pub use coupling_flow::{BuiltCouplingFlow, CouplingFlow};

use crate::autodiff::Var;
use crate::error::Result;
use crate::nn::Pass;
use crate::ops::fused_flow::FusedFlow;
use crate::parameters::{Builder, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

/// An inference network before it has weights: plain configuration. A seam that users extend.
pub trait InferenceNetwork: Send + Sync {
    /// The name, for files and messages.
    fn name(&self) -> &str;

    /// Gives the network weights for `dimension` target variables and `condition_dimension` condition features, which may be
    /// none. The key decides what is drawn when the structure is made, such as permutations.
    fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition_dimension: usize,
        key: Key,
    ) -> Result<Box<dyn BuiltInferenceNetwork>>;
}

/// An inference network with weights.
///
/// Shapes: targets and latent variables `[…, D]`, conditions `[…, C]` with the same leading axes (`None` when `C = 0`),
/// densities and log-determinants `[…]`.
pub trait BuiltInferenceNetwork: Send + Sync {
    /// Number of target variables, `D`.
    fn dimension(&self) -> usize;

    /// Number of condition features, `C`.
    fn condition_dimension(&self) -> usize;

    /// `ln q(x | c)`.
    fn log_prob<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> Var<'t>;

    /// From latent variables to targets: `x` and the log-determinant of this direction, so that
    /// `ln q(x | c) = ln p(z) − log-determinant`.
    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Var<'t>);

    /// `ln p(z)` of the base distribution.
    fn base_log_prob<'t>(&self, pass: &Pass<'t>, z: Var<'t>) -> Var<'t>;

    /// Appends the draws number `first .. first + count` from the base distribution, `[count, D]`. A draw is a function of the key,
    /// its number and the weights alone.
    fn base_draws(&self, parameters: &Parameters, key: Key, first: u64, count: usize, out: &mut Vec<f32>)
    -> Result<()>;

    /// Fills a tensor `[count, D]` on the network's device with the draws of [`base_draws`](Self::base_draws) from `first` on; false if
    /// the device cannot make them, and then nothing is written.
    fn fill_base_draws(&self, _key: Key, _first: u64, _to: &Tensor) -> Result<bool> {
        Ok(false)
    }

    /// The network with its weights packed for densities and draws, if it has such a form. It stays as it is when the weights
    /// change.
    fn fuse(&self, _parameters: &Parameters) -> Result<Option<FusedFlow>> {
        Ok(None)
    }

    /// Layers with shapes and numbers of parameters, for people; several lines.
    fn describe(&self) -> String;

    /// Floating point operations of the matrix products for one sample.
    fn flops(&self) -> usize;
}
