//! Ensembles of posteriors.

use super::merge::merged;
use super::{Disagreement, EnsembleWorkflow};
use crate::approximators::{ContinuousApproximator, seed_of_member};
use crate::data::Record;
use crate::error::Result;
use crate::workflow::diagnose::Diagnosis;

/// Draws for each data set when an ensemble is examined.
const DRAWS: usize = 1000;

impl EnsembleWorkflow<ContinuousApproximator> {
    /// Posterior draws of all members together, each with the same weight: name → `[datasets, draws, dim]`.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        self.sample_weighted(observed, draws, &self.members.equal())
    }

    /// As [`sample`](Self::sample) with a weight for each member. How many draws a member gives is random and the same for all data
    /// sets.
    pub fn sample_weighted(&self, observed: &Record, draws: usize, weights: &[f64]) -> Result<Record> {
        let seed = self.first().seed();
        let (parts, allotment) =
            self.members.draw(draws, weights, seed, |_, member, count| member.sample(observed, count))?;
        merged(&parts, &allotment)
    }

    /// As [`sample_weighted`](Self::sample_weighted) with a seed of its own; the members' seeds follow it.
    pub fn sample_from(&self, observed: &Record, draws: usize, weights: &[f64], seed: u64) -> Result<Record> {
        let (parts, allotment) = self.members.draw(draws, weights, seed, |number, member, count| {
            member.sample_from(observed, count, 0, seed_of_member(seed, number))
        })?;
        merged(&parts, &allotment)
    }

    /// Draws of each member: its name, and name → `[datasets, draws, dim]`.
    pub fn sample_members(&self, observed: &Record, draws: usize) -> Result<Vec<(String, Record)>> {
        self.members.each(|_, member| member.sample(observed, draws))
    }

    /// As [`sample_members`](Self::sample_members) with a seed of its own; the members' seeds follow it.
    pub fn sample_members_from(&self, observed: &Record, draws: usize, seed: u64) -> Result<Vec<(String, Record)>> {
        self.members.each(|number, member| member.sample_from(observed, draws, 0, seed_of_member(seed, number)))
    }

    /// `ln Σ w q(θ | x)` over the members with equal weights, `[datasets]`.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        self.log_prob_weighted(data, &self.members.equal())
    }

    /// As [`log_prob`](Self::log_prob) with a weight for each member.
    pub fn log_prob_weighted(&self, data: &Record, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_prob(data))
    }

    /// `ln q(θ | x)` of each member: its name, and `[datasets]`.
    pub fn log_prob_members(&self, data: &Record) -> Result<Vec<(String, Vec<f64>)>> {
        self.members.each(|_, member| member.log_prob(data))
    }

    /// How far the members disagree about observed data sets, from `draws` of each.
    pub fn disagreement(&self, observed: &Record, draws: usize) -> Result<Disagreement> {
        Disagreement::of(&self.sample_members(observed, draws)?, self.first().parameters())
    }

    /// Examines the merged draws on `count` fresh simulations; the page says how far the members disagree.
    pub fn diagnose(&self, count: usize) -> Result<Diagnosis> {
        self.diagnose_on(&self.first().simulate_as(count, "diagnose")?, DRAWS)
    }

    /// As [`diagnose`](Self::diagnose), on data sets whose parameters are known.
    pub fn diagnose_on(&self, data: &Record, draws: usize) -> Result<Diagnosis> {
        let mut diagnosis = self.first().diagnose_draws(data, &self.sample(data, draws)?)?;
        let disagreement = self.disagreement(data, draws)?;
        for (name, value) in disagreement.names.iter().zip(disagreement.means()) {
            let label = format!("Disagreement of {} members about {name}", self.members.len());
            diagnosis.report.facts.push((label, format!("{:.1} % of the posterior variance", 100.0 * value)));
        }
        Ok(diagnosis)
    }
}
