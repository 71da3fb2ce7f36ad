//! Calibration of predicted class or model probabilities.

use serde::Serialize;

use super::metric::Metric;
use super::statistics::{linspace, quantile};
use crate::error::{Error, Result};

/// How predicted probabilities are sorted into bins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Binning {
    /// Bins of equal width.
    #[default]
    Uniform,
    /// Bins that hold as many predictions.
    Quantile,
}

/// Observed shares against predicted probabilities, one point for each bin that is not empty.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CalibrationCurve {
    /// Share of positive outcomes in the bin.
    pub observed: Vec<f64>,
    /// Mean predicted probability in the bin.
    pub predicted: Vec<f64>,
    /// Number of predictions in the bin.
    pub count: Vec<usize>,
}

/// The curve of observed shares over predicted probabilities. `positive[i]` is the outcome of case `i`, `probabilities[i]`
/// its predicted probability. A prediction on the edge of two bins belongs to the lower one.
pub fn calibration_curve(
    positive: &[bool],
    probabilities: &[f64],
    num_bins: usize,
    binning: Binning,
) -> Result<CalibrationCurve> {
    if positive.len() != probabilities.len() || positive.is_empty() || num_bins == 0 {
        return Err(Error::shape(
            "calibration curve",
            format!(
                "{} outcomes, {} probabilities and {num_bins} bins were given; give as many of both and at least one bin",
                positive.len(),
                probabilities.len()
            ),
        ));
    }
    if let Some(p) = probabilities.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::value("probabilities", format!("{p} is not a probability from 0 to 1")));
    }
    let levels = linspace(0.0, 1.0, num_bins + 1);
    let edges = match binning {
        Binning::Uniform => levels,
        Binning::Quantile => levels.iter().map(|&level| quantile(probabilities, level)).collect(),
    };
    let interior = &edges[1..num_bins];
    let (mut count, mut hits, mut sum) = (vec![0; num_bins], vec![0usize; num_bins], vec![0.0; num_bins]);
    for (&outcome, &p) in positive.iter().zip(probabilities) {
        let bin = interior.partition_point(|&edge| edge < p);
        count[bin] += 1;
        hits[bin] += usize::from(outcome);
        sum[bin] += p;
    }
    let filled: Vec<usize> = (0..num_bins).filter(|&b| count[b] > 0).collect();
    Ok(CalibrationCurve {
        observed: filled.iter().map(|&b| hits[b] as f64 / count[b] as f64).collect(),
        predicted: filled.iter().map(|&b| sum[b] / count[b] as f64).collect(),
        count: filled.iter().map(|&b| count[b]).collect(),
    })
}

/// The result of [`expected_calibration_error`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectedCalibrationError {
    /// One error for each model.
    pub metric: Metric,
    /// One curve for each model.
    pub curves: Vec<CalibrationCurve>,
}

/// For each model the mean distance of its calibration curve from the diagonal, weighted by the predictions in a bin:
/// `Σ_b (n_b / N) |observed_b − predicted_b|` (Naeini, Cooper and Hauskrecht 2015).
///
/// `probabilities` and the indicators `targets` of the true model (its row's largest value) are `[cases, models]`,
/// row-major, with as many columns as `model_names`.
pub fn expected_calibration_error(
    probabilities: &[f64],
    targets: &[f64],
    model_names: &[impl AsRef<str>],
    num_bins: usize,
) -> Result<ExpectedCalibrationError> {
    let models = model_names.len();
    if models == 0
        || probabilities.len() != targets.len()
        || probabilities.is_empty()
        || !targets.len().is_multiple_of(models)
    {
        return Err(Error::shape(
            "expected calibration error",
            format!(
                "{} probabilities and {} targets were given for {models} models; give both as [cases, models]",
                probabilities.len(),
                targets.len()
            ),
        ));
    }
    // The first of equal values, as an arg-max.
    let largest = |row: &[f64]| (1..models).fold(0, |best, m| if row[m] > row[best] { m } else { best });
    let truth: Vec<usize> = targets.chunks_exact(models).map(largest).collect();
    let curve = |m: usize| {
        let positive: Vec<bool> = truth.iter().map(|&t| t == m).collect();
        let predicted: Vec<f64> = probabilities.iter().skip(m).step_by(models).copied().collect();
        calibration_curve(&positive, &predicted, num_bins, Binning::Uniform)
    };
    let curves = (0..models).map(curve).collect::<Result<Vec<_>>>()?;
    let error = |c: &CalibrationCurve| -> f64 {
        let terms = c.observed.iter().zip(&c.predicted).zip(&c.count);
        terms.map(|((o, p), &n)| (o - p).abs() * n as f64 / truth.len() as f64).sum()
    };
    let metric = Metric {
        name: "Expected Calibration Error".into(),
        variable_names: model_names.iter().map(|name| name.as_ref().to_string()).collect(),
        rows: None,
        values: curves.iter().map(error).collect(),
    };
    Ok(ExpectedCalibrationError { metric, curves })
}

/// What the counts of a confusion matrix are divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConfusionNormalization {
    /// Nothing: counts.
    #[default]
    None,
    /// The number of cases of the true label (row).
    True,
    /// The number of cases of the predicted label (column).
    Predicted,
    /// The number of all cases.
    All,
}

/// Counts or shares of pairs of true (row) and predicted (column) labels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfusionMatrix {
    /// The labels in order.
    pub labels: Vec<i64>,
    /// One row for each true label.
    pub rows: Vec<Vec<f64>>,
}

/// The confusion matrix of true and predicted labels. Without `labels`, all that occur are taken in ascending order; pairs
/// with a label that is not in the list are left out. Empty rows and columns stay zero.
pub fn confusion_matrix(
    truth: &[i64],
    predicted: &[i64],
    labels: Option<&[i64]>,
    normalization: ConfusionNormalization,
) -> Result<ConfusionMatrix> {
    if truth.len() != predicted.len() {
        return Err(Error::shape(
            "confusion matrix",
            format!("{} true and {} predicted labels were given; give as many of both", truth.len(), predicted.len()),
        ));
    }
    let labels = labels.map(<[i64]>::to_vec).unwrap_or_else(|| {
        let mut all = [truth, predicted].concat();
        all.sort_unstable();
        all.dedup();
        all
    });
    let place = |label: &i64| labels.iter().position(|l| l == label);
    let mut rows = vec![vec![0.0; labels.len()]; labels.len()];
    for (t, p) in truth.iter().zip(predicted) {
        if let (Some(t), Some(p)) = (place(t), place(p)) {
            rows[t][p] += 1.0;
        }
    }
    let columns: Vec<f64> = (0..labels.len()).map(|c| rows.iter().map(|row| row[c]).sum()).collect();
    let all: f64 = columns.iter().sum();
    for row in &mut rows {
        let sum: f64 = row.iter().sum();
        for (value, column) in row.iter_mut().zip(&columns) {
            let divisor = match normalization {
                ConfusionNormalization::None => 1.0,
                ConfusionNormalization::True => sum,
                ConfusionNormalization::Predicted => *column,
                ConfusionNormalization::All => all,
            };
            *value = if divisor > 0.0 { *value / divisor } else { 0.0 };
        }
    }
    Ok(ConfusionMatrix { labels, rows })
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;

    const PROBABILITIES: [f64; 10] = [0.05, 0.1, 0.15, 0.3, 0.3, 0.55, 0.62, 0.8, 0.95, 1.0];
    const OUTCOMES: [bool; 10] = [false, false, true, false, true, true, false, true, true, true];

    #[test]
    fn reference_curve() {
        let curve = calibration_curve(&OUTCOMES, &PROBABILITIES, 10, Binning::Uniform).unwrap();
        assert_eq!(curve.count, [2, 1, 2, 1, 1, 1, 2]);
        assert_eq!(curve.observed, [0.0, 1.0, 0.5, 1.0, 0.0, 1.0, 1.0]);
        for (value, expected) in curve.predicted.iter().zip([0.075, 0.15, 0.3, 0.55, 0.62, 0.8, 0.975]) {
            assert_abs_diff_eq!(*value, expected, epsilon = 1e-12);
        }
        let both = |values: Vec<f64>| values.into_iter().flat_map(|p| [1.0 - p, p]).collect::<Vec<_>>();
        let targets = both(OUTCOMES.iter().map(|&o| f64::from(u8::from(o))).collect());
        let ece = expected_calibration_error(&both(PROBABILITIES.to_vec()), &targets, &["a", "b"], 10).unwrap();
        assert_abs_diff_eq!(ece.metric.value("b").unwrap(), 0.272, epsilon = 1e-12);
    }

    #[test]
    fn confusion() {
        let matrix =
            |labels, normalization| confusion_matrix(&[0, 0, 2, 7], &[0, 2, 2, 0], labels, normalization).unwrap();
        assert_eq!(matrix(None, ConfusionNormalization::None).labels, [0, 2, 7]);
        assert_eq!(matrix(None, ConfusionNormalization::True).rows[0], [0.5, 0.5, 0.0]);
        assert_eq!(matrix(None, ConfusionNormalization::Predicted).rows[2], [0.5, 0.0, 0.0]);
        assert_eq!(
            matrix(Some(&[2, 0, 5]), ConfusionNormalization::None).rows,
            [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
        );
        assert_eq!(matrix(Some(&[2, 0, 5]), ConfusionNormalization::True).rows[2], [0.0; 3]);
    }

    #[test]
    fn faults_are_named() {
        assert!(calibration_curve(&[true], &[1.2], 5, Binning::Uniform).is_err());
        assert!(calibration_curve(&[true], &[f64::NAN], 5, Binning::Uniform).is_err());
        assert!(calibration_curve(&[true], &[], 5, Binning::Uniform).is_err());
        assert!(calibration_curve(&[true], &[0.5], 0, Binning::Uniform).is_err());
        assert!(expected_calibration_error(&[0.5, 0.5], &[1.0], &["a", "b"], 5).is_err());
        assert!(confusion_matrix(&[1], &[], None, ConfusionNormalization::None).is_err());
    }
}
