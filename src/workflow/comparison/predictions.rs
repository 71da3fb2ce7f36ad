//! Posterior model probabilities and what follows from them.

use std::fmt;

use crate::approximators::ModelComparisonApproximator;
use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::diagnostics::plots::{Figure, ModelProbabilities, model_probabilities};
use crate::error::{Error, Result};
use crate::workflow::basic::Workflow;

/// Data sets that a picture shows.
const MOST_BARS: usize = 100;

/// Posterior probabilities of models for several data sets.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelPredictions {
    /// The names of the models.
    pub models: Vec<String>,
    /// `p(M | x)`, one row for each data set, a number for each model.
    pub rows: Vec<Vec<f64>>,
    /// `p(M)` in training.
    pub prior: Vec<f64>,
}

impl Workflow<ModelComparisonApproximator> {
    /// Posterior model probabilities of observed data sets.
    pub fn predict(&self, observed: &Record) -> Result<ModelPredictions> {
        let matrix = self.approximator()?.predict(&self.adapted(observed, false)?)?;
        let models = self.models();
        let prior = match &self.configuration().probabilities[..] {
            [] => vec![1.0 / matrix.columns as f64; matrix.columns],
            given => given.to_vec(),
        };
        Ok(ModelPredictions {
            models,
            rows: matrix.values.chunks(matrix.columns).map(<[f64]>::to_vec).collect(),
            prior,
        })
    }

    /// The names of the models.
    pub fn models(&self) -> Vec<String> {
        let named = &self.configuration().models;
        let columns = self.parameters().first().map_or(named.len(), |info| info.dimension);
        (0..columns.max(named.len())).map(|m| named.get(m).cloned().unwrap_or_else(|| format!("M_{m}"))).collect()
    }
}

impl ModelPredictions {
    /// `ln p(x | M = first)/p(x | M = second)` of each data set: the posterior odds divided by the prior odds.
    pub fn log_bayes_factors(&self, first: usize, second: usize) -> Result<Vec<f64>> {
        let models = self.models.len();
        if first >= models || second >= models {
            let message = format!("{first} and {second} of {models} models; they count from 0");
            return Err(Error::argument("models", message));
        }
        let prior = (self.prior[first] / self.prior[second]).ln();
        Ok(self.rows.iter().map(|row| (row[first] / row[second]).ln() - prior).collect())
    }

    /// The probabilities of models that are as probable beforehand as given instead of as in training.
    pub fn with_prior(&self, prior: &[f64]) -> Result<Self> {
        let sum: f64 = prior.iter().sum();
        if prior.len() != self.models.len()
            || prior.iter().any(|p| p.is_nan() || *p < 0.0)
            || !(sum > 0.0 && sum.is_finite())
        {
            let message =
                format!("{prior:?} for {} models; give one number for each, none negative", self.models.len());
            return Err(Error::argument("prior", message));
        }
        let prior: Vec<f64> = prior.iter().map(|p| p / sum).collect();
        let reweighted = |row: &Vec<f64>| {
            let weighted: Vec<f64> =
                row.iter().zip(&prior).zip(&self.prior).map(|((p, new), old)| p * new / old).collect();
            let sum: f64 = weighted.iter().sum();
            weighted.into_iter().map(|p| p / sum).collect()
        };
        Ok(ModelPredictions {
            models: self.models.clone(),
            rows: self.rows.iter().map(reweighted).collect(),
            prior: prior.clone(),
        })
    }

    /// The most probable model of each data set.
    pub fn best(&self) -> Vec<usize> {
        let best = |row: &Vec<f64>| (0..row.len()).fold(0, |best, m| if row[m] > row[best] { m } else { best });
        self.rows.iter().map(best).collect()
    }

    /// `model_probabilities` `[datasets, models]` and `log_bayes_factors` `[datasets, models]` of each model against the most
    /// probable one, for a file.
    pub fn to_record(&self) -> Result<Record> {
        let shape = [self.rows.len(), self.models.len()];
        let mut factors = Vec::with_capacity(shape[0] * shape[1]);
        for (row, best) in self.rows.iter().zip(self.best()) {
            let prior = |m: usize| (self.prior[m] / self.prior[best]).ln();
            factors.extend((0..row.len()).map(|m| (row[m] / row[best]).ln() - prior(m)));
        }
        let mut record = Record::new();
        record.insert("model_probabilities", Column::dense(Array::f64(shape, self.rows.concat())?));
        record.insert("log_bayes_factors", Column::dense(Array::f64(shape, factors)?));
        Ok(record)
    }

    /// A bar for each of the first hundred data sets.
    pub fn figure(&self) -> Result<Figure> {
        let rows = self.rows.iter().take(MOST_BARS).cloned().collect();
        model_probabilities(&ModelProbabilities { models: self.models.clone(), datasets: Vec::new(), rows })
    }
}

impl fmt::Display for ModelPredictions {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = self.models.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(8);
        let head: Vec<String> = self.models.iter().map(|name| format!("{name:>width$}")).collect();
        writeln!(f, "data set  {}", head.join("  "))?;
        for (dataset, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().map(|p| format!("{p:>width$.4}")).collect();
            writeln!(f, "{dataset:>8}  {}", cells.join("  "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odds_and_priors() {
        let predictions = ModelPredictions {
            models: vec!["a".into(), "b".into()],
            rows: vec![vec![0.9, 0.1], vec![0.5, 0.5]],
            prior: vec![0.75, 0.25],
        };
        let factors = predictions.log_bayes_factors(0, 1).unwrap();
        assert!((factors[0] - 3f64.ln()).abs() < 1e-12 && (factors[1] + 3f64.ln()).abs() < 1e-12);
        let equal = predictions.with_prior(&[1.0, 1.0]).unwrap();
        assert!((equal.rows[0][0] - 0.75).abs() < 1e-12 && (equal.rows[1][1] - 0.75).abs() < 1e-12);
        // The factors do not depend on the prior.
        let again = equal.log_bayes_factors(0, 1).unwrap();
        assert!(factors.iter().zip(&again).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!(predictions.log_bayes_factors(0, 2).is_err() && predictions.with_prior(&[1.0]).is_err());
        assert_eq!(predictions.best(), [0, 0]);
    }
}
