//! Activations of the form `x·gate(x)`, whose gate goes from 0 to 1.

use super::function::Row;
use super::links::sigmoid;
use super::rectifiers::{hard_sigmoid, hard_sigmoid_derivative};
use super::special::{normal_cdf, normal_density};

/// `x·g` for a gate or a slope `g` that vanishes faster than `x` grows: zero where `g` is zero, infinite `x` included.
fn gate(x: f64, g: f64) -> f64 {
    if g == 0.0 { 0.0_f64.copysign(x) } else { x * g }
}

/// Elfwing et al. 2018, arXiv:1702.03118.
pub(super) const SILU: Row =
    Row::new("silu", |x| gate(x, sigmoid(x)), |x| sigmoid(x) + gate(x, sigmoid(x) * sigmoid(-x)));

/// Howard et al. 2019, arXiv:1905.02244.
pub(super) const HARD_SILU: Row =
    Row::new("hard-silu", |x| gate(x, hard_sigmoid(x)), |x| hard_sigmoid(x) + gate(x, hard_sigmoid_derivative(x)))
        .kinks(&[-3.0, 3.0]);

/// Hendrycks and Gimpel 2016, arXiv:1606.08415.
pub(super) const GELU: Row =
    Row::new("gelu", |x| gate(x, normal_cdf(x)), |x| normal_cdf(x) + gate(x, normal_density(x)));

/// `√(2/π)`, the slope at zero of the argument of the hyperbolic tangent.
const GELU_SLOPE: f64 = 0.797_884_560_802_865_4;
/// Weight of the cubic term, fitted to the exact function by the authors.
const GELU_CUBIC: f64 = 0.044715;

pub(super) const GELU_TANH: Row = Row::new("gelu-tanh", gelu_tanh, gelu_tanh_derivative);

/// `½(1 + tanh z) = σ(2z)`: the lower tail does not cancel.
fn gelu_tanh(x: f64) -> f64 {
    gate(x, sigmoid(2.0 * gelu_argument(x)))
}

fn gelu_tanh_derivative(x: f64) -> f64 {
    let z = gelu_argument(x);
    let bump = sigmoid(2.0 * z) * sigmoid(-2.0 * z);
    let slope = 2.0 * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBIC * x * x);
    sigmoid(2.0 * z) + if bump == 0.0 { 0.0 } else { x * bump * slope }
}

fn gelu_argument(x: f64) -> f64 {
    GELU_SLOPE * x * (1.0 + GELU_CUBIC * x * x)
}

/// Misra 2019, arXiv:1908.08681.
pub(super) const MISH: Row = Row::new("mish", |x| gate(x, mish_gate(x).0), mish_derivative);

/// `w = tanh(softplus(x))` and `1 − w`, with `n = eˣ`: `w = n(n + 2)/(n(n + 2) + 2)`, in powers of `e^(−|x|)`.
fn mish_gate(x: f64) -> (f64, f64) {
    let q = (-x.abs()).exp();
    if x < 0.0 {
        let n = q * (q + 2.0);
        (n / (n + 2.0), 2.0 / (n + 2.0))
    } else {
        let m = 1.0 + 2.0 * q;
        let rest = 2.0 * q * q;
        (m / (m + rest), rest / (m + rest))
    }
}

/// `w + x(1 − w²)σ(x)`.
fn mish_derivative(x: f64) -> f64 {
    let (w, rest) = mish_gate(x);
    w + gate(x, rest * (1.0 + w) * sigmoid(x))
}
