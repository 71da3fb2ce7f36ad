//! Named functions for `apply`, each with its inverse, derivative and the logarithm of it.

use std::f64::consts::{LN_2, LN_10};

use serde::{Deserialize, Serialize};

/// A smooth function of one number, under NumPy's name.
///
/// The inverse of `square` is the root that is not negative, the inverses of `sin`, `cos`, `tan` and `cosh` are the
/// principal branches; on other branches forward followed by inverse is not the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum NamedFunction {
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sqrt,
    Square,
    Cbrt,
    Reciprocal,
    Negative,
    Sin,
    Cos,
    Tan,
    Arcsin,
    Arccos,
    Arctan,
    Sinh,
    Cosh,
    Tanh,
    Arcsinh,
    Arccosh,
    Arctanh,
}

/// `10ˣ` has no name among NumPy's functions, but is the inverse of one.
fn inverse_log10(y: f64) -> f64 {
    libm::exp10(y)
}

impl NamedFunction {
    /// Every function.
    pub const ALL: &'static [NamedFunction] = {
        use NamedFunction::*;
        &[
            Exp, Exp2, Expm1, Log, Log2, Log10, Log1p, Sqrt, Square, Cbrt, Reciprocal, Negative, Sin, Cos, Tan, Arcsin,
            Arccos, Arctan, Sinh, Cosh, Tanh, Arcsinh, Arccosh, Arctanh,
        ]
    };

    /// NumPy's name.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// `f(x)`.
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Exp => x.exp(),
            Self::Exp2 => x.exp2(),
            Self::Expm1 => x.exp_m1(),
            Self::Log => x.ln(),
            Self::Log2 => x.log2(),
            Self::Log10 => x.log10(),
            Self::Log1p => x.ln_1p(),
            Self::Sqrt => x.sqrt(),
            Self::Square => x * x,
            Self::Cbrt => x.cbrt(),
            Self::Reciprocal => x.recip(),
            Self::Negative => -x,
            Self::Sin => x.sin(),
            Self::Cos => x.cos(),
            Self::Tan => x.tan(),
            Self::Arcsin => x.asin(),
            Self::Arccos => x.acos(),
            Self::Arctan => x.atan(),
            Self::Sinh => x.sinh(),
            Self::Cosh => x.cosh(),
            Self::Tanh => x.tanh(),
            Self::Arcsinh => libm::asinh(x),
            Self::Arccosh => libm::acosh(x),
            Self::Arctanh => libm::atanh(x),
        }
    }

    /// `f⁻¹(y)`.
    pub fn inverse(self, y: f64) -> f64 {
        match self {
            Self::Exp => y.ln(),
            Self::Exp2 => y.log2(),
            Self::Expm1 => y.ln_1p(),
            Self::Log => y.exp(),
            Self::Log2 => y.exp2(),
            Self::Log10 => inverse_log10(y),
            Self::Log1p => y.exp_m1(),
            Self::Sqrt => y * y,
            Self::Square => y.sqrt(),
            Self::Cbrt => y * y * y,
            Self::Reciprocal => y.recip(),
            Self::Negative => -y,
            Self::Sin => y.asin(),
            Self::Cos => y.acos(),
            Self::Tan => y.atan(),
            Self::Arcsin => y.sin(),
            Self::Arccos => y.cos(),
            Self::Arctan => y.tan(),
            Self::Sinh => libm::asinh(y),
            Self::Cosh => libm::acosh(y),
            Self::Tanh => libm::atanh(y),
            Self::Arcsinh => y.sinh(),
            Self::Arccosh => y.cosh(),
            Self::Arctanh => y.tanh(),
        }
    }

    /// `f′(x)`.
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            Self::Exp | Self::Expm1 => x.exp(),
            Self::Exp2 => x.exp2() * LN_2,
            Self::Log => x.recip(),
            Self::Log2 => (x * LN_2).recip(),
            Self::Log10 => (x * LN_10).recip(),
            Self::Log1p => (1.0 + x).recip(),
            Self::Sqrt => 0.5 / x.sqrt(),
            Self::Square => 2.0 * x,
            Self::Cbrt => (3.0 * x.cbrt().powi(2)).recip(),
            Self::Reciprocal => -x.recip() * x.recip(),
            Self::Negative => -1.0,
            Self::Sin => x.cos(),
            Self::Cos => -x.sin(),
            Self::Tan => x.cos().powi(-2),
            Self::Arcsin => ((1.0 - x) * (1.0 + x)).sqrt().recip(),
            Self::Arccos => -((1.0 - x) * (1.0 + x)).sqrt().recip(),
            Self::Arctan => x.mul_add(x, 1.0).recip(),
            Self::Sinh => x.cosh(),
            Self::Cosh => x.sinh(),
            Self::Tanh => self.log_derivative(x).exp(),
            Self::Arcsinh => x.hypot(1.0).recip(),
            Self::Arccosh => ((x - 1.0) * (x + 1.0)).sqrt().recip(),
            Self::Arctanh => ((1.0 - x) * (1.0 + x)).recip(),
        }
    }

    /// `ln |f′(x)|`, where it matters without going through `f′`, which may overflow.
    pub fn log_derivative(self, x: f64) -> f64 {
        match self {
            Self::Exp | Self::Expm1 => x,
            Self::Exp2 => x * LN_2 + LN_2.ln(),
            Self::Log => -x.ln(),
            Self::Log2 => -x.ln() - LN_2.ln(),
            Self::Log10 => -x.ln() - LN_10.ln(),
            Self::Log1p => -x.ln_1p(),
            Self::Sqrt => -0.5 * x.ln() - LN_2,
            Self::Square => LN_2 + x.abs().ln(),
            Self::Cbrt => -3f64.ln() - 2.0 / 3.0 * x.abs().ln(),
            Self::Reciprocal => -2.0 * x.abs().ln(),
            Self::Negative => 0.0,
            Self::Sin => x.cos().abs().ln(),
            Self::Cos => x.sin().abs().ln(),
            Self::Tan => -2.0 * x.cos().abs().ln(),
            Self::Arcsin | Self::Arccos => -0.5 * ((-x).ln_1p() + x.ln_1p()),
            Self::Arctan => -(x * x).ln_1p(),
            Self::Sinh => ln_cosh(x),
            Self::Cosh => x.abs() - LN_2 + (-(-2.0 * x.abs()).exp()).ln_1p(),
            Self::Tanh => -2.0 * ln_cosh(x),
            Self::Arcsinh => -0.5 * (x * x).ln_1p(),
            Self::Arccosh => -0.5 * ((x - 1.0).ln() + (x + 1.0).ln()),
            Self::Arctanh => -((-x).ln_1p() + x.ln_1p()),
        }
    }

    /// `d/dx ln |f′(x)| = f″(x)/f′(x)`.
    pub fn log_derivative_slope(self, x: f64) -> f64 {
        match self {
            Self::Exp | Self::Expm1 => 1.0,
            Self::Exp2 => LN_2,
            Self::Log | Self::Log2 | Self::Log10 => -x.recip(),
            Self::Log1p => -(1.0 + x).recip(),
            Self::Sqrt => -0.5 / x,
            Self::Square => x.recip(),
            Self::Cbrt => -2.0 / (3.0 * x),
            Self::Reciprocal => -2.0 / x,
            Self::Negative => 0.0,
            Self::Sin => -x.tan(),
            Self::Cos => x.tan().recip(),
            Self::Tan => 2.0 * x.tan(),
            Self::Arcsin | Self::Arccos => x / ((1.0 - x) * (1.0 + x)),
            Self::Arctan => -2.0 * x / x.mul_add(x, 1.0),
            Self::Sinh => x.tanh(),
            Self::Cosh => x.tanh().recip(),
            Self::Tanh => -2.0 * x.tanh(),
            Self::Arcsinh => -x / x.mul_add(x, 1.0),
            Self::Arccosh => -x / ((x - 1.0) * (x + 1.0)),
            Self::Arctanh => 2.0 * x / ((1.0 - x) * (1.0 + x)),
        }
    }

    /// The numbers for which the function has a finite value, as closed interval of the open or closed kind that
    /// [`admits`](NamedFunction::admits) tests, in words.
    pub(super) fn domain(self) -> &'static str {
        match self {
            Self::Log | Self::Log2 | Self::Log10 => "numbers above 0",
            Self::Log1p => "numbers above -1",
            Self::Sqrt => "numbers from 0 on",
            Self::Reciprocal => "numbers other than 0",
            Self::Arcsin | Self::Arccos => "numbers from -1 to 1",
            Self::Arccosh => "numbers from 1 on",
            Self::Arctanh => "numbers between -1 and 1",
            _ => "all numbers",
        }
    }

    /// True when `f(x)` is defined and finite for finite `x`, up to overflow.
    pub(super) fn admits(self, x: f64) -> bool {
        match self {
            Self::Log | Self::Log2 | Self::Log10 => x > 0.0,
            Self::Log1p => x > -1.0,
            Self::Sqrt => x >= 0.0,
            Self::Reciprocal => x != 0.0,
            Self::Arcsin | Self::Arccos => x.abs() <= 1.0,
            Self::Arccosh => x >= 1.0,
            Self::Arctanh => x.abs() < 1.0,
            _ => true,
        }
    }
}

/// `ln cosh x = |x| + ln(1 + e^(−2|x|)) − ln 2`.
fn ln_cosh(x: f64) -> f64 {
    x.abs() + (-2.0 * x.abs()).exp().ln_1p() - LN_2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of the principal branch of each function.
    fn points(function: NamedFunction) -> Vec<f64> {
        use NamedFunction::*;
        match function {
            Sin => vec![-1.2, -0.1, 0.7],
            Cos => vec![0.2, 1.4, 2.9],
            Tan => vec![-1.3, 0.4, 1.1],
            Arcsin | Arccos | Arctanh => vec![-0.9, 0.2, 0.97],
            Arccosh => vec![1.1, 3.0, 40.0],
            Log | Log2 | Log10 | Log1p | Sqrt | Square | Cosh => vec![0.01, 0.8, 1.0, 7.0],
            _ => vec![-3.0, -0.4, 0.3, 2.5],
        }
    }

    #[test]
    fn inverses_derivatives_and_logarithms() {
        for &function in NamedFunction::ALL {
            for x in points(function) {
                let h = 1e-6 * x.abs();
                let round_trip = function.inverse(function.value(x));
                assert!((round_trip - x).abs() < 1e-12 * (1.0 + x.abs()), "{function:?} at {x}: back at {round_trip}");
                let numeric = (function.value(x + h) - function.value(x - h)) / (2.0 * h);
                let derivative = function.derivative(x);
                assert!((derivative / numeric - 1.0).abs() < 1e-6, "{function:?}′({x}) = {derivative}, not {numeric}");
                let log = function.log_derivative(x);
                assert!((log - derivative.abs().ln()).abs() < 1e-12 * (1.0 + log.abs()), "ln |{function:?}′({x})|");
                let numeric = (function.log_derivative(x + h) - function.log_derivative(x - h)) / (2.0 * h);
                let slope = function.log_derivative_slope(x);
                assert!(
                    (slope - numeric).abs() < 1e-6 * (1.0 + slope.abs()),
                    "{function:?} slope at {x}: {slope}, {numeric}"
                );
                assert!(function.admits(x), "{function:?} admits {x}");
            }
        }
    }

    #[test]
    fn values_outside_of_the_domain_are_not_admitted() {
        let outside = [
            (NamedFunction::Log, 0.0),
            (NamedFunction::Log1p, -1.0),
            (NamedFunction::Sqrt, -1e-300),
            (NamedFunction::Reciprocal, 0.0),
            (NamedFunction::Arcsin, 1.0 + 1e-15),
            (NamedFunction::Arccosh, 0.999),
            (NamedFunction::Arctanh, -1.0),
        ];
        for (function, x) in outside {
            assert!(!function.admits(x) && !function.value(x).is_finite(), "{function:?} at {x}");
        }
    }
}
