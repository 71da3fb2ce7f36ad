//! Elementary functions and activations on vectors of f32, with their derivatives.
//!
//! The functions on [`Lanes`] ([`exp`], [`log`], [`tanh`], …) are for other kernels to build on; [`apply`],
//! [`derivative`] and [`with_derivative`] run any [`Function`] over a slice. Each element is computed by the same instructions wherever it stands
//! in the slice, and by operations that are exactly defined, so an element's result does not depend on its neighbours,
//! on the length, on the thread, nor on the instruction set.
//!
//! [`accuracy`] and [`derivative_accuracy`] give the bounds of the error, which the tests check; special values are those
//! of IEEE 754 and of the limits: NaN goes through, −∞ and ∞ give the limits, subnormal numbers are kept, and too large
//! or too small results become infinite, subnormal or zero.

mod accuracy;
mod arithmetic;
mod error_function;
mod exponential;
mod gated;
mod logarithm;
mod philox;
mod pieces;
mod polynomial;
mod sigmoids;
mod slices;
mod table;
#[cfg(test)]
mod tests;

pub use accuracy::{Accuracy, accuracy, derivative_accuracy};
pub use arithmetic::{add_to, multiply};
pub use error_function::{erf, normal};
pub use exponential::{exp, exp_not_positive, expm1};
pub use logarithm::{asinh, hypotenuse, log, log1p};
pub use philox::philox4x32;
pub use polynomial::horner;
pub use sigmoids::{fast_sigmoid, fast_tanh, sigmoid, softplus, tanh};
pub use slices::{apply, apply_in_place, derivative, with_derivative};

use super::lanes::Lanes;
#[cfg(doc)]
use crate::math::Function;

/// A function of one variable on vectors, with its derivative.
trait Unary: Copy {
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F;
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F;
}
