//! Maps between the line and the positive or bounded numbers, and logarithms of sums, without overflow or cancellation.

use std::f64::consts::LN_2;

/// `σ(x) = 1/(1 + e^(−x))`, with full relative accuracy in the lower tail.
pub fn sigmoid(x: f64) -> f64 {
    let q = (-x.abs()).exp();
    if x < 0.0 { q / (1.0 + q) } else { 1.0 / (1.0 + q) }
}

/// `ln(p/(1 − p))`, the inverse of [`sigmoid`]: −∞ at 0, ∞ at 1, NaN outside of `[0, 1]`.
pub fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + e^(−|x|))`.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// `ln(eʸ − 1)`, the inverse of [`softplus`] for `y ≥ 0`: −∞ at 0, NaN below.
pub fn inverse_softplus(y: f64) -> f64 {
    ln_expm1(y)
}

/// `ln(e − 1)`: the shift that makes [`shifted_softplus`] one at zero.
pub const SHIFTED_SOFTPLUS_OFFSET: f64 = 0.541_324_854_612_918_1;

/// `softplus(x + ln(e − 1))`, which is 1 at 0: a scale that starts at one.
pub fn shifted_softplus(x: f64) -> f64 {
    softplus(x + SHIFTED_SOFTPLUS_OFFSET)
}

/// `ln(eʸ − 1) − ln(e − 1)`, the inverse of [`shifted_softplus`] for `y ≥ 0`. (The peer drops the shift for `y > 20`;
/// here the round trip holds everywhere.)
pub fn inverse_shifted_softplus(y: f64) -> f64 {
    ln_expm1(y) - SHIFTED_SOFTPLUS_OFFSET
}

/// `ln(eˣ − 1)` for `x ≥ 0`; `x + ln(1 − e^(−x))` beyond `ln 2`, so that nothing overflows.
pub fn ln_expm1(x: f64) -> f64 {
    if x > LN_2 { x + ln_one_minus_exp(-x) } else { x.exp_m1().ln() }
}

/// `ln(1 − eˣ)` for `x ≤ 0`: −∞ at 0, NaN above. Two branches that meet at `−ln 2`, where both are accurate (Mächler 2012,
/// "Accurately computing log(1 − exp(−|a|))").
pub fn ln_one_minus_exp(x: f64) -> f64 {
    if x > -LN_2 { (-x.exp_m1()).ln() } else { (-x.exp()).ln_1p() }
}

/// `ln Σ e^(xᵢ)`: −∞ for no terms, ∞ if a term is ∞, NaN if a term is NaN.
pub fn log_sum_exp(terms: &[f64]) -> f64 {
    if terms.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest.is_infinite() {
        return largest;
    }
    largest + terms.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}
