//! Functions of pieces: rectifiers, clipped lines and shrinking functions.
//!
//! Conditions are written so that NaN reaches the result.

use super::function::Row;

pub(super) const LINEAR: Row = Row::new("linear", |x| x, |_| 1.0).inverse(|y| y);

pub(super) const RELU: Row = Row::new("relu", |x| if x <= 0.0 { 0.0 } else { x }, |x| f64::from(x > 0.0)).kinks(&[0.0]);

pub(super) const RELU6: Row =
    Row::new("relu6", |x| x.clamp(0.0, 6.0), |x| f64::from(x > 0.0 && x < 6.0)).kinks(&[0.0, 6.0]);

/// Slope of leaky relu on the negative half.
const LEAKY_SLOPE: f64 = 0.2;

pub(super) const LEAKY_RELU: Row =
    Row::new("leaky-relu", |x| if x < 0.0 { LEAKY_SLOPE * x } else { x }, |x| if x < 0.0 { LEAKY_SLOPE } else { 1.0 })
        .inverse(|y| if y < 0.0 { y / LEAKY_SLOPE } else { y })
        .kinks(&[0.0]);

pub(super) const ELU: Row = Row::new("elu", elu, elu_derivative).inverse(elu_inverse);

pub(super) const CELU: Row = Row::new("celu", elu, elu_derivative).inverse(elu_inverse);

fn elu(x: f64) -> f64 {
    if x < 0.0 { x.exp_m1() } else { x }
}

fn elu_derivative(x: f64) -> f64 {
    if x < 0.0 { x.exp() } else { 1.0 }
}

fn elu_inverse(y: f64) -> f64 {
    if y < 0.0 { y.ln_1p() } else { y }
}

/// `λ` of selu (Klambauer et al. 2017, arXiv:1706.02515): with it and `α`, mean 0 and variance 1 are a fixed point.
const SELU_SCALE: f64 = 1.0507009873554805;
/// `α` of selu.
const SELU_ALPHA: f64 = 1.6732632423543772;

pub(super) const SELU: Row = Row::new(
    "selu",
    |x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() },
    |x| SELU_SCALE * if x > 0.0 { 1.0 } else { SELU_ALPHA * x.exp() },
)
.inverse(|y| if y > 0.0 { y / SELU_SCALE } else { (y / (SELU_SCALE * SELU_ALPHA)).ln_1p() })
.kinks(&[0.0]);

pub(super) const HARD_SIGMOID: Row =
    Row::new("hard-sigmoid", hard_sigmoid, hard_sigmoid_derivative).kinks(&[-3.0, 3.0]);

pub(super) fn hard_sigmoid(x: f64) -> f64 {
    ((x + 3.0) / 6.0).clamp(0.0, 1.0)
}

pub(super) fn hard_sigmoid_derivative(x: f64) -> f64 {
    if x > -3.0 && x < 3.0 { 1.0 / 6.0 } else { 0.0 }
}

pub(super) const HARD_TANH: Row =
    Row::new("hard-tanh", |x| x.clamp(-1.0, 1.0), |x| f64::from(x.abs() <= 1.0)).kinks(&[-1.0, 1.0]);

pub(super) const SPARSE_SIGMOID: Row =
    Row::new("sparse-sigmoid", |x| (0.5 * (x + 1.0)).clamp(0.0, 1.0), sparse_sigmoid_derivative).kinks(&[-1.0, 1.0]);

fn sparse_sigmoid_derivative(x: f64) -> f64 {
    if x.abs() < 1.0 {
        0.5
    } else if x.abs() == 1.0 {
        0.25
    } else {
        0.0
    }
}

pub(super) const SPARSE_PLUS: Row = Row::new("sparse-plus", sparse_plus, |x| (0.5 * (x + 1.0)).clamp(0.0, 1.0));

fn sparse_plus(x: f64) -> f64 {
    if x <= -1.0 {
        0.0
    } else if x < 1.0 {
        0.25 * (x + 1.0) * (x + 1.0)
    } else {
        x
    }
}

/// Half width of the interval that the shrinking functions send to zero.
const SHRINK: f64 = 0.5;

pub(super) const HARD_SHRINK: Row =
    Row::new("hard-shrink", |x| if x.abs() <= SHRINK { 0.0 } else { x }, shrink_derivative).kinks(&[-SHRINK, SHRINK]);

pub(super) const SOFT_SHRINK: Row =
    Row::new("soft-shrink", |x| if x.abs() <= SHRINK { 0.0 } else { x - SHRINK.copysign(x) }, shrink_derivative)
        .kinks(&[-SHRINK, SHRINK]);

fn shrink_derivative(x: f64) -> f64 {
    f64::from(x.abs() > SHRINK)
}
