//! A trained head at the conditions of observed data.

use super::batch::{Batch, Matrix};
use super::conditioned::{Conditioned, Head};
use super::standardizer::{Standardizer, Variable};
use super::{BuiltApproximator, Dimensions};
use crate::error::{Error, Result};
use crate::networks::summary::{self, BuiltSummaryNetwork, SummaryData};
use crate::parameters::Parameters;

/// Borrowed parts of a trained approximator, or of one member of an ensemble: what inference needs.
pub(super) struct Trained<'a, H> {
    pub parameters: &'a Parameters,
    pub standardizer: &'a Standardizer,
    pub dimensions: &'a Dimensions,
    pub networks: &'a Conditioned<H>,
}

impl<H: Head> BuiltApproximator<Conditioned<H>> {
    pub(super) fn trained(&self) -> Trained<'_, H> {
        Trained {
            parameters: &self.parameters,
            standardizer: &self.standardizer,
            dimensions: &self.dimensions,
            networks: &self.objective,
        }
    }

    /// The summary network.
    pub fn summary_network(&self) -> Option<&dyn BuiltSummaryNetwork> {
        self.objective.summary.as_deref()
    }

    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        self.trained().summaries(batch)
    }

    /// What the head is given for each data set: conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.trained().conditions(batch)
    }
}

impl<H: Head> Trained<'_, H> {
    /// See [`BuiltApproximator::summaries`].
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let Some(network) = &self.networks.summary else {
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
        let values = summary::summaries(&**network, self.parameters, &inputs.collect::<Vec<_>>())?;
        let values = values.into_iter().map(f64::from).collect();
        Ok(Matrix { columns: network.summary_dimension(), values })
    }

    /// See [`BuiltApproximator::conditions`].
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.dimensions.expect_conditions(batch)?;
        let mut direct = Vec::new();
        if let Some(conditions) = &batch.inference_conditions {
            self.standardizer.forward(Variable::InferenceConditions, "", conditions, &mut direct)?;
        }
        if self.networks.summary.is_none() {
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

    /// Standardised targets of a batch that the density of is asked for, `[datasets, D]`.
    pub fn targets(&self, batch: &Batch) -> Result<Vec<f32>> {
        let targets = batch.inference_variables.as_ref().ok_or_else(|| {
            Error::key("inference_variables", "is missing; give the values whose density is asked for")
        })?;
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::InferenceVariables, "", targets, &mut standardised)?;
        Ok(standardised)
    }
}
