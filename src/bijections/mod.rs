//! Floor 5: maps with inverse and log-determinant, the layers of normalizing flows.
//!
//! A [`Bijection`] maps `x` `[…, D]` to `z` `[…, D]`, possibly given a condition, and returns with it `ln |det ∂z/∂x|`. The
//! layers of a coupling flow are [`ActNorm`], [`BuiltPermutation`] and [`DualCoupling`]; [`Sequence`] composes layers, the
//! user's own included.

mod actnorm;
mod coupling;
mod permutation;
mod sequence;
mod transform;

pub use actnorm::ActNorm;
pub use coupling::{CouplingOptions, DualCoupling, SingleCoupling};
pub use permutation::{BuiltPermutation, Permutation};
pub use sequence::Sequence;
pub use transform::{Affine, Transform};

pub use crate::ops::{Direction, Spline};

use crate::autodiff::Var;
use crate::nn::Pass;
use crate::ops::FlowPlan;
use crate::parameters::Weight;

/// A map with an inverse and a log-determinant. A seam that users extend.
///
/// The log-determinant has the shape of the leading axes, or is a scalar where it is the same for every row, or `None` where
/// it is zero. That of the inverse map is its negative at the corresponding point.
pub trait Bijection: Send + Sync {
    /// From data `x` `[…, D]` towards the latent variables, given a condition `[…, C]`: the result and the log-determinant.
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>);

    /// From latent variables `z` `[…, D]` back to data: the result and the log-determinant of this direction.
    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>);

    /// Adds itself to the plan of a flow that runs as one kernel, faster than one operation after the other; false if there is no
    /// such form, and then nothing is fused.
    fn plan(&self, _plan: &mut FlowPlan<Weight, Weight>) -> bool {
        false
    }

    /// What it is, in one line.
    fn describe(&self) -> String;

    /// Floating point operations of the matrix products per row.
    fn flops(&self) -> usize {
        0
    }
}
