//! Calibration error: how far the coverage of central credible intervals is from their nominal probability.

use super::metric::{Aggregation, Metric};
use super::statistics::{linspace, sorted};
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};
use crate::math::quantile;

/// Options of [`calibration_error`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationError {
    /// Number of nominal probabilities.
    pub resolution: usize,
    /// Smallest nominal probability.
    pub min_quantile: f64,
    /// Largest nominal probability.
    pub max_quantile: f64,
    /// How the errors of the nominal probabilities become one number.
    pub aggregation: Aggregation,
}

impl Default for CalibrationError {
    fn default() -> Self {
        CalibrationError { resolution: 20, min_quantile: 0.005, max_quantile: 0.995, aggregation: Aggregation::Median }
    }
}

/// `agg_k |p_k − α_k|`, where `p_k` is the share of data sets whose true value lies in the central interval with nominal
/// probability `α_k`, bounds included.
///
/// The interval reaches from quantile `(1 − α)/2` to `1 − (1 − α)/2` of the draws. Unaggregated values are
/// `[resolution, variables]`: the aggregation runs over the nominal probabilities, not over the data sets. 0 is perfect;
/// with N data sets a calibrated posterior has values about `0.4/√N`.
pub fn calibration_error(draws: &Draws, truths: &Truths, options: &CalibrationError) -> Result<Metric> {
    check_pair(draws, truths)?;
    let &CalibrationError { resolution, min_quantile, max_quantile, aggregation } = options;
    if resolution == 0 || !(0.0..=1.0).contains(&min_quantile) || !(min_quantile..=1.0).contains(&max_quantile) {
        return Err(Error::argument(
            "calibration error",
            format!(
                "{resolution} probabilities from {min_quantile} to {max_quantile} were asked for; give at least one, \
                 ascending within [0, 1]"
            ),
        ));
    }
    let levels = linspace(min_quantile, max_quantile, resolution);
    Ok(Metric::aggregate("Calibration Error", draws, aggregation, |v| {
        let mut inside = vec![0usize; levels.len()];
        for (x, &truth) in draws.variable(v).zip(truths.variable(v)) {
            let x = sorted(x);
            for (count, level) in inside.iter_mut().zip(&levels) {
                let tail = (1.0 - level) / 2.0;
                let covered = quantile(&x, tail) <= truth && truth <= quantile(&x, 1.0 - tail);
                *count += usize::from(covered);
            }
        }
        inside.iter().zip(&levels).map(|(&n, level)| (n as f64 / draws.datasets() as f64 - level).abs()).collect()
    }))
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::diagnostics::metrics::statistics::tests_support::{example, normal_study};
    use crate::random::Key;

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        let with = |aggregation| {
            calibration_error(&draws, &truths, &CalibrationError { aggregation, ..Default::default() }).unwrap()
        };
        assert_abs_diff_eq!(with(Aggregation::Median).values[0], 0.18754386, epsilon = 5e-9);
        assert_abs_diff_eq!(with(Aggregation::Mean).values[0], 0.18436842, epsilon = 5e-9);
        assert_eq!(with(Aggregation::None).rows, Some(20));
    }

    #[test]
    fn only_wrong_widths_have_an_error() {
        let error = |scale| {
            let (draws, truths) = normal_study(Key::new(2), 300, 300, 0.0, scale);
            calibration_error(&draws, &truths, &Default::default()).unwrap().values[0]
        };
        assert!(error(1.0) < 0.05 && error(0.5) > 0.15 && error(2.0) > 0.15);
    }

    #[test]
    fn probabilities_must_ascend_within_the_unit_interval() {
        let (draws, truths) = example();
        for (min_quantile, max_quantile) in [(-0.1, 0.5), (0.5, 0.4), (0.5, 1.1), (f64::NAN, 0.5)] {
            let options = CalibrationError { min_quantile, max_quantile, ..Default::default() };
            assert!(calibration_error(&draws, &truths, &options).is_err());
        }
    }
}
