//! Bounds of the error.
//!
//! Largest errors over all 2³² arguments, in ulp (AVX2, 2026-11-22): exp 0.988, expm1 1.440, log 0.957, log1p 1.269,
//! tanh 2.419, sigmoid 2.402, softplus 1.691, erf 1.482, asinh 1.923. The other functions and all derivatives are checked
//! on dense samples.

use crate::math::Function;

/// A bound of the error in units in the last place (ulp) of the exact result.
///
/// `|computed − exact| ≤ ulps · ulp(max(|exact|, floor))`, where `ulp(y)` is the distance of f32 numbers in the binade of y.
/// The floor is zero for functions that are accurate in the relative sense everywhere; a larger one is given to functions
/// that cross zero by cancellation, and to those that multiply a subnormal number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accuracy {
    /// The bound in ulp.
    pub ulps: f64,
    /// The magnitude below which the error is measured in ulp of this number.
    pub floor: f64,
}

impl Accuracy {
    const fn relative(ulps: f64) -> Self {
        Accuracy { ulps, floor: 0.0 }
    }

    /// The error of `computed` in units of [`Accuracy::ulps`]: infinite where one of both is NaN or infinite and
    /// they are not the same.
    pub fn error(self, computed: f32, exact: f64) -> f64 {
        let rounded = exact as f32;
        if rounded == computed || (rounded.is_nan() && computed.is_nan()) {
            return if rounded.is_finite() { (f64::from(computed) - exact).abs() / self.ulp(exact) } else { 0.0 };
        }
        let error = (f64::from(computed) - exact).abs() / self.ulp(exact);
        if error.is_nan() { f64::INFINITY } else { error }
    }

    /// The unit in which the error at `exact` is measured.
    fn ulp(self, exact: f64) -> f64 {
        let magnitude = exact.abs().max(self.floor).clamp(f64::from(f32::MIN_POSITIVE), f64::from(f32::MAX));
        let exponent = magnitude.to_bits() >> 52;
        f64::from_bits((exponent - 23) << 52)
    }
}

/// What a subnormal factor, times an x of at most 150, can lose, shows below this magnitude only.
const SUBNORMAL_FACTOR: f64 = 256.0 * f32::MIN_POSITIVE as f64;

/// The bound for [`super::apply`].
pub fn accuracy(function: Function) -> Accuracy {
    match function {
        Function::Abs
        | Function::Neg
        | Function::Linear
        | Function::Relu
        | Function::Relu6
        | Function::HardTanh
        | Function::HardShrink => Accuracy::relative(0.0),
        Function::Sqrt
        | Function::Square
        | Function::Reciprocal
        | Function::SoftShrink
        | Function::SparseSigmoid
        | Function::Sin
        | Function::Cos
        | Function::Tan
        | Function::Arctan
        | Function::TanhShrink => Accuracy::relative(0.5001),
        Function::Exp | Function::Log | Function::LeakyRelu => Accuracy::relative(1.0),
        Function::Expm1 | Function::Log1p | Function::Elu | Function::Celu => Accuracy::relative(1.5),
        Function::Erf | Function::Softsign => Accuracy::relative(1.5),
        Function::Softplus | Function::LogSigmoid | Function::Asinh => Accuracy::relative(2.0),
        Function::Selu | Function::SparsePlus | Function::HardSigmoid => Accuracy::relative(2.0),
        Function::Sigmoid | Function::Tanh | Function::HardSilu => Accuracy::relative(2.5),
        Function::Squareplus => Accuracy::relative(3.0),
        Function::Silu => Accuracy { ulps: 3.0, floor: SUBNORMAL_FACTOR },
        Function::Mish => Accuracy { ulps: 4.0, floor: SUBNORMAL_FACTOR },
        Function::Gelu => Accuracy { ulps: 6.0, floor: SUBNORMAL_FACTOR },
        Function::GeluTanh => Accuracy { ulps: 4.0, floor: 0.125 },
    }
}

/// The bound for the derivatives behind [`super::derivative`].
pub fn derivative_accuracy(function: Function) -> Accuracy {
    match function {
        Function::Abs
        | Function::Neg
        | Function::Linear
        | Function::Relu
        | Function::Relu6
        | Function::HardTanh
        | Function::HardShrink
        | Function::SoftShrink
        | Function::SparseSigmoid
        | Function::Square => Accuracy::relative(0.0),
        Function::SparsePlus
        | Function::Log
        | Function::LeakyRelu
        | Function::HardSigmoid
        | Function::Sin
        | Function::Cos
        | Function::Tan
        | Function::Arctan
        | Function::TanhShrink => Accuracy::relative(0.5001),
        Function::Exp | Function::Expm1 | Function::Elu | Function::Celu => Accuracy::relative(1.0),
        Function::Sqrt | Function::Log1p => Accuracy::relative(1.5),
        Function::Reciprocal | Function::Asinh | Function::Selu => Accuracy::relative(2.0),
        Function::Softplus | Function::LogSigmoid => Accuracy::relative(2.5),
        Function::Erf => Accuracy::relative(3.0),
        Function::Tanh | Function::Sigmoid | Function::Softsign => Accuracy::relative(4.0),
        Function::Squareplus => Accuracy::relative(5.0),
        Function::HardSilu => Accuracy { ulps: 2.0, floor: 0.125 },
        Function::Silu | Function::Mish => Accuracy { ulps: 4.0, floor: 0.125 },
        Function::Gelu => Accuracy { ulps: 5.0, floor: 0.125 },
        Function::GeluTanh => Accuracy { ulps: 8.0, floor: 0.125 },
    }
}
