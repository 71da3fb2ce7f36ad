//! Posterior predictive checks: is an observed value like the values that the posterior predicts? (Gelman, Meng and Stern 1996,
//! "Posterior predictive assessment of model fitness via realized discrepancies")

use serde::Serialize;

use super::recovery::credible_interval;
use super::statistics::median;
use crate::error::{Error, Result};

/// An observed value among replicated ones.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictiveCheck {
    /// The observed value.
    pub observed: f64,
    /// Median of the replicated values.
    pub median: f64,
    /// Ends of the central intervals of the replicated values, in the order of the probabilities that were asked for.
    pub intervals: Vec<[f64; 2]>,
    /// Share of replicated values that are larger than the observed one, equal ones counted half. Near 0 or 1 the model does
    /// not reproduce the value. The data were used to fit the model, so that the shares of a right model gather around ½.
    pub tail_probability: f64,
}

/// Compares observed values `[dimension]` with replicated ones `[draws, dimension]`, row-major: data, or statistics of data,
/// one check for each column. `probabilities` are those of the intervals, such as 0.5 and 0.9.
///
/// # Errors
/// No columns or draws, shapes that do not match, a probability outside of `[0, 1]`, or NaN.
pub fn predictive_checks(observed: &[f64], replicated: &[f64], probabilities: &[f64]) -> Result<Vec<PredictiveCheck>> {
    let width = observed.len();
    if width == 0 || replicated.is_empty() || !replicated.len().is_multiple_of(width) {
        return Err(Error::shape(
            "predictive check",
            format!(
                "{} replicated values came for {width} observed ones; give [draws, dimension] with at least one draw",
                replicated.len()
            ),
        ));
    }
    if let Some(at) = replicated.iter().chain(observed).position(|x| x.is_nan()) {
        let place = if at < replicated.len() {
            format!("draw {} is NaN in column {}", at / width, at % width)
        } else {
            format!("the observed value of column {} is NaN", at - replicated.len())
        };
        return Err(Error::value("predictive check", format!("{place}; leave it out or find out why")));
    }
    let check = |column: usize| -> Result<PredictiveCheck> {
        let values: Vec<f64> = replicated.iter().skip(column).step_by(width).copied().collect();
        let truth = observed[column];
        let above = values.iter().filter(|&&x| x > truth).count() as f64;
        let equal = values.iter().filter(|&&x| x == truth).count() as f64;
        Ok(PredictiveCheck {
            observed: truth,
            median: median(&values),
            intervals: probabilities.iter().map(|&p| credible_interval(&values, p)).collect::<Result<_>>()?,
            tail_probability: (above + 0.5 * equal) / values.len() as f64,
        })
    };
    (0..width).map(check).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    #[test]
    fn shares_and_intervals() {
        // Columns 0, 1, …, 100 and a constant.
        let replicated: Vec<f64> = (0..=100).flat_map(|i| [f64::from(i), 7.0]).collect();
        let checks = predictive_checks(&[80.0, 7.0], &replicated, &[0.9, 0.5]).unwrap();
        assert_abs_diff_eq!(checks[0].tail_probability, 20.5 / 101.0, epsilon = 1e-12);
        assert_eq!((checks[0].median, &checks[0].intervals[1]), (50.0, &[25.0, 75.0]));
        assert_abs_diff_eq!(checks[0].intervals[0][0], 5.0, epsilon = 1e-12);
        assert_eq!(checks[1].tail_probability, 0.5);
    }

    #[test]
    fn faults_are_named() {
        let message = |observed: &[f64], replicated: &[f64], p: f64| {
            predictive_checks(observed, replicated, &[p]).unwrap_err().to_string()
        };
        assert!(message(&[1.0, 2.0], &[1.0; 3], 0.5).contains("3 replicated values came for 2 observed ones"));
        assert!(message(&[], &[], 0.5).contains("at least one draw"));
        assert!(message(&[1.0, 2.0], &[1.0, 2.0, 3.0, f64::NAN], 0.5).contains("draw 1 is NaN in column 1"));
        assert!(message(&[f64::NAN], &[1.0], 0.5).contains("the observed value of column 0"));
        assert!(message(&[1.0], &[1.0], 1.5).contains("probability from 0 to 1"));
    }
}
