//! Floor 1: scalar functions in f64 with their derivatives, each written once.
//!
//! [`Function`] is the closed list of unary functions that the operations, the activations of networks and the
//! adapters share: one row holds name, value, derivative, inverse, domain and kinks. Beside it stand the maps between
//! the line and the positive or bounded numbers ([`links`]), the special functions ([`special`]), descriptive
//! statistics ([`statistics`]), kernels of two points ([`PairKernel`]) and the factor of a covariance ([`cholesky`]).
//!
//! ```
//! use ferroflow::math::Function;
//! let activation: Function = "hard_silu".parse()?;
//! assert_eq!(activation.value(2.0), 2.0 * (2.0 + 3.0) / 6.0);
//! assert_eq!(activation.derivative(-4.0), 0.0);
//! # Ok::<(), ferroflow::Error>(())
//! ```

pub mod cholesky;
mod elementary;
mod function;
mod gated;
pub mod links;
mod pair_kernel;
mod rectifiers;
mod sigmoids;
pub mod special;
pub mod statistics;

#[cfg(test)]
mod tests;

pub use function::Function;
pub use links::{
    SHIFTED_SOFTPLUS_OFFSET, inverse_shifted_softplus, inverse_softplus, ln_expm1, ln_one_minus_exp, log_sum_exp,
    logit, shifted_softplus, sigmoid, softplus,
};
pub use pair_kernel::{KERNEL_SCALES, PairKernel};
pub use special::{ln_gamma, normal_cdf, normal_density, normal_quantile};
pub use statistics::{mean, quantile, variance};
