//! What the inference network of a trained approximator is given.

use super::BuiltContinuousApproximator;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::Variable;
use crate::error::{Error, Result};
use crate::networks::summary;

impl BuiltContinuousApproximator {
    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let (network, sets) = match (&self.summary, &batch.summary_variables) {
            (Some(summary), Some(sets)) => (summary, sets),
            (None, _) => {
                return Err(Error::argument(
                    "summary_network",
                    "this model has none; its conditions are used as they are",
                ));
            }
            (_, None) => {
                return Err(Error::key("summary_variables", "is missing; give the data that the model was trained on"));
            }
        };
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::SummaryVariables, &sets.elements, &mut standardised)?;
        let offsets: Vec<u32> = sets.offsets[..=batch.datasets].to_vec();
        let values = summary::summaries(&**network, &self.parameters, &standardised, sets.elements.columns, &offsets)?;
        let values = values.into_iter().map(f64::from).collect();
        Ok(Matrix { columns: network.summary_dimension(), values })
    }

    /// What the inference network is given for each data set: conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.networks().expect_conditions(batch)?;
        let mut direct = Vec::new();
        if let Some(conditions) = &batch.inference_conditions {
            self.standardizer.forward(Variable::InferenceConditions, conditions, &mut direct)?;
        }
        if self.summary.is_none() {
            return Ok(direct);
        }
        let summaries = self.summaries(batch)?;
        let (c, k) = (self.dimensions.inference_conditions, summaries.columns);
        let mut joined = Vec::with_capacity(batch.datasets * (c + k));
        for dataset in 0..batch.datasets {
            joined.extend_from_slice(&direct[dataset * c..(dataset + 1) * c]);
            joined.extend(summaries.values[dataset * k..(dataset + 1) * k].iter().map(|&v| v as f32));
        }
        Ok(joined)
    }
}
