//! Estimates of all members, and draws and densities of those that have a distribution.

use super::EnsembleApproximator;
use super::answers::key_of_draws;
use super::mixture::mean;
use crate::approximators::{Batch, BuiltScoringRuleApproximator, ScoringRuleApproximator};
use crate::error::{Error, Result};
use crate::networks::scoring::{HeadValues, Transformation};

/// Whether the mean of members' estimates says something: a place that stands for itself, such as a mean, a median or a quantile.
/// Other heads are parameters of a distribution, such as the places of a mixture's components, which members need not number alike.
pub(crate) fn is_averaged(head: &HeadValues) -> bool {
    head.transformation == Transformation::LocationScale && ["value", "mean"].contains(&head.head.as_str())
}

/// One for each member that has a distribution among its rules, zero for the others; an error if none has.
pub(crate) fn with_distribution<'a>(
    members: impl Iterator<Item = &'a BuiltScoringRuleApproximator>,
) -> Result<Vec<f64>> {
    let found: Vec<Result<Vec<String>>> = members.map(BuiltScoringRuleApproximator::distributions).collect();
    let weights: Vec<f64> = found.iter().map(|rules| if rules.is_ok() { 1.0 } else { 0.0 }).collect();
    match weights.contains(&1.0) {
        true => Ok(weights),
        false => found.into_iter().find_map(Result::err).map_or(Ok(weights), Err),
    }
}

impl EnsembleApproximator<ScoringRuleApproximator> {
    /// The estimates of each member, rule by rule, as the peer gives them.
    pub fn estimate_members(&self, batch: &Batch) -> Result<Vec<(String, Vec<HeadValues>)>> {
        self.members.each(|_, member| member.estimate(batch))
    }

    /// Means of the members' estimates, head by head. The mean of means is the mean of the mixture; the mean of quantiles is the
    /// quantile of the distribution that lies between the members', narrower than their mixture.
    ///
    /// The members have the same rules. What cannot be averaged, such as the factors of covariances, is left out.
    ///
    /// # Errors
    /// No head that all members have and that can be averaged.
    pub fn estimate(&self, batch: &Batch, weights: &[f64]) -> Result<Vec<HeadValues>> {
        let shares = self.members.shares(weights)?;
        let each = self.estimate_members(batch)?;
        let same = |a: &HeadValues, b: &HeadValues| (&a.rule, &a.head, &a.shape) == (&b.rule, &b.head, &b.shape);
        let mut merged = Vec::new();
        for head in each.iter().take(1).flat_map(|(_, heads)| heads).filter(|head| is_averaged(head)) {
            let of_members = each.iter().map(|(_, heads)| heads.iter().find(|other| same(head, other)));
            let Some(of_members) = of_members.collect::<Option<Vec<_>>>() else { continue };
            let values: Vec<Vec<f64>> = of_members.into_iter().map(|head| head.values.clone()).collect();
            merged.push(HeadValues { values: mean(&shares, &values), ..head.clone() });
        }
        match merged.is_empty() {
            true => Err(nothing_in_common()),
            false => Ok(merged),
        }
    }

    /// Draws from the distributions among the members' rules together, `[datasets, draws, D]`.
    ///
    /// # Errors
    /// A weight for a member without a distribution.
    pub fn sample(&self, batch: &Batch, draws: usize, weights: &[f64], seed: u64) -> Result<Vec<f64>> {
        let (parts, allotment) = self.members.draw(draws, weights, seed, |number, member, count| {
            member.sample_mixture(batch, count, key_of_draws(seed, number))
        })?;
        Ok(allotment.merge(&parts, batch.datasets, self.dimensions().inference_variables))
    }

    /// Draws of each member, `[datasets, draws, D]`.
    pub fn sample_members(&self, batch: &Batch, draws: usize, seed: u64) -> Result<Vec<(String, Vec<f64>)>> {
        self.members.each(|number, member| member.sample_mixture(batch, draws, key_of_draws(seed, number)))
    }

    /// `ln Σ w p(θ | x)` of each data set, `[datasets]`, in the distributions among the members' rules, not yet corrected for the
    /// adapter.
    pub fn log_prob(&self, batch: &Batch, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_prob_mixture(batch))
    }

    /// Equal weights of the members that have a distribution, for [`sample`](Self::sample) and [`log_prob`](Self::log_prob).
    pub fn distributions(&self) -> Result<Vec<f64>> {
        with_distribution(self.members().map(|(_, member)| member))
    }
}

fn nothing_in_common() -> Error {
    let message = "the members have no estimate in common that can be averaged; look at the estimates of each member";
    Error::argument("scoring_rules", message)
}
