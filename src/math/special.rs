//! Special functions of probability: the gamma function and the normal distribution.

use std::f64::consts::FRAC_1_SQRT_2;

/// `ln |Γ(x)|`: ∞ at zero and the negative integers.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// `1/√(2π)`.
const NORMAL_PEAK: f64 = 0.398_942_280_401_432_7;

/// Density of the standard normal distribution, `e^(−x²/2)/√(2π)`.
pub fn normal_density(x: f64) -> f64 {
    NORMAL_PEAK * (-0.5 * x * x).exp()
}

/// Cumulative distribution of the standard normal, `Φ(x) = ½ erfc(−x/√2)`, with full relative accuracy in the lower tail.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// Quantile of the standard normal, the inverse of [`normal_cdf`]: −∞ at 0, ∞ at 1, NaN outside of `[0, 1]`.
pub fn normal_quantile(p: f64) -> f64 {
    if (0.0..=1.0).contains(&p) {
        -std::f64::consts::SQRT_2 * statrs::function::erf::erfc_inv(2.0 * p)
    } else {
        f64::NAN
    }
}
