//! Root mean squared error of the draws against the true values: recovery and sharpness in one number.

use rand::RngExt;

use super::metric::{Aggregation, Metric};
use super::statistics::{median, quantile};
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};
use crate::math::{mean, variance};
use crate::random::Key;

/// What the error of a variable is divided by.
#[derive(Debug, Clone, PartialEq)]
pub enum Normalization {
    /// Nothing: the error in units of the variable.
    None,
    /// Mean of the true values; it may be negative or zero.
    Mean,
    /// Median of the true values; it may be negative or zero.
    Median,
    /// Largest minus smallest true value.
    Range,
    /// Standard deviation of the true values (that of a population, divisor N).
    StandardDeviation,
    /// Distance between the quartiles of the true values.
    InterquartileRange,
    /// The error of draws from the prior, for which true values of randomly chosen data sets stand in:
    /// 0 is perfect, 1 is no better than the prior.
    Prior(Key),
    /// As [`Normalization::Prior`] with the chosen data sets `[datasets, draws]` given, row-major.
    PriorRows(Vec<usize>),
}

/// Options of [`root_mean_squared_error`].
#[derive(Debug, Clone, PartialEq)]
pub struct RootMeanSquaredError {
    /// What the error is divided by.
    pub normalization: Normalization,
    /// How the errors of the data sets become one number. The error of the prior is aggregated in the same way, by the
    /// median for [`Aggregation::None`].
    pub aggregation: Aggregation,
}

impl Default for RootMeanSquaredError {
    fn default() -> Self {
        RootMeanSquaredError {
            normalization: Normalization::Prior(Key::new(0).fork("prior error")),
            aggregation: Aggregation::Median,
        }
    }
}

/// `agg_i r[i] / c` with `r[i] = √ mean_s (x[i, s] − θ[i])²` and the divisor `c` of the chosen [`Normalization`].
///
/// `x` are the draws and `θ` the true value of data set `i`; unaggregated values are `[datasets, variables]`. With
/// [`Normalization::Prior`], `c = agg_i √ mean_s (θ[J(i, s)] − θ[i])²` with `J(i, s)` uniform over the data sets, the same
/// for all variables. The name is "NRMSE", or "RMSE" when nothing is divided by.
pub fn root_mean_squared_error(draws: &Draws, truths: &Truths, options: &RootMeanSquaredError) -> Result<Metric> {
    check_pair(draws, truths)?;
    let size = draws.datasets() * draws.draws();
    let rows = match &options.normalization {
        Normalization::Prior(key) => {
            let mut stream = key.stream();
            (0..size).map(|_| stream.random_range(0..draws.datasets())).collect()
        }
        Normalization::PriorRows(rows) => {
            if rows.len() != size || rows.iter().any(|&row| row >= draws.datasets()) {
                return Err(Error::argument(
                    "prior rows",
                    format!(
                        "{} indices were given, the largest {:?}; give {} data sets × {} draws indices below {}",
                        rows.len(),
                        rows.iter().max(),
                        draws.datasets(),
                        draws.draws(),
                        draws.datasets()
                    ),
                ));
            }
            rows.clone()
        }
        _ => Vec::new(),
    };
    let divisor = |theta: &[f64]| match options.normalization {
        Normalization::None => 1.0,
        Normalization::Mean => mean(theta),
        Normalization::Median => median(theta),
        Normalization::Range => {
            theta.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                - theta.iter().copied().fold(f64::INFINITY, f64::min)
        }
        Normalization::StandardDeviation => variance(theta, 0).sqrt(),
        Normalization::InterquartileRange => quantile(theta, 0.75) - quantile(theta, 0.25),
        Normalization::Prior(_) | Normalization::PriorRows(_) => {
            let errors: Vec<_> = rows
                .chunks_exact(draws.draws())
                .zip(theta)
                .map(|(rows, &truth)| distance(rows.iter().map(|&row| theta[row]), truth))
                .collect();
            options.aggregation.apply(&errors).unwrap_or_else(|| median(&errors))
        }
    };
    let name = if options.normalization == Normalization::None { "RMSE" } else { "NRMSE" };
    Ok(Metric::aggregate(name, draws, options.aggregation, |v| {
        let theta = truths.variable(v);
        let divisor = divisor(theta);
        draws.variable(v).zip(theta).map(|(x, &truth)| distance(x.iter().copied(), truth) / divisor).collect()
    }))
}

fn distance(values: impl ExactSizeIterator<Item = f64>, truth: f64) -> f64 {
    let count = values.len() as f64;
    (values.map(|x| (x - truth).powi(2)).sum::<f64>() / count).sqrt()
}

/// Root of the mean squared difference of each row of two arrays `[rows, …]`, the remaining axes taken together.
pub fn rowwise_root_mean_squared_error(a: &[f64], b: &[f64], rows: usize) -> Result<Vec<f64>> {
    if a.len() != b.len() || rows == 0 || a.is_empty() || !a.len().is_multiple_of(rows) {
        return Err(Error::shape(
            "root_mean_squared_error",
            format!("{} and {} values for {rows} rows; give two arrays of one shape [rows, …]", a.len(), b.len()),
        ));
    }
    let width = a.len() / rows;
    let row =
        |(a, b): (&[f64], &[f64])| (a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / width as f64).sqrt();
    Ok(a.chunks_exact(width).zip(b.chunks_exact(width)).map(row).collect())
}

#[cfg(test)]
mod tests {
    use approx::assert_abs_diff_eq;

    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::statistics::tests_support::{example, normal_study};

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        let value = |normalization| {
            let options = RootMeanSquaredError { normalization, ..Default::default() };
            root_mean_squared_error(&draws, &truths, &options).unwrap().values[0]
        };
        assert_abs_diff_eq!(value(Normalization::None), 0.37847962, epsilon = 5e-9);
        assert_abs_diff_eq!(value(Normalization::Range), 0.16455635, epsilon = 5e-9);
        assert_abs_diff_eq!(value(Normalization::StandardDeviation), 0.51085809, epsilon = 5e-9);
        assert_abs_diff_eq!(value(Normalization::InterquartileRange), 0.43254813, epsilon = 5e-9);
        assert_abs_diff_eq!(value(Normalization::Mean), 2.83859712, epsilon = 5e-9);
        assert_abs_diff_eq!(value(Normalization::Median), 1.89239808, epsilon = 5e-9);
        let all = RootMeanSquaredError { normalization: Normalization::None, aggregation: Aggregation::None };
        let metric = root_mean_squared_error(&draws, &truths, &all).unwrap();
        assert_eq!((metric.rows, metric.name.as_str()), (Some(6), "RMSE"));
        let expected = [0.35411862, 0.37669616, 0.38026307, 0.35369478, 0.54899909, 0.40137264];
        for (value, expected) in metric.values.iter().zip(expected) {
            assert_abs_diff_eq!(*value, expected, epsilon = 5e-9);
        }
    }

    /// Draws from the prior have an error of one, whatever its scale, and the same key gives the same bits.
    #[test]
    fn draws_from_the_prior_have_error_one() {
        // The truths of one study and, as draws, those of 500 others.
        let (_, truths) = normal_study(Key::new(1), 300, 1, 0.0, 1.0);
        let (_, others) = normal_study(Key::new(2), 300 * 500, 1, 0.0, 1.0);
        let draws = Array::f64([300, 500, 1], others.variable(0).to_vec()).unwrap();
        let draws = Draws::from_array(&draws).unwrap();
        let options = RootMeanSquaredError::default();
        let metric = root_mean_squared_error(&draws, &truths, &options).unwrap();
        assert_eq!(metric.name, "NRMSE");
        assert_abs_diff_eq!(metric.values[0], 1.0, epsilon = 0.05);
        assert_eq!(metric, root_mean_squared_error(&draws, &truths, &options).unwrap());
        let rows = Normalization::PriorRows(vec![300; 300 * 500]);
        let options = RootMeanSquaredError { normalization: rows, ..Default::default() };
        let error = root_mean_squared_error(&draws, &truths, &options).unwrap_err();
        assert!(error.to_string().contains("indices below 300"), "{error}");
    }

    #[test]
    fn shapes_must_match() {
        let (draws, _) = example();
        let truths = Truths::from_array(&Array::f64([5, 1], vec![0.0; 5]).unwrap()).unwrap();
        let error = root_mean_squared_error(&draws, &truths, &Default::default()).unwrap_err().to_string();
        assert!(error.contains("5 data sets with 1 variables, but the draws have 6"), "{error}");
        assert!(rowwise_root_mean_squared_error(&[1.0, 2.0], &[1.0], 1).is_err());
        assert_eq!(
            rowwise_root_mean_squared_error(&[1.0, 2.0, 3.0, 4.0], &[1.0, 4.0, 3.0, 4.0], 2).unwrap()[0],
            2f64.sqrt()
        );
    }
}
