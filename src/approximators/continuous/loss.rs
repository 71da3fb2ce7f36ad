//! The loss of a batch on a tape.

use super::Dimensions;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::{Standardizer, Variable};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::networks::inference::BuiltInferenceNetwork;
use crate::networks::summary::{BuiltSummaryNetwork, SummaryInput};
use crate::nn::Pass;
use crate::tensor::Tensor;

/// The parts that a pass needs besides weights.
pub(super) struct Networks<'a> {
    pub(super) standardizer: &'a Standardizer,
    pub(super) dimensions: Dimensions,
    pub(super) summary: Option<&'a dyn BuiltSummaryNetwork>,
    pub(super) inference: &'a dyn BuiltInferenceNetwork,
}

impl Networks<'_> {
    /// `mean(−ln q(θ̃ | c) · weight)`, a scalar.
    pub(super) fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        batch: &Batch,
        scratch: &mut Vec<f32>,
        mut inputs: Option<&mut Vec<(Variable, Var<'t>)>>,
    ) -> Result<Var<'t>> {
        let targets = batch.inference_variables.as_ref();
        let targets = targets.ok_or_else(|| {
            Error::key("inference_variables", "is missing; training needs the parameters of each data set")
        })?;
        if targets.columns != self.dimensions.inference_variables {
            return Err(Error::shape(
                "inference_variables",
                format!(
                    "has {} columns, the model {}; train with the variables it was built for",
                    targets.columns, self.dimensions.inference_variables
                ),
            ));
        }
        if batch.datasets == 0 {
            return Err(Error::argument("batch", "holds no data set; give at least one"));
        }
        self.expect_conditions(batch)?;
        let tape = pass.tape();
        let mut upload = |variable: Variable, matrix: &Matrix| -> Result<Var<'t>> {
            self.standardizer.forward(variable, matrix, scratch)?;
            let shape = [matrix.rows(), matrix.columns];
            let Some(inputs) = &mut inputs else { return Ok(tape.values(shape, scratch)) };
            let input = tape.input(Tensor::from_values(tape.device(), shape, scratch)?);
            inputs.push((variable, input));
            Ok(input)
        };
        let x = upload(Variable::InferenceVariables, targets)?;
        let direct = match &batch.inference_conditions {
            Some(matrix) => Some(upload(Variable::InferenceConditions, matrix)?),
            None => None,
        };
        let summaries = match (self.summary, &batch.summary_variables) {
            (Some(summary), Some(sets)) => {
                let elements = upload(Variable::SummaryVariables, &sets.elements)?;
                let offsets = tape.constant(Tensor::from_indices(tape.device(), [sets.offsets.len()], &sets.offsets)?);
                Some(summary.forward(pass, SummaryInput { elements, offsets }))
            }
            _ => None,
        };
        let condition = match (direct, summaries) {
            (Some(direct), Some(summaries)) => Some(direct.concatenate(&[summaries])),
            (direct, summaries) => direct.or(summaries),
        };
        let negative = -self.inference.log_prob(pass, x, condition);
        let weighted = match &batch.sample_weight {
            Some(weights) => {
                scratch.clear();
                scratch.extend(weights.iter().map(|&w| w as f32));
                negative * tape.values([weights.len()], scratch)
            }
            None => negative,
        };
        Ok(weighted.mean())
    }

    pub(super) fn expect_conditions(&self, batch: &Batch) -> Result<()> {
        let expect = |key: &str, columns: Option<usize>, built: usize| match columns {
            None if built == 0 => Ok(()),
            Some(n) if n == built => Ok(()),
            None => Err(Error::key(key, "is missing; give the data that the model was trained on")),
            Some(n) => Err(Error::shape(
                key,
                format!("has {n} columns, the model was trained with {built}; give the same variables"),
            )),
        };
        let direct = batch.inference_conditions.as_ref().map(|m| m.columns);
        expect("inference_conditions", direct, self.dimensions.inference_conditions)?;
        let sets = batch.summary_variables.as_ref().map(|s| s.elements.columns);
        expect("summary_variables", sets, self.dimensions.summary_variables)
    }
}
