//! The result of a metric, and how values are aggregated.

use serde::Serialize;

use super::statistics::median;
use crate::diagnostics::Draws;
use crate::math::mean;

/// How the values of one variable become one number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Aggregation {
    /// Arithmetic mean.
    Mean,
    /// Median.
    #[default]
    Median,
    /// All values are returned.
    None,
}

impl Aggregation {
    /// The aggregated value; `None` for [`Aggregation::None`].
    pub fn apply(self, values: &[f64]) -> Option<f64> {
        match self {
            Aggregation::Mean => Some(mean(values)),
            Aggregation::Median => Some(median(values)),
            Aggregation::None => None,
        }
    }
}

/// The values of a metric: one for each variable, or a row of them for each data set, draw or level.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    /// The name of the metric.
    pub name: String,
    /// The names of the variables.
    pub variable_names: Vec<String>,
    /// Number of rows when the values were not aggregated: data sets, draws or levels, as the metric says.
    pub rows: Option<usize>,
    /// `[variables]`, or `[rows, variables]` row-major when the values were not aggregated.
    pub values: Vec<f64>,
}

impl Metric {
    /// A metric from the values of each variable, all as many, aggregated as told.
    pub(crate) fn aggregate(
        name: &str,
        draws: &Draws,
        aggregation: Aggregation,
        mut values: impl FnMut(usize) -> Vec<f64>,
    ) -> Self {
        let variable_names = draws.names();
        let columns: Vec<_> = (0..variable_names.len()).map(&mut values).collect();
        let aggregated: Option<Vec<_>> = columns.iter().map(|c| aggregation.apply(c)).collect();
        let (rows, values) = match aggregated {
            Some(values) => (None, values),
            None => {
                let rows = columns.first().map_or(0, Vec::len);
                (Some(rows), (0..rows).flat_map(|r| columns.iter().map(move |c| c[r])).collect())
            }
        };
        Metric { name: name.to_string(), variable_names, rows, values }
    }

    /// The aggregated value of a variable; `None` for an unknown name and when the values were not aggregated.
    pub fn value(&self, variable: &str) -> Option<f64> {
        let at = self.variable_names.iter().position(|name| name == variable)?;
        if self.rows.is_some() { None } else { self.values.get(at).copied() }
    }

    /// How to read one of the default metrics, in a few words; empty for others.
    pub fn meaning(&self) -> &'static str {
        match self.name.as_str() {
            "NRMSE" => "0 is perfect, 1 is the prior",
            "Log Gamma" => "from 0 up is calibrated",
            "Calibration Error" => "0 is best",
            "Posterior Contraction" => "0 is the prior, 1 is certainty",
            "Posterior z-score" => "0 is unbiased",
            "Correlation" => "as large as the contraction",
            _ => "",
        }
    }

    /// All values of the variable with the given index: a single one when they were aggregated.
    pub fn column(&self, variable: usize) -> Vec<f64> {
        self.values.iter().skip(variable).step_by(self.variable_names.len().max(1)).copied().collect()
    }
}
