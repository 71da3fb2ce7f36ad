//! Invertible maps of one number with everything a density needs: value, inverse, derivative, `ln |f′|` and its slope.
//!
//! Each elementwise transform is a list of these maps along the trailing axes of a column. The change of variables
//! `ln p(x) = ln q(f(x)) + ln |f′(x)|` has the gradient `f′(x) · ∂ln q + d/dx ln |f′(x)|`; the last term is the slope.

use crate::math::links::{inverse_softplus, ln_one_minus_exp, sigmoid, softplus};

use super::function::NamedFunction;

/// How the distance `y > 0` to a single bound becomes a number `u` of the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Link {
    /// `u = ln y`.
    Log,
    /// `u = ln(eʸ − 1)`: like the logarithm near the bound, like the identity far from it.
    Softplus,
    /// The same with the peer's rounding: identity beyond 20, and a log-determinant `y − ln(eʸ − 1)` that overflows.
    NaiveSoftplus,
}

/// Beyond this the peer takes softplus and its inverse for the identity.
const NAIVE_THRESHOLD: f64 = 20.0;

impl Link {
    fn value(self, y: f64) -> f64 {
        match self {
            Link::Log => y.ln(),
            Link::NaiveSoftplus if y > NAIVE_THRESHOLD => y,
            Link::Softplus | Link::NaiveSoftplus => inverse_softplus(y),
        }
    }

    fn inverse(self, u: f64) -> f64 {
        match self {
            Link::Log => u.exp(),
            Link::NaiveSoftplus if u > NAIVE_THRESHOLD => u,
            Link::Softplus | Link::NaiveSoftplus => softplus(u),
        }
    }

    fn derivative(self, y: f64) -> f64 {
        match self {
            Link::Log => y.recip(),
            Link::Softplus | Link::NaiveSoftplus => -(-y).exp_m1().recip(),
        }
    }

    fn log_derivative(self, y: f64) -> f64 {
        match self {
            Link::Log => -y.ln(),
            Link::Softplus => -ln_one_minus_exp(-y),
            Link::NaiveSoftplus => y - (y.exp() - 1.0).ln(),
        }
    }

    fn log_derivative_slope(self, y: f64) -> f64 {
        match self {
            Link::Log => -y.recip(),
            Link::Softplus | Link::NaiveSoftplus => -y.exp_m1().recip(),
        }
    }
}

/// An invertible map of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ScalarMap {
    /// `x + by`.
    Shift { by: f64 },
    /// `by · x`.
    Scale { by: f64 },
    /// `(x − mean)/std`.
    Standardize { mean: f64, std: f64 },
    /// A named function and, where it is not its own, the function that undoes it.
    Named { function: NamedFunction, inverse: Option<NamedFunction> },
    /// Numbers above a bound, `u = link(x − bound)`. `floor` is the smallest value that the inverse gives.
    Above { bound: f64, floor: f64, link: Link },
    /// Numbers below a bound, `u = −link(bound − x)`. `ceiling` is the largest value that the inverse gives.
    Below { bound: f64, ceiling: f64, link: Link },
    /// Numbers between two bounds, `u = ln(x − lower) − ln(upper − x)`, the logit of the relative position. The inverse
    /// stays within `floor` and `ceiling`.
    Between { lower: f64, upper: f64, floor: f64, ceiling: f64 },
    /// The same by way of the relative position, with the peer's rounding near the bounds.
    NaiveBetween { lower: f64, upper: f64 },
}

impl ScalarMap {
    /// `f(x)`.
    pub fn value(self, x: f64) -> f64 {
        match self {
            ScalarMap::Shift { by } => x + by,
            ScalarMap::Scale { by } => x * by,
            ScalarMap::Standardize { mean, std } => (x - mean) / std,
            ScalarMap::Named { function, .. } => function.value(x),
            ScalarMap::Above { bound, link, .. } => link.value(x - bound),
            ScalarMap::Below { bound, link, .. } => -link.value(bound - x),
            ScalarMap::Between { lower, upper, .. } => (x - lower).ln() - (upper - x).ln(),
            ScalarMap::NaiveBetween { lower, upper } => {
                let w = (x - lower) / (upper - lower);
                w.ln() - (-w).ln_1p()
            }
        }
    }

    /// `f⁻¹(u)`.
    pub fn inverse(self, u: f64) -> f64 {
        match self {
            ScalarMap::Shift { by } => u - by,
            ScalarMap::Scale { by } => u / by,
            ScalarMap::Standardize { mean, std } => u * std + mean,
            ScalarMap::Named { function, inverse: None } => function.inverse(u),
            ScalarMap::Named { inverse: Some(inverse), .. } => inverse.value(u),
            ScalarMap::Above { bound, floor, link } => at_least(bound + link.inverse(u), floor),
            ScalarMap::Below { bound, ceiling, link } => at_most(bound - link.inverse(-u), ceiling),
            ScalarMap::Between { lower, upper, floor, ceiling } => {
                let width = upper - lower;
                // From the nearer bound, so that draws close to the upper one keep their distance to it.
                let x = if u < 0.0 { lower + width * sigmoid(u) } else { upper - width * sigmoid(-u) };
                at_most(at_least(x, floor), ceiling)
            }
            ScalarMap::NaiveBetween { lower, upper } => (upper - lower) * sigmoid(u) + lower,
        }
    }

    /// `f′(x)`.
    pub fn derivative(self, x: f64) -> f64 {
        match self {
            ScalarMap::Shift { .. } => 1.0,
            ScalarMap::Scale { by } => by,
            ScalarMap::Standardize { std, .. } => std.recip(),
            ScalarMap::Named { function, .. } => function.derivative(x),
            ScalarMap::Above { bound, link, .. } => link.derivative(x - bound),
            ScalarMap::Below { bound, link, .. } => link.derivative(bound - x),
            ScalarMap::Between { lower, upper, .. } | ScalarMap::NaiveBetween { lower, upper } => {
                (x - lower).recip() + (upper - x).recip()
            }
        }
    }

    /// `ln |f′(x)|`.
    pub fn log_derivative(self, x: f64) -> f64 {
        match self {
            ScalarMap::Shift { .. } => 0.0,
            ScalarMap::Scale { by } => by.abs().ln(),
            ScalarMap::Standardize { std, .. } => -std.abs().ln(),
            ScalarMap::Named { function, .. } => function.log_derivative(x),
            ScalarMap::Above { bound, link, .. } => link.log_derivative(x - bound),
            ScalarMap::Below { bound, link, .. } => link.log_derivative(bound - x),
            ScalarMap::Between { lower, upper, .. } => (upper - lower).ln() - (x - lower).ln() - (upper - x).ln(),
            ScalarMap::NaiveBetween { lower, upper } => {
                let w = (x - lower) / (upper - lower);
                -w.ln() - (-w).ln_1p() - (upper - lower).ln()
            }
        }
    }

    /// `d/dx ln |f′(x)|`.
    pub fn log_derivative_slope(self, x: f64) -> f64 {
        match self {
            ScalarMap::Shift { .. } | ScalarMap::Scale { .. } | ScalarMap::Standardize { .. } => 0.0,
            ScalarMap::Named { function, .. } => function.log_derivative_slope(x),
            ScalarMap::Above { bound, link, .. } => link.log_derivative_slope(x - bound),
            ScalarMap::Below { bound, link, .. } => -link.log_derivative_slope(bound - x),
            ScalarMap::Between { lower, upper, .. } | ScalarMap::NaiveBetween { lower, upper } => {
                (upper - x).recip() - (x - lower).recip()
            }
        }
    }

    /// True when the map contributes to the log-determinant at all; a shift does not.
    pub fn scales(self) -> bool {
        !matches!(self, ScalarMap::Shift { .. })
    }

    /// True when `x` may go forward: it lies inside of the domain or on its edge, where the map is infinite, or is NaN, which
    /// goes through as it is.
    pub fn admits(self, x: f64) -> bool {
        x.is_nan()
            || match self {
                ScalarMap::Named { function, .. } => function.admits(x),
                ScalarMap::Above { bound, .. } => x >= bound,
                ScalarMap::Below { bound, .. } => x <= bound,
                ScalarMap::Between { lower, upper, .. } | ScalarMap::NaiveBetween { lower, upper } => {
                    lower <= x && x <= upper
                }
                _ => true,
            }
    }

    /// What [`ScalarMap::admits`] asks for, in words.
    pub fn domain(self) -> String {
        match self {
            ScalarMap::Named { function, .. } => function.domain().to_owned(),
            ScalarMap::Above { floor, .. } if floor > f64::NEG_INFINITY => format!("numbers from {floor} on"),
            ScalarMap::Above { bound, .. } => format!("numbers above {bound}"),
            ScalarMap::Below { ceiling, .. } if ceiling < f64::INFINITY => format!("numbers up to {ceiling}"),
            ScalarMap::Below { bound, .. } => format!("numbers below {bound}"),
            ScalarMap::Between { lower, upper, floor, ceiling } => match (floor > lower, ceiling < upper) {
                (true, true) => format!("numbers from {floor} to {ceiling}"),
                (true, false) => format!("numbers from {floor} on and below {upper}"),
                (false, true) => format!("numbers above {lower} and up to {ceiling}"),
                (false, false) => format!("numbers between {lower} and {upper}"),
            },
            _ => "all numbers".to_owned(),
        }
    }
}

/// The maximum that keeps NaN.
fn at_least(x: f64, floor: f64) -> f64 {
    if x < floor { floor } else { x }
}

/// The minimum that keeps NaN.
fn at_most(x: f64, ceiling: f64) -> f64 {
    if x > ceiling { ceiling } else { x }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

    /// From a number of the line to one of the domain.
    type Place = fn(f64) -> f64;

    fn maps() -> Vec<(ScalarMap, Place)> {
        let (floor, ceiling) = OPEN;
        vec![
            (ScalarMap::Shift { by: -3.5 }, |t| t),
            (ScalarMap::Scale { by: -0.25 }, |t| t),
            (ScalarMap::Standardize { mean: 2.0, std: 0.3 }, |t| t),
            (ScalarMap::Above { bound: -1.5, floor, link: Link::Softplus }, |t| t.exp() - 1.5),
            (ScalarMap::Above { bound: 0.5, floor, link: Link::Log }, |t| t.exp() + 0.5),
            (ScalarMap::Below { bound: 2.0, ceiling, link: Link::Softplus }, |t| 2.0 - t.exp()),
            (ScalarMap::Below { bound: -2.0, ceiling, link: Link::Log }, |t| -2.0 - t.exp()),
            (ScalarMap::Between { lower: -1.0, upper: 2.0, floor, ceiling }, |t| -1.0 + 3.0 * sigmoid(t)),
            (ScalarMap::NaiveBetween { lower: -1.0, upper: 2.0 }, |t| -1.0 + 3.0 * sigmoid(t)),
        ]
    }

    proptest! {
        /// The inverse undoes the map, and the derivatives agree with central differences.
        #[test]
        fn inverse_and_derivatives(t in -4.0..4.0f64) {
            for (map, place) in maps() {
                let x = place(t);
                prop_assert!(map.admits(x));
                let back = map.inverse(map.value(x));
                prop_assert!((back - x).abs() < 1e-11 * (1.0 + x.abs()), "{map:?} at {x}: back at {back}");
                let h = 1e-7 * t.exp().min(1.0) * (1.0 - sigmoid(t));
                let difference = |f: &dyn Fn(f64) -> f64| (f(x + h) - f(x - h)) / ((x + h) - (x - h));
                let derivative = map.derivative(x);
                let numeric = difference(&|x| map.value(x));
                prop_assert!((numeric / derivative - 1.0).abs() < 1e-4, "{map:?}′({x}) = {derivative}, not {numeric}");
                let log = map.log_derivative(x);
                prop_assert!((log - derivative.abs().ln()).abs() < 1e-9 * (1.0 + log.abs()), "ln of {map:?}′({x})");
                let numeric = difference(&|x| map.log_derivative(x));
                let slope = map.log_derivative_slope(x);
                prop_assert!((numeric - slope).abs() < 1e-4 * (1.0 + slope.abs()), "{map:?} at {x}: {slope}, {numeric}");
            }
        }
    }

    /// Numbers of the specification, and the ranges where the plain formulas overflow or cancel.
    #[test]
    fn known_values_and_stable_tails() {
        let (floor, ceiling) = OPEN;
        let positive = ScalarMap::Above { bound: 0.0, floor, link: Link::Softplus };
        assert!((positive.value(0.5) + 0.43275213).abs() < 1e-8);
        assert!((positive.log_derivative(0.5) - 0.93275213).abs() < 1e-8);
        assert_eq!(positive.log_derivative(1000.0), 0.0);
        assert_eq!(positive.value(1000.0), 1000.0);
        assert_eq!(positive.inverse(1000.0), 1000.0);
        assert!((positive.inverse(-700.0).ln() + 700.0).abs() < 1e-9);
        let naive = ScalarMap::Above { bound: 0.0, floor, link: Link::NaiveSoftplus };
        assert_eq!(naive.log_derivative(1000.0), f64::NEG_INFINITY);
        let unit = ScalarMap::Between { lower: 0.0, upper: 1.0, floor, ceiling };
        assert!((unit.value(0.2) + 1.38629436).abs() < 1e-8);
        assert!((unit.log_derivative(0.2) - 1.83258146).abs() < 1e-8);
        let other = ScalarMap::Between { lower: -2.0, upper: 3.0, floor, ceiling };
        assert!((other.value(1.0) - 0.40546511).abs() < 1e-8);
        assert!((other.log_derivative(1.0) + 0.18232156).abs() < 1e-8);
        assert!(positive.value(f64::NAN).is_nan() && unit.inverse(f64::NAN).is_nan());
    }
}
