//! Posterior predictive checks: does the model, with what it learned of an observed data set, make data like it?

use super::joint::JointWorkflow;
use super::refinement::rows_of;
use crate::data::Record;
use crate::diagnostics::plots::{self, Figure, PredictiveSeries};
use crate::diagnostics::{PredictiveCheck, predictive_checks};
use crate::error::{Error, Result};

/// Probabilities of the intervals of the checks.
const PROBABILITIES: [f64; 2] = [0.5, 0.9];
/// Panels of the picture.
const MOST_PANELS: usize = 12;

/// Observed data, or statistics of them, among those of simulated data.
#[derive(Debug, Clone)]
pub struct PosteriorPredictiveCheck {
    /// Names of the statistics.
    pub statistics: Vec<String>,
    /// One check for each.
    pub checks: Vec<PredictiveCheck>,
    /// A histogram of the simulated values of each of the first twelve statistics, with the observed one.
    pub figure: Figure,
}

impl JointWorkflow {
    /// Checks one observed data set against `draws` data sets that are simulated with draws of its posterior by the learned
    /// likelihood. Vectors are compared number by number, sets by mean, standard deviation, smallest and largest value.
    /// (Gelman, Meng & Stern 1996)
    pub fn posterior_predictive_check(
        &self,
        observed: &Record,
        dataset: usize,
        draws: usize,
    ) -> Result<PosteriorPredictiveCheck> {
        let datasets = observed.datasets()?.unwrap_or(1);
        if dataset >= datasets {
            let message = format!("number {dataset} of {datasets} data sets; they count from 0");
            return Err(Error::argument("dataset", message));
        }
        let one = observed.select(&[dataset])?;
        let sampled = self.posterior().sample(&one, draws)?;
        let parameters = self.posterior().with_data(&rows_of(&sampled, 0, 0..draws)?, &one, 0)?;
        let sets = self.likelihood().is_exchangeable();
        let (mut statistics, mut truth, mut replicated) = (Vec::new(), Vec::new(), vec![Vec::new(); draws]);
        let keys = self.likelihood().roles().data_variables.clone();
        let elements = match sets {
            true => one.column(&keys[0])?.array.len() / width(&one, &keys[0])?.max(1),
            false => 1,
        };
        let simulated = self.likelihood().sample(&parameters, elements)?;
        for key in &keys {
            let data = one.column(key)?.array.to_f64();
            let array = &simulated.column(key)?.array;
            let d = array.shape()[2..].iter().product::<usize>().max(1);
            let values = array.to_f64();
            for feature in 0..d {
                let name = if d == 1 { key.clone() } else { format!("{key}_{feature}") };
                let of = |values: &[f64]| -> Vec<f64> { values.iter().skip(feature).step_by(d).copied().collect() };
                let summary = |values: Vec<f64>| if sets { summarised(&values) } else { values };
                truth.extend(summary(of(&data)));
                for (draw, row) in replicated.iter_mut().enumerate() {
                    row.extend(summary(of(&values[draw * elements * d..(draw + 1) * elements * d])));
                }
                match sets {
                    true => statistics.extend(
                        ["mean", "standard deviation", "smallest", "largest"].map(|s| format!("{s} of {name}")),
                    ),
                    false => statistics.push(name),
                }
            }
        }
        let checks = predictive_checks(&truth, &replicated.concat(), &PROBABILITIES)?;
        let panel = |i: usize| PredictiveSeries {
            statistic: statistics[i].clone(),
            replicated: replicated.iter().map(|row| row[i]).collect(),
            observed: truth[i],
            tail_probability: Some(checks[i].tail_probability),
        };
        let series: Vec<PredictiveSeries> = (0..statistics.len().min(MOST_PANELS)).map(panel).collect();
        let figure = plots::posterior_predictive(&series, &Default::default())?;
        Ok(PosteriorPredictiveCheck { statistics, checks, figure })
    }
}

/// Numbers of each element of a set.
fn width(data: &Record, key: &str) -> Result<usize> {
    let column = data.column(key)?;
    let outer = if column.offsets.is_some() { 1 } else { 2 };
    Ok(column.array.shape().iter().skip(outer).product())
}

/// Mean, standard deviation, smallest and largest value.
fn summarised(values: &[f64]) -> Vec<f64> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    vec![mean, variance.sqrt(), smallest, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)]
}
