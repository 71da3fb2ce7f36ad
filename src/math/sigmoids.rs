//! Smooth functions of sigmoid shape and their relatives: the integrals softplus and squareplus, `ln σ`, `x − tanh x`.

use super::function::Row;
use super::links::{inverse_softplus, logit, sigmoid, softplus};

pub(super) const TANH: Row = Row::new("tanh", f64::tanh, tanh_derivative).inverse(f64::atanh);

pub(super) const SIGMOID: Row = Row::new("sigmoid", sigmoid, |x| sigmoid(x) * sigmoid(-x)).inverse(logit);

pub(super) const LOG_SIGMOID: Row =
    Row::new("log-sigmoid", |x| -softplus(-x), |x| sigmoid(-x)).inverse(|y| -inverse_softplus(-y));

pub(super) const SOFTPLUS: Row = Row::new("softplus", softplus, sigmoid).inverse(inverse_softplus);

pub(super) const SQUAREPLUS: Row = Row::new("squareplus", squareplus, squareplus_derivative)
    .inverse(|y| if y > 0.0 { y - y.recip() } else { f64::NAN });

pub(super) const SOFTSIGN: Row = Row::new("softsign", softsign, |x| (1.0 + x.abs()).recip().powi(2))
    .inverse(|y| if y.abs() <= 1.0 { y / (1.0 - y.abs()) } else { f64::NAN });

pub(super) const TANH_SHRINK: Row = Row::new("tanh-shrink", tanh_shrink, |x| x.tanh().powi(2));

/// `1 − tanh² x = 4q/(1 + q)²` with `q = e^(−2|x|)`: no cancellation where tanh is near 1.
fn tanh_derivative(x: f64) -> f64 {
    let q = (-2.0 * x.abs()).exp();
    4.0 * q / ((1.0 + q) * (1.0 + q))
}

/// `½(x + h)`, `h = √(x² + 4)`; for negative `x` as `2/(h − x)`, which does not cancel.
fn squareplus(x: f64) -> f64 {
    let h = x.hypot(2.0);
    if x < 0.0 { 2.0 / (h - x) } else { 0.5 * (x + h) }
}

/// `½(1 + x/h) = 1 − 2/(h(h + x))`, mirrored for negative `x`.
fn squareplus_derivative(x: f64) -> f64 {
    let h = x.hypot(2.0);
    let tail = 2.0 / (h * (h + x.abs()));
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// `x/(1 + |x|)`, for `|x| > 1` as `sign(x)/(1 + 1/|x|)`, which has its limits at infinity.
fn softsign(x: f64) -> f64 {
    if x.abs() > 1.0 { x.signum() / (1.0 + x.abs().recip()) } else { x / (1.0 + x.abs()) }
}

/// Below this `|x|` the difference `x − tanh x` is taken from its Taylor series: three terms are exact to rounding there,
/// and above it the cancellation costs less than four digits.
const TANH_SHRINK_SERIES: f64 = 0.02;

fn tanh_shrink(x: f64) -> f64 {
    if x.abs() < TANH_SHRINK_SERIES {
        let s = x * x;
        x * s * (1.0 / 3.0 - s * (2.0 / 15.0 - s * (17.0 / 315.0 - s * (62.0 / 2835.0))))
    } else {
        x - x.tanh()
    }
}
