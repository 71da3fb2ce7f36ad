//! Density and draws of a trained approximator, a block of rows at a time.

use super::BuiltContinuousApproximator;
use super::density::Density;
use crate::approximators::batch::Batch;
use crate::approximators::standardizer::Variable;
use crate::approximators::trained::Trained;
use crate::error::{Error, Result};
use crate::networks::inference::{BaseDraws, BuiltInferenceNetwork};
use crate::random::Key;

impl BuiltContinuousApproximator {
    /// The inference network.
    pub fn inference_network(&self) -> &dyn BuiltInferenceNetwork {
        &*self.objective.head.network
    }

    /// `ln q` of each data set's inference variables in the adapter's network space, `[datasets]`: the network's density
    /// corrected for the standardisation, not yet for the adapter.
    pub fn log_prob(&self, batch: &Batch) -> Result<Vec<f64>> {
        self.trained().log_prob(batch)
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
        self.trained().sample_block(conditions, first_dataset, draws, first_draw, key)
    }

    /// One draw for each data set of the batch, where `run` neighbours at a time are the same observation with other conditions, and
    /// are summarised once: `[datasets, D]`.
    ///
    /// The draw of neighbour `k` of run `i` has the random numbers of draw `first_draw + k` of data set `first_dataset + i`.
    pub fn sample_crossed(
        &self,
        conditions: &Batch,
        run: usize,
        first_dataset: usize,
        first_draw: u64,
        key: Key,
    ) -> Result<Vec<f64>> {
        if run == 0 || !conditions.datasets.is_multiple_of(run) {
            let message = format!("{run} was given for {} data sets; give a divisor", conditions.datasets);
            return Err(Error::argument("run", message));
        }
        let trained = self.trained();
        let base = |row: usize, _: usize, _: usize, out: &mut Vec<f32>| {
            let (key, draw) = (key.at((first_dataset + row / run) as u64), first_draw + (row % run) as u64);
            trained.networks.head.network.base_draws(trained.parameters, key, draw, 1, out)
        };
        trained.sample_given(
            trained.conditions_of_runs(conditions, run)?,
            conditions.datasets,
            1,
            BaseDraws::Given(&base),
        )
    }

    /// The draws of [`sample`](Self::sample) from the first on, `[datasets, draws, D]`, with `ln q` of each in the adapter's
    /// network space, `[datasets, draws]`.
    pub fn sample_with_log_prob(&self, conditions: &Batch, draws: usize, key: Key) -> Result<(Vec<f64>, Vec<f64>)> {
        self.trained().sample_with_log_prob(conditions, draws, key)
    }

    /// As [`sample`](Self::sample) with base draws of the caller's choice: `base(data set, first draw, count, out)` appends
    /// `count · D` numbers.
    pub fn sample_from(
        &self,
        conditions: &Batch,
        draws: usize,
        base: impl Fn(usize, usize, usize, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Vec<f64>> {
        self.trained().sample_from(conditions, draws, base)
    }
}

impl Trained<'_, Density> {
    /// See [`BuiltContinuousApproximator::log_prob`].
    pub fn log_prob(&self, batch: &Batch) -> Result<Vec<f64>> {
        let targets = self.targets(batch)?;
        let correction = self.standardizer.moments(Variable::InferenceVariables, "").map_or(0.0, |m| m.log_scale());
        let condition = self.conditions(batch)?;
        let given = self.networks.head.given(self.parameters, condition, batch.datasets)?;
        Ok(given.log_prob(&targets)?.into_iter().map(|value| f64::from(value) - correction).collect())
    }

    /// See [`BuiltContinuousApproximator::sample_block`].
    pub fn sample_block(
        &self,
        conditions: &Batch,
        first_dataset: usize,
        draws: usize,
        first_draw: u64,
        key: Key,
    ) -> Result<Vec<f64>> {
        let base = BaseDraws::Made { key, first_dataset, first_draw };
        self.sample_given(self.conditions(conditions)?, conditions.datasets, draws, base)
    }

    /// See [`BuiltContinuousApproximator::sample_from`].
    pub fn sample_from(
        &self,
        conditions: &Batch,
        draws: usize,
        base: impl Fn(usize, usize, usize, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Vec<f64>> {
        self.sample_given(self.conditions(conditions)?, conditions.datasets, draws, BaseDraws::Given(&base))
    }

    /// As [`sample_from`](Self::sample_from) for what the network is given, `[datasets, C + K]`.
    fn sample_given(&self, condition: Vec<f32>, datasets: usize, draws: usize, base: BaseDraws) -> Result<Vec<f64>> {
        let mut out = self.room_for(datasets, draws)?;
        let d = self.dimensions.inference_variables;
        let moments = self.standardizer.moments(Variable::InferenceVariables, "");
        self.networks.head.given(self.parameters, condition, datasets)?.draw(draws, base, |drawn| {
            out.extend(drawn.targets.iter().enumerate().map(|(i, &v)| match moments {
                Some(moments) => moments.inverse(i % d, f64::from(v)),
                None => f64::from(v),
            }));
            Ok(())
        })?;
        Ok(out)
    }

    /// See [`BuiltContinuousApproximator::sample_with_log_prob`].
    pub fn sample_with_log_prob(&self, conditions: &Batch, draws: usize, key: Key) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut out = self.room_for(conditions.datasets, draws)?;
        let d = self.dimensions.inference_variables;
        let condition = self.conditions(conditions)?;
        let moments = self.standardizer.moments(Variable::InferenceVariables, "");
        let given = self.networks.head.given(self.parameters, condition, conditions.datasets)?;
        let (targets, log_prob) = given.sample_with_log_prob(key, 0, draws)?;
        out.extend(targets.iter().enumerate().map(|(i, &v)| match moments {
            Some(moments) => moments.inverse(i % d, f64::from(v)),
            None => f64::from(v),
        }));
        let correction = moments.map_or(0.0, |m| m.log_scale());
        Ok((out, log_prob.into_iter().map(|value| f64::from(value) - correction).collect()))
    }

    /// An empty vector with room for the draws.
    fn room_for(&self, datasets: usize, draws: usize) -> Result<Vec<f64>> {
        let total = datasets.checked_mul(draws).and_then(|n| n.checked_mul(self.dimensions.inference_variables));
        let too_many = |what: &str| Error::argument("draws", format!("{draws} draws of {datasets} data sets {what}"));
        let total = total.ok_or_else(|| too_many("are more than memory can hold; ask for fewer"))?;
        let mut out: Vec<f64> = Vec::new();
        out.try_reserve_exact(total)
            .map_err(|_| too_many("do not fit into memory; sample in parts with the number of the first draw"))?;
        Ok(out)
    }
}
