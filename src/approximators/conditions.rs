//! What the last network of an approximator is given: conditions beside the summaries of observed data.

use super::Dimensions;
use super::batch::{Batch, Matrix};
use super::built::BuiltApproximator;
use super::objective::Objective;
use super::standardizer::{Standardizer, Variable};
use crate::error::{Error, Result};
use crate::networks::summary::{self, BuiltSummaryNetwork, SummaryData};
use crate::parameters::Parameters;

impl<O: Objective> BuiltApproximator<O> {
    /// The summary network.
    pub fn summary_network(&self) -> Option<&dyn BuiltSummaryNetwork> {
        self.objective.summary_network()
    }

    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        self.reading().summaries(batch)
    }

    /// What the last network is given for each data set: conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.reading().conditions(batch)
    }

    fn reading(&self) -> Reading<'_> {
        Reading {
            parameters: &self.parameters,
            standardizer: &self.standardizer,
            dimensions: &self.dimensions,
            summary: self.objective.summary_network(),
        }
    }
}

/// What reading observed data needs.
pub(super) struct Reading<'a> {
    pub parameters: &'a Parameters,
    pub standardizer: &'a Standardizer,
    pub dimensions: &'a Dimensions,
    pub summary: Option<&'a dyn BuiltSummaryNetwork>,
}

impl Reading<'_> {
    /// Learned summary statistics, `[datasets, K]`.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let Some(network) = self.summary else {
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
        let values = summary::summaries(network, self.parameters, &inputs.collect::<Vec<_>>())?;
        let values = values.into_iter().map(f64::from).collect();
        Ok(Matrix { columns: network.summary_dimension(), values })
    }

    /// Conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        let direct = self.direct(batch)?;
        match self.summary {
            None => Ok(direct),
            Some(_) => Ok(self.joined(&direct, &self.summaries(batch)?, batch.datasets, 1)),
        }
    }

    /// As [`conditions`](Self::conditions), where `run` neighbours at a time have the same summary variables: they are summarised
    /// once. Where they differ nevertheless, each is summarised.
    pub fn conditions_of_runs(&self, batch: &Batch, run: usize) -> Result<Vec<f32>> {
        match batch.first_of_runs(run) {
            Some(firsts) if self.summary.is_some() => {
                Ok(self.joined(&self.direct(batch)?, &self.summaries(&firsts)?, batch.datasets, run))
            }
            _ => self.conditions(batch),
        }
    }

    /// What is given directly, `[datasets, C]`.
    fn direct(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.dimensions.expect_conditions(batch)?;
        let mut direct = Vec::new();
        if let Some(conditions) = &batch.inference_conditions {
            self.standardizer.forward(Variable::InferenceConditions, "", conditions, &mut direct)?;
        }
        Ok(direct)
    }

    /// Conditions `[datasets, C]` beside summaries `[datasets / run, K]`, each for `run` rows.
    fn joined(&self, direct: &[f32], summaries: &Matrix, datasets: usize, run: usize) -> Vec<f32> {
        let (c, k) = (self.dimensions.inference_conditions, summaries.columns);
        let mut joined = Vec::with_capacity(datasets * (c + k));
        for dataset in 0..datasets {
            joined.extend_from_slice(&direct[dataset * c..(dataset + 1) * c]);
            let summary = dataset / run;
            joined.extend(summaries.values[summary * k..(summary + 1) * k].iter().map(|&v| v as f32));
        }
        joined
    }
}
