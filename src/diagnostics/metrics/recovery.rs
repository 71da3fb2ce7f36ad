//! The numbers of the recovery picture and of the loss picture.

use serde::Serialize;

use super::statistics::{median, pearson, sorted};
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};
use crate::math::quantile;

/// Point estimates of one variable with credible intervals, against the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recovery {
    /// The name of the variable.
    pub variable: String,
    /// The true value of each data set.
    pub truth: Vec<f64>,
    /// The median of the draws.
    pub estimate: Vec<f64>,
    /// Lower end of the credible interval.
    pub lower: Vec<f64>,
    /// Upper end of the credible interval.
    pub upper: Vec<f64>,
    /// Pearson correlation of truth and estimate over data sets; NaN when one has no variance.
    pub correlation: f64,
}

/// Medians and central credible intervals of probability `prob` for each variable.
pub fn recovery(draws: &Draws, truths: &Truths, prob: f64) -> Result<Vec<Recovery>> {
    check_pair(draws, truths)?;
    let series = |v: usize| -> Result<Recovery> {
        let truth = truths.variable(v).to_vec();
        let estimate: Vec<f64> = draws.variable(v).map(median).collect();
        let intervals = draws.variable(v).map(|x| credible_interval(x, prob)).collect::<Result<Vec<_>>>()?;
        let (lower, upper) = intervals.into_iter().map(|[lower, upper]| (lower, upper)).unzip();
        let correlation = pearson(&truth, &estimate);
        Ok(Recovery { variable: draws.variables()[v].name.clone(), truth, estimate, lower, upper, correlation })
    };
    (0..draws.variables().len()).map(series).collect()
}

/// The quantiles `(1 − prob)/2` and `1 − (1 − prob)/2` of the values.
pub fn credible_interval(values: &[f64], prob: f64) -> Result<[f64; 2]> {
    if !(0.0..=1.0).contains(&prob) {
        return Err(Error::argument("prob", format!("is {prob}; give a probability from 0 to 1")));
    }
    if values.is_empty() {
        return Err(Error::argument("values", "there is none; a credible interval needs at least one draw"));
    }
    let (values, tail) = (sorted(values), (1.0 - prob) / 2.0);
    Ok([quantile(&values, tail), quantile(&values, 1.0 - tail)])
}

/// Exponentially weighted mean with bias correction: `y_t = Σ_{i ≤ t} s^(t−i) x_i / Σ_{i ≤ t} s^(t−i)` with `0 ≤ s < 1`.
pub fn smoothed(values: &[f64], smoothing: f64) -> Result<Vec<f64>> {
    if !(0.0..1.0).contains(&smoothing) {
        return Err(Error::argument("smoothing", format!("is {smoothing}; give a number from 0 to below 1")));
    }
    let step = |state: &mut (f64, f64), &x: &f64| {
        *state = (state.0 * smoothing + x, state.1 * smoothing + 1.0);
        Some(state.0 / state.1)
    };
    Ok(values.iter().scan((0.0, 0.0), step).collect())
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::diagnostics::metrics::statistics::tests_support::example;

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        let series = &recovery(&draws, &truths, 0.95).unwrap()[0];
        assert_abs_diff_eq!(series.correlation, 0.98958298, epsilon = 5e-9);
        assert_abs_diff_eq!(series.lower[0], -0.395, epsilon = 1e-12);
        assert_abs_diff_eq!(series.upper[0], 0.555, epsilon = 1e-12);
        assert_abs_diff_eq!(series.estimate[0], 0.08, epsilon = 1e-12);
        assert!(recovery(&draws, &truths, 1.2).is_err() && credible_interval(&[], 0.9).is_err());
    }

    #[test]
    fn smoothing() {
        let expected = [4.0, 2.88888889, 2.93442623, 2.27913279];
        for (value, expected) in smoothed(&[4.0, 2.0, 3.0, 1.0], 0.8).unwrap().iter().zip(expected) {
            assert_abs_diff_eq!(*value, expected, epsilon = 5e-9);
        }
        assert_eq!(smoothed(&[4.0, 2.0], 0.0).unwrap(), [4.0, 2.0]);
        assert!(smoothed(&[1.0], 1.0).is_err());
    }
}
