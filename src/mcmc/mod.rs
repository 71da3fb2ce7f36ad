//! Floor 7: Markov chain Monte Carlo with gradients, for posteriors that are known up to a constant: a likelihood learned by a
//! network times a prior.
//!
//! [`Nuts`] draws from a [`LogDensity`] with the No-U-Turn sampler; [`Chains`] hold the draws and say whether they can be relied
//! on.
//!
//! ```
//! # fn main() -> ferroflow::Result<()> {
//! use ferroflow::mcmc::{Nuts, pointwise};
//! use ferroflow::random::Key;
//! let normal = pointwise(2, |x, gradient| {
//!     gradient.iter_mut().zip(x).for_each(|(g, x)| *g = -x);
//!     Ok(-0.5 * x.iter().map(|x| x * x).sum::<f64>())
//! });
//! let chains = Nuts { warmup: 300, draws: 300, ..Nuts::default() }.sample(&normal, None, Key::new(1))?;
//! assert!(chains.verdict().reliable, "{}", chains.verdict().sentence);
//! # Ok(())
//! # }
//! ```

mod adaptation;
mod chain;
mod chains;
pub mod convergence;
mod mass;
mod nuts;
mod trajectory;
mod verdict;

pub use chains::{Chains, VariableSummary};
pub use mass::MassMatrix;
pub use nuts::Nuts;
pub use verdict::Verdict;

use crate::error::Result;

/// The logarithm of a density on `ℝᴰ`, up to a constant, with its gradient. A seam that users extend.
pub trait LogDensity {
    /// Number of variables, `D`.
    fn dimension(&self) -> usize;

    /// Values `[count]` and gradients `[count, D]` at points `[count, D]`, one of each chain that still runs: on a tape the points of
    /// all chains cost little more than one. The result at a point must not depend on the points beside it.
    ///
    /// −∞ says that a point is outside of the support; its gradient is not read.
    fn evaluate(&self, points: &[f64], log_densities: &mut [f64], gradients: &mut [f64]) -> Result<()>;
}

/// A density that is computed point by point: see [`pointwise`].
pub struct Pointwise<F> {
    dimension: usize,
    f: F,
}

/// The density of a function that takes a point `[D]`, writes the gradient `[D]` and returns the logarithm.
pub fn pointwise<F: Fn(&[f64], &mut [f64]) -> Result<f64>>(dimension: usize, f: F) -> Pointwise<F> {
    Pointwise { dimension, f }
}

impl<F: Fn(&[f64], &mut [f64]) -> Result<f64>> LogDensity for Pointwise<F> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn evaluate(&self, points: &[f64], log_densities: &mut [f64], gradients: &mut [f64]) -> Result<()> {
        let rows = points.chunks(self.dimension).zip(gradients.chunks_mut(self.dimension));
        for (value, (point, gradient)) in log_densities.iter_mut().zip(rows) {
            *value = (self.f)(point, gradient)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
