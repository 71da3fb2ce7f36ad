//! Density and draws of a trained approximator, a block of rows at a time.

use super::BuiltContinuousApproximator;
use crate::approximators::batch::Batch;
use crate::approximators::standardizer::Variable;
use crate::autodiff::Tape;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::random::Key;
use crate::tensor::Tensor;

/// Rows that go through the inference network at once: few enough for the caches, many enough for the matrix products.
/// Results do not depend on it.
const ROWS_AT_ONCE: usize = 512;

impl BuiltContinuousApproximator {
    /// `ln q` of each data set's inference variables in the adapter's network space, `[datasets]`: the network's density
    /// corrected for the standardisation, not yet for the adapter.
    pub fn log_prob(&self, batch: &Batch) -> Result<Vec<f64>> {
        let targets = batch.inference_variables.as_ref();
        let targets = targets.ok_or_else(|| {
            Error::key("inference_variables", "is missing; give the parameters whose density is asked for")
        })?;
        let correction = self.standardizer.moments(Variable::InferenceVariables).map_or(0.0, |m| m.log_scale());
        let condition = self.conditions(batch)?;
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::InferenceVariables, targets, &mut standardised)?;
        let (d, c) = (targets.columns, self.condition_dimension());
        let mut log_prob = Vec::with_capacity(batch.datasets);
        let mut tape = Tape::new(self.device());
        for start in (0..batch.datasets).step_by(ROWS_AT_ONCE) {
            let rows = ROWS_AT_ONCE.min(batch.datasets - start);
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let x = tape.values([rows, d], &standardised[start * d..(start + rows) * d]);
            let condition = (c > 0).then(|| tape.values([rows, c], &condition[start * c..(start + rows) * c]));
            let values = self.inference.log_prob(&pass, x, condition).value()?.values()?;
            log_prob.extend(values.into_iter().map(|v| f64::from(v) - correction));
        }
        Ok(log_prob)
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
        let (d, c) = (self.dimensions.inference_variables, self.condition_dimension());
        let condition = self.conditions(conditions)?;
        let total = conditions.datasets.checked_mul(draws).and_then(|n| n.checked_mul(d));
        let total = total.ok_or_else(|| {
            Error::argument(
                "draws",
                format!(
                    "{draws} draws of {} data sets are more than memory can hold; ask for fewer",
                    conditions.datasets
                ),
            )
        })?;
        let mut out: Vec<f64> = Vec::new();
        out.try_reserve_exact(total).map_err(|_| Error::argument("draws", format!("{draws} draws of {} data sets do not fit into memory; sample in parts with the number of the first draw", conditions.datasets)))?;
        let mut tape = Tape::new(self.device());
        let moments = self.standardizer.moments(Variable::InferenceVariables);
        let (mut latent, mut owners) = (Vec::new(), Vec::new());
        let mut pair = 0;
        while pair < conditions.datasets * draws {
            latent.clear();
            owners.clear();
            let end = (pair + ROWS_AT_ONCE).min(conditions.datasets * draws);
            let first = pair / draws;
            while pair < end {
                let (dataset, draw) = (pair / draws, pair % draws);
                let count = (draws - draw).min(end - pair);
                base(dataset, draw, count, &mut latent)?;
                owners.extend(std::iter::repeat_n((dataset - first) as u32, count));
                pair += count;
            }
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let rows = owners.len();
            let condition = match c {
                0 => None,
                _ => {
                    let datasets = owners.last().map_or(0, |&last| last as usize + 1);
                    let each = tape.values([datasets, c], &condition[first * c..(first + datasets) * c]);
                    let owners = tape.constant(Tensor::from_indices(self.device(), [rows], &owners)?);
                    Some(each.gather_rows(owners))
                }
            };
            let (x, _) = self.inference.inverse(&pass, tape.values([rows, d], &latent), condition);
            let values = x.value()?.values()?;
            out.extend(values.iter().enumerate().map(|(i, &v)| match moments {
                Some(moments) => moments.inverse(i % d, f64::from(v)),
                None => f64::from(v),
            }));
        }
        Ok(out)
    }
}
