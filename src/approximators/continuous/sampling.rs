//! Density and draws of a trained approximator, a block of rows at a time.

use std::sync::PoisonError;

use super::BuiltContinuousApproximator;
use crate::approximators::batch::Batch;
use crate::approximators::standardizer::Variable;
use crate::error::{Error, Result};
use crate::networks::inference::Conditional;
use crate::random::Key;

impl BuiltContinuousApproximator {
    /// `ln q` of each data set's inference variables in the adapter's network space, `[datasets]`: the network's density
    /// corrected for the standardisation, not yet for the adapter.
    pub fn log_prob(&self, batch: &Batch) -> Result<Vec<f64>> {
        let targets = batch.inference_variables.as_ref();
        let targets = targets.ok_or_else(|| {
            Error::key("inference_variables", "is missing; give the parameters whose density is asked for")
        })?;
        let correction = self.standardizer.moments(Variable::InferenceVariables, "").map_or(0.0, |m| m.log_scale());
        let condition = self.conditions(batch)?;
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::InferenceVariables, "", targets, &mut standardised)?;
        let log_prob = self.conditional(condition, batch.datasets)?.log_prob(&standardised)?;
        Ok(log_prob.into_iter().map(|value| f64::from(value) - correction).collect())
    }

    /// Draws of the inference variables in the adapter's network space, `[datasets, draws, D]`.
    ///
    /// Draw `k` of data set `i` is a function of the key, `i` and `first_draw + k` alone.
    pub fn sample(&self, conditions: &Batch, draws: usize, first_draw: u64, key: Key) -> Result<Vec<f64>> {
        self.sample_block(conditions, 0, draws, first_draw, key)
    }

    /// As [`sample`](Self::sample) for data sets that are the `first_dataset`-th and following of a larger request.
    pub fn sample_block(
        &self,
        conditions: &Batch,
        first_dataset: usize,
        draws: usize,
        first_draw: u64,
        key: Key,
    ) -> Result<Vec<f64>> {
        let base = |dataset: usize, draw: usize, count: usize, out: &mut Vec<f32>| {
            let key = key.at((first_dataset + dataset) as u64);
            self.inference.base_draws(&self.parameters, key, first_draw + draw as u64, count, out)
        };
        self.sample_from(conditions, draws, base)
    }

    /// As [`sample`](Self::sample) with base draws of the caller's choice: `base(data set, first draw, count, out)` appends
    /// `count · D` numbers.
    pub fn sample_from(
        &self,
        conditions: &Batch,
        draws: usize,
        base: impl Fn(usize, usize, usize, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Vec<f64>> {
        let d = self.dimensions.inference_variables;
        let condition = self.conditions(conditions)?;
        let total = conditions.datasets.checked_mul(draws).and_then(|n| n.checked_mul(d));
        let too_many = |what: &str| {
            let datasets = conditions.datasets;
            Error::argument("draws", format!("{draws} draws of {datasets} data sets {what}"))
        };
        let total = total.ok_or_else(|| too_many("are more than memory can hold; ask for fewer"))?;
        let mut out: Vec<f64> = Vec::new();
        out.try_reserve_exact(total)
            .map_err(|_| too_many("do not fit into memory; sample in parts with the number of the first draw"))?;
        let moments = self.standardizer.moments(Variable::InferenceVariables, "");
        self.conditional(condition, conditions.datasets)?.draw(draws, base, |drawn| {
            out.extend(drawn.targets.iter().enumerate().map(|(i, &v)| match moments {
                Some(moments) => moments.inverse(i % d, f64::from(v)),
                None => f64::from(v),
            }));
            Ok(())
        })?;
        Ok(out)
    }

    /// The inference network at conditions `[datasets, …]`, with packed weights if it has that form.
    fn conditional(&self, condition: Vec<f32>, datasets: usize) -> Result<Conditional<'_>> {
        let mut fused = self.fused.lock().unwrap_or_else(PoisonError::into_inner);
        if fused.is_none() {
            *fused = Some(self.inference.fuse(&self.parameters)?);
        }
        let fused = fused.clone().flatten();
        Conditional::prepared(&*self.inference, &self.parameters, fused, condition, datasets)
    }
}
