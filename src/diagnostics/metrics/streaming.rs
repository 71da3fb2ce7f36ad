//! Metrics of a stream of batches: they keep what they need of each and give their value at any time.

use super::mmd::{MaximumMeanDiscrepancy, maximum_mean_discrepancy};
use super::root_mean_squared_error::rowwise_root_mean_squared_error;
use crate::codecs::Array;
use crate::error::{Error, Result};

/// A number over batches that come one after another, such as those of an epoch.
///
/// ```
/// use ferroflow::codecs::Array;
/// use ferroflow::diagnostics::{MeanRootSquaredError, StreamingMetric};
/// let mut error = MeanRootSquaredError::new();
/// error.update(&Array::vector(vec![0.0, 1.0]), &Array::vector(vec![0.0, 3.0]))?;
/// error.update(&Array::vector(vec![5.0]), &Array::vector(vec![1.0]))?;
/// assert_eq!(error.result(), Some(2.0)); // (0 + 2 + 4) / 3
/// error.reset();
/// assert_eq!(error.result(), None);
/// # Ok::<(), ferroflow::Error>(())
/// ```
pub trait StreamingMetric {
    /// A short name, as of a column of numbers.
    fn name(&self) -> &'static str;

    /// Takes a batch of estimates and what they are compared with. A batch that is refused changes nothing.
    fn update(&mut self, estimates: &Array, targets: &Array) -> Result<()>;

    /// The value of all batches since the last reset; `None` before the first one.
    fn result(&self) -> Option<f64>;

    /// Forgets all batches.
    fn reset(&mut self);
}

/// The mean over all rows of all batches of the root mean squared difference of a row: `1/n Σᵢ √ mean_k (aᵢₖ − bᵢₖ)²`.
///
/// Batches are pairs of arrays `[rows, …]` of one shape; the axes after the first are taken together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MeanRootSquaredError {
    sum: f64,
    rows: usize,
}

impl MeanRootSquaredError {
    /// Nothing seen yet.
    pub fn new() -> Self {
        MeanRootSquaredError::default()
    }
}

impl StreamingMetric for MeanRootSquaredError {
    fn name(&self) -> &'static str {
        "root_mean_squared_error"
    }

    fn update(&mut self, estimates: &Array, targets: &Array) -> Result<()> {
        if estimates.shape() != targets.shape() {
            let message = format!(
                "the estimates have the shape {:?} and the targets {:?}; give two arrays of one shape [rows, …]",
                estimates.shape(),
                targets.shape()
            );
            return Err(Error::shape(self.name(), message));
        }
        let rows = estimates.shape().first().copied().unwrap_or(0);
        let errors = rowwise_root_mean_squared_error(&estimates.to_f64(), &targets.to_f64(), rows)?;
        if let Some(row) = errors.iter().position(|error| !error.is_finite()) {
            let message = format!("row {row} of the batch is {}; errors need finite numbers", errors[row]);
            return Err(Error::value(self.name(), message));
        }
        self.sum += errors.iter().sum::<f64>();
        self.rows += rows;
        Ok(())
    }

    fn result(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.sum / self.rows as f64)
    }

    fn reset(&mut self) {
        *self = MeanRootSquaredError::default();
    }
}

/// The squared maximum mean discrepancy between estimates `[m, …]` and targets `[n, …]` of the latest batch. Discrepancies of
/// batches do not average to that of all points, so the others are not kept.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LatestDiscrepancy {
    options: MaximumMeanDiscrepancy,
    latest: Option<f64>,
}

impl LatestDiscrepancy {
    /// With a kernel and an estimator.
    pub fn new(options: MaximumMeanDiscrepancy) -> Self {
        LatestDiscrepancy { options, latest: None }
    }
}

impl StreamingMetric for LatestDiscrepancy {
    fn name(&self) -> &'static str {
        "maximum_mean_discrepancy"
    }

    fn update(&mut self, estimates: &Array, targets: &Array) -> Result<()> {
        self.latest = Some(maximum_mean_discrepancy(estimates, targets, &self.options)?);
        Ok(())
    }

    fn result(&self) -> Option<f64> {
        self.latest
    }

    fn reset(&mut self) {
        self.latest = None;
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::diagnostics::{Estimator, Kernel};

    fn rows(values: &[f64]) -> Array {
        Array::f64([values.len() / 2, 2], values.to_vec()).unwrap()
    }

    /// Batches of different sizes count by their rows, and reset forgets them.
    #[test]
    fn errors_average_over_rows() {
        let mut metric = MeanRootSquaredError::new();
        metric.update(&rows(&[0.0, 0.0, 3.0, 4.0]), &rows(&[0.0; 4])).unwrap();
        metric.update(&rows(&[1.0, 1.0]), &rows(&[2.0, 2.0])).unwrap();
        assert_relative_eq!(metric.result().unwrap(), (0.0 + 12.5f64.sqrt() + 1.0) / 3.0, epsilon = 1e-14);
        let before = metric;
        let wide = Array::f64([1, 1], vec![0.0]).unwrap();
        for (a, expected) in [(wide, "the targets [1, 2]"), (rows(&[f64::NAN, 0.0]), "row 0 of the batch is NaN")] {
            let message = metric.update(&a, &rows(&[0.0, 0.0])).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        assert_eq!(metric, before);
        metric.reset();
        assert_eq!((metric.result(), metric.name()), (None, "root_mean_squared_error"));
    }

    #[test]
    fn the_latest_discrepancy_is_kept() {
        let options =
            MaximumMeanDiscrepancy { kernel: Kernel::Gaussian, estimator: Estimator::Biased, peer_compatible: false };
        let (x, y) = (rows(&[0.0, 0.0, 1.0, 0.0]), rows(&[0.5, 0.5, 1.5, -1.0]));
        let mut metrics: Vec<Box<dyn StreamingMetric>> = vec![Box::new(LatestDiscrepancy::new(options))];
        let metric = &mut metrics[0];
        assert_eq!(metric.result(), None);
        metric.update(&x, &x).unwrap();
        metric.update(&x, &y).unwrap();
        assert_eq!(metric.result(), Some(maximum_mean_discrepancy(&x, &y, &options).unwrap()));
        assert!(metric.update(&Array::vector(vec![0.0]), &y).is_err());
        metric.reset();
        assert_eq!(metric.result(), None);
    }
}
