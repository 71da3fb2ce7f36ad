//! What the inference network of a trained approximator is given.

use super::BuiltContinuousApproximator;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::Variable;
use crate::autodiff::Tape;
use crate::error::{Error, Result};
use crate::networks::summary::SummaryInput;
use crate::nn::Pass;
use crate::tensor::Tensor;

/// Elements that go through the summary network at once.
const ELEMENTS_AT_ONCE: usize = 4096;

impl BuiltContinuousApproximator {
    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let (summary, sets) = match (&self.summary, &batch.summary_variables) {
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
        let features = sets.elements.columns;
        let mut values = Vec::new();
        let mut tape = Tape::new(self.device());
        let mut start = 0;
        while start < batch.datasets {
            let from = sets.offsets[start] as usize;
            let mut end = start + 1;
            while end < batch.datasets && sets.offsets[end + 1] as usize - from <= ELEMENTS_AT_ONCE {
                end += 1;
            }
            let to = sets.offsets[end] as usize;
            let offsets: Vec<u32> = sets.offsets[start..=end].iter().map(|o| o - from as u32).collect();
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let input = SummaryInput {
                elements: tape.values([to - from, features], &standardised[from * features..to * features]),
                offsets: tape.constant(Tensor::from_indices(self.device(), [offsets.len()], &offsets)?),
            };
            values.extend(summary.forward(&pass, input).value()?.values()?.into_iter().map(f64::from));
            start = end;
        }
        Ok(Matrix { columns: summary.summary_dimension(), values })
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
