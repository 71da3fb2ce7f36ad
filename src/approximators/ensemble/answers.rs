//! Draws, densities, ratios and probabilities of all members together, in the adapter's network space.

use super::{EnsembleApproximator, seed_of_member};
use crate::approximators::{Batch, ContinuousApproximator, Matrix, ModelComparisonApproximator, RatioApproximator};
use crate::error::Result;
use crate::random::Key;

/// What the key of a member's draws is called, as in a workflow.
pub(super) fn key_of_draws(seed: u64, number: usize) -> Key {
    Key::new(seed_of_member(seed, number)).fork("sample")
}

impl EnsembleApproximator<ContinuousApproximator> {
    /// Draws of all members together, `[datasets, draws, D]`; the weights need not add up to one.
    pub fn sample(&self, conditions: &Batch, draws: usize, weights: &[f64], seed: u64) -> Result<Vec<f64>> {
        let (parts, allotment) = self.members.draw(draws, weights, seed, |number, member, count| {
            member.sample(conditions, count, 0, key_of_draws(seed, number))
        })?;
        Ok(allotment.merge(&parts, conditions.datasets, self.dimensions().inference_variables))
    }

    /// Draws of each member, `[datasets, draws, D]`.
    pub fn sample_members(&self, conditions: &Batch, draws: usize, seed: u64) -> Result<Vec<(String, Vec<f64>)>> {
        self.members.each(|number, member| member.sample(conditions, draws, 0, key_of_draws(seed, number)))
    }

    /// `ln Σ w q(θ | x)` of each data set, `[datasets]`, not yet corrected for the adapter.
    pub fn log_prob(&self, batch: &Batch, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_prob(batch))
    }
}

impl EnsembleApproximator<RatioApproximator> {
    /// `ln Σ w r(θ, x)` for the ratios `r ≈ p(θ | x)/p(θ)` of the members, `[datasets]`: the logarithm of the mean ratio, which is
    /// that of a mixture of posteriors.
    pub fn log_ratio(&self, batch: &Batch, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_ratio(batch))
    }
}

impl EnsembleApproximator<ModelComparisonApproximator> {
    /// Means of the members' posterior model probabilities, `[datasets, models]`.
    pub fn predict(&self, batch: &Batch, weights: &[f64]) -> Result<Matrix> {
        let values = self.members.mean(weights, |member| Ok(member.predict(batch)?.values))?;
        Ok(Matrix { columns: self.dimensions().inference_variables, values })
    }
}
