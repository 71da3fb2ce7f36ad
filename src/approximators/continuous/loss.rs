//! The loss of a batch on a tape.

use super::Dimensions;
use crate::approximators::batch::{Batch, Matrix, Sets};
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
    pub(super) dimensions: &'a Dimensions,
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
        mut inputs: Option<&mut Vec<(Variable, String, Var<'t>)>>,
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
        self.dimensions.expect_conditions(batch)?;
        let tape = pass.tape();
        let mut upload = |variable: Variable, name: &str, matrix: &Matrix| -> Result<Var<'t>> {
            self.standardizer.forward(variable, name, matrix, scratch)?;
            let shape = [matrix.rows(), matrix.columns];
            let Some(inputs) = &mut inputs else { return Ok(tape.values(shape, scratch)) };
            let input = tape.input(Tensor::from_values(tape.device(), shape, scratch)?);
            inputs.push((variable, name.to_string(), input));
            Ok(input)
        };
        let x = upload(Variable::InferenceVariables, "", targets)?;
        let direct = match &batch.inference_conditions {
            Some(matrix) => Some(upload(Variable::InferenceConditions, "", matrix)?),
            None => None,
        };
        let mut input = |sets: &Sets| -> Result<SummaryInput<'t>> {
            let elements = upload(Variable::SummaryVariables, &sets.name, &sets.elements)?;
            let offsets = tape.constant(Tensor::from_indices(tape.device(), [sets.offsets.len()], &sets.offsets)?);
            Ok(SummaryInput { grid: sets.grid, ..SummaryInput::new(elements, offsets) })
        };
        let summaries = match (self.summary, &batch.summary_variables[..]) {
            (None, _) => None,
            (Some(summary), [sets]) => Some(summary.forward_all(pass, &[input(sets)?])),
            (Some(summary), several) => {
                let inputs = several.iter().map(input).collect::<Result<Vec<_>>>()?;
                Some(summary.forward_all(pass, &inputs))
            }
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
}
