//! Ratios of a trained approximator, with their gradients.

use super::{BuiltRatioApproximator, Contrast};
use crate::approximators::built::LossGradients;
use crate::approximators::trained::Trained;
use crate::approximators::{Batch, Variable};
use crate::autodiff::Tape;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::tensor::Tensor;

/// Rows that go through the network at once. Results do not depend on it.
const ROWS_AT_ONCE: usize = 1024;

impl BuiltRatioApproximator {
    /// `ln p(θ | x)/p(θ)` of each data set's inference variables, `[datasets]`. It is the same in all coordinates of `θ`.
    pub fn log_ratio(&self, batch: &Batch) -> Result<Vec<f64>> {
        let trained = self.trained();
        let (targets, condition) = (trained.targets(batch)?, trained.conditions(batch)?);
        Ok(trained.log_ratios(&targets, &condition, None)?.into_iter().map(f64::from).collect())
    }

    /// `ln p(θ | x)/p(θ)` for points `[points, D]` in the adapter's network space, all for the condition of one data set as
    /// [`conditions`](Self::conditions) gives it, with the gradients in `θ`, `[points, D]`.
    pub fn log_ratio_with_gradient(&self, points: &[f64], condition: &[f32]) -> Result<(Vec<f64>, Vec<f64>)> {
        let d = self.dimensions().inference_variables;
        let moments = self.standardizer.moments(Variable::InferenceVariables, "");
        let targets: Vec<f32> = match moments {
            None => points.iter().map(|&x| x as f32).collect(),
            Some(m) => {
                let standardised = points.iter().enumerate().map(|(i, x)| (x - m.mean[i % d]) / m.deviation(i % d));
                standardised.map(|x| x as f32).collect()
            }
        };
        let mut gradients = Vec::new();
        let condition = condition.repeat(points.len() / d.max(1));
        let ratios = self.trained().log_ratios(&targets, &condition, Some(&mut gradients))?;
        let scaled = gradients.into_iter().enumerate();
        let gradients = scaled.map(|(i, g)| f64::from(g) / moments.map_or(1.0, |m| m.deviation(i % d))).collect();
        Ok((ratios.into_iter().map(f64::from).collect(), gradients))
    }

    /// As [`loss_gradients`](Self::loss_gradients) with the numbers of the other data sets that each is contrasted with,
    /// `[datasets, K]`.
    pub fn loss_gradients_with(&self, batch: &Batch, others: &[u32]) -> Result<LossGradients> {
        let n = batch.datasets;
        if n == 0 || others.is_empty() || !others.len().is_multiple_of(n) || others.iter().any(|&o| o as usize >= n) {
            let message =
                format!("{} numbers for {n} data sets; give as many numbers of data sets for each", others.len());
            return Err(Error::shape("others", message));
        }
        self.loss_gradients_of(batch, |objective, pass, inputs| {
            let condition = objective.condition(pass, inputs);
            let condition = condition.ok_or_else(|| Error::key("inference_conditions", "is missing; give the data"))?;
            objective.head.loss_with(pass, inputs.targets, condition, inputs.weight, others)
        })
    }
}

impl Trained<'_, Contrast> {
    /// `h` for standardised rows `[rows, D]` and conditions `[rows, C]`, with the gradients in the rows.
    fn log_ratios(&self, targets: &[f32], condition: &[f32], mut gradients: Option<&mut Vec<f32>>) -> Result<Vec<f32>> {
        let d = self.dimensions.inference_variables;
        let rows = targets.len() / d.max(1);
        let c = condition.len() / rows.max(1);
        let mut ratios = Vec::with_capacity(rows);
        let mut tape = Tape::new(self.parameters.device());
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(rows - first);
            tape.clear();
            let pass = Pass::inference(&tape, self.parameters);
            let theta = Tensor::from_values(tape.device(), [count, d], &targets[first * d..(first + count) * d])?;
            let theta = if gradients.is_some() { tape.input(theta) } else { tape.constant(theta) };
            let condition = tape.values([count, c], &condition[first * c..(first + count) * c]);
            let h = self.networks.head.log_ratio(&pass, theta, condition);
            ratios.extend(h.value()?.values()?);
            if let Some(gradients) = &mut gradients {
                tape.backward(h.sum())?;
                gradients.extend(tape.gradient(theta)?.values()?);
            }
        }
        Ok(ratios)
    }
}
