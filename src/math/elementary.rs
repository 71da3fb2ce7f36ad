//! Exponentials, logarithms, powers, trigonometric functions and the error function.

use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_PI_2};

use super::function::Row;

pub(super) const EXP: Row = Row::new("exp", f64::exp, f64::exp).inverse(f64::ln);

pub(super) const EXPM1: Row = Row::new("expm1", f64::exp_m1, f64::exp).inverse(f64::ln_1p);

pub(super) const LOG: Row = Row::new("log", f64::ln, f64::recip).inverse(f64::exp).domain(0.0, f64::INFINITY);

pub(super) const LOG1P: Row =
    Row::new("log1p", f64::ln_1p, |x| (1.0 + x).recip()).inverse(f64::exp_m1).domain(-1.0, f64::INFINITY);

pub(super) const SQRT: Row =
    Row::new("sqrt", f64::sqrt, |x| 0.5 / x.sqrt()).inverse(|y| y * y).domain(0.0, f64::INFINITY);

pub(super) const SQUARE: Row = Row::new("square", |x| x * x, |x| 2.0 * x).inverse(f64::sqrt);

pub(super) const ABS: Row = Row::new("abs", f64::abs, sign).kinks(&[0.0]);

pub(super) const RECIPROCAL: Row =
    Row::new("reciprocal", f64::recip, |x| -x.recip() * x.recip()).inverse(f64::recip).domain(0.0, f64::INFINITY);

pub(super) const NEG: Row = Row::new("neg", |x| -x, |_| -1.0).inverse(|y| -y);

pub(super) const SIN: Row = Row::new("sin", f64::sin, f64::cos);

pub(super) const COS: Row = Row::new("cos", f64::cos, |x| -x.sin());

pub(super) const TAN: Row =
    Row::new("tan", f64::tan, |x| 1.0 + x.tan() * x.tan()).inverse(f64::atan).domain(-FRAC_PI_2, FRAC_PI_2);

pub(super) const ARCTAN: Row = Row::new("arctan", f64::atan, |x| (1.0 + x * x).recip()).inverse(f64::tan);

pub(super) const ASINH: Row = Row::new("asinh", libm::asinh, |x| x.hypot(1.0).recip()).inverse(f64::sinh);

pub(super) const ERF: Row =
    Row::new("erf", libm::erf, |x| FRAC_2_SQRT_PI * (-x * x).exp()).inverse(statrs::function::erf::erf_inv);

/// −1, 0 or 1. (`f64::signum` is 1 at zero.)
fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
