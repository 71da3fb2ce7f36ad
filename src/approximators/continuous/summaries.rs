//! What the inference network of a trained approximator is given.

use super::BuiltContinuousApproximator;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::Variable;
use crate::error::{Error, Result};
use crate::networks::summary::{self, SummaryData};

impl BuiltContinuousApproximator {
    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let Some(network) = &self.summary else {
            let message = "this model has none; its conditions are used as they are";
            return Err(Error::argument("summary_network", message));
        };
        self.dimensions.expect_conditions(batch)?;
        let mut standardised = Vec::with_capacity(batch.summary_variables.len());
        for sets in &batch.summary_variables {
            let mut elements = Vec::new();
            self.standardizer.forward(Variable::SummaryVariables, &sets.name, &sets.elements, &mut elements)?;
            standardised.push(elements);
        }
        let inputs = batch.summary_variables.iter().zip(&standardised).map(|(sets, elements)| SummaryData {
            elements,
            features: sets.elements.columns,
            offsets: &sets.offsets,
            grid: sets.grid,
        });
        let values = summary::summaries(&**network, &self.parameters, &inputs.collect::<Vec<_>>())?;
        let values = values.into_iter().map(f64::from).collect();
        Ok(Matrix { columns: network.summary_dimension(), values })
    }

    /// What the inference network is given for each data set: conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.dimensions.expect_conditions(batch)?;
        let mut direct = Vec::new();
        if let Some(conditions) = &batch.inference_conditions {
            self.standardizer.forward(Variable::InferenceConditions, "", conditions, &mut direct)?;
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
