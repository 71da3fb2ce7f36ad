//! Ensembles of estimates.

use super::disagreement::moments;
use super::merge::{combined, merged};
use super::{Disagreement, EnsembleWorkflow};
use crate::approximators::{Allotment, ScoringRuleApproximator, is_averaged, mean, seed_of_member, with_distribution};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::networks::ScoringRule;
use crate::workflow::estimate::PointWorkflow;
use crate::workflow::estimate_diagnosis::EstimateDiagnosis;

impl EnsembleWorkflow<ScoringRuleApproximator> {
    /// The means of the members' estimates on the original scale, with equal weights: variable → rule → head, as
    /// [`PointWorkflow::estimate`] gives them. The mean of means is the mean of the mixture; the mean of quantiles is the quantile of a
    /// distribution between the members', narrower than their mixture.
    ///
    /// What cannot be averaged, such as the factors of covariances and the parts of mixtures, is left out: it is among the estimates of
    /// [each member](Self::estimate_members), which are all that the peer gives, and in [`sample`](Self::sample).
    ///
    /// # Errors
    /// No estimate that all members have and that can be averaged; quantiles of other probabilities under the same name.
    pub fn estimate(&self, observed: &Record) -> Result<Record> {
        self.estimate_weighted(observed, &self.members.equal())
    }

    /// As [`estimate`](Self::estimate) with a weight for each member.
    pub fn estimate_weighted(&self, observed: &Record, weights: &[f64]) -> Result<Record> {
        let shares = self.members.shares(weights)?;
        self.estimate_by(observed, &|values| mean(&shares, values))
    }

    /// How far the members' estimates disagree: their standard deviations, in the form of [`estimate`](Self::estimate).
    pub fn estimate_deviation(&self, observed: &Record) -> Result<Record> {
        self.estimate_by(observed, &deviations)
    }

    fn estimate_by(&self, observed: &Record, of: &dyn Fn(&[Vec<f64>]) -> Vec<f64>) -> Result<Record> {
        self.check_quantiles()?;
        let each = self.members.each(|_, member| member.estimate_heads(observed, is_averaged))?;
        let estimates = combined(&each.iter().map(|(_, estimates)| estimates).collect::<Vec<_>>(), of)?;
        match estimates.is_empty() {
            true => Err(Error::argument(
                "scoring_rules",
                "the members have no estimate in common that can be averaged; use estimate_members, or draws",
            )),
            false => Ok(estimates),
        }
    }

    /// The estimates of each member: its name, and variable → rule → head.
    pub fn estimate_members(&self, observed: &Record) -> Result<Vec<(String, Record)>> {
        self.members.each(|_, member| member.estimate(observed))
    }

    /// Draws of the members that have a distribution among their rules together, each with the same weight: name →
    /// `[datasets, draws, dim]`.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        let of = |_, member: &PointWorkflow, count| member.sample(observed, count);
        join(self.members.draw(draws, &self.distributions()?, self.first().seed(), of)?)
    }

    /// As [`sample`](Self::sample) with a weight for each member and a seed; the members' seeds follow it.
    ///
    /// # Errors
    /// A weight for a member without a distribution.
    pub fn sample_from(&self, observed: &Record, draws: usize, weights: &[f64], seed: u64) -> Result<Record> {
        let of =
            |number, member: &PointWorkflow, count| member.sample_from(observed, count, seed_of_member(seed, number));
        join(self.members.draw(draws, weights, seed, of)?)
    }

    /// Draws of each member: its name, and name → `[datasets, draws, dim]`.
    pub fn sample_members(&self, observed: &Record, draws: usize) -> Result<Vec<(String, Record)>> {
        self.members.each(|_, member| member.sample(observed, draws))
    }

    /// `ln Σ w p(θ | x)` over the members that have a distribution among their rules, with equal weights, `[datasets]`.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        self.log_prob_weighted(data, &self.distributions()?)
    }

    /// As [`log_prob`](Self::log_prob) with a weight for each member.
    pub fn log_prob_weighted(&self, data: &Record, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_prob(data))
    }

    /// How far the distributions of the members disagree about observed data sets, from `draws` of each.
    pub fn disagreement(&self, observed: &Record, draws: usize) -> Result<Disagreement> {
        Disagreement::of(&self.sample_members(observed, draws)?, self.first().parameters())
    }

    /// Examines the mean estimates on `count` fresh simulations.
    pub fn diagnose(&self, count: usize) -> Result<EstimateDiagnosis> {
        self.diagnose_on(&self.first().simulate_as(count, "diagnose")?)
    }

    /// Examines the mean estimates on data sets whose parameters are known; the page says how far the members disagree.
    pub fn diagnose_on(&self, data: &Record) -> Result<EstimateDiagnosis> {
        let mut diagnosis = self.first().diagnose_estimates(data, &self.estimate(data)?)?;
        let deviations = self.estimate_deviation(data)?;
        for info in self.first().parameters() {
            for (rule, column) in deviations.group(&info.name)?.columns() {
                let label = format!("Disagreement of {} members about {} ({rule})", self.members.len(), info.name);
                let deviation = moments(&column.array.to_f64()).0;
                diagnosis.report.facts.push((label, format!("a standard deviation of {deviation:.3}")));
            }
        }
        Ok(diagnosis)
    }

    /// Weights of the members that have a distribution.
    fn distributions(&self) -> Result<Vec<f64>> {
        let built = self.members().map(|(_, member)| member.approximator()).collect::<Result<Vec<_>>>()?;
        with_distribution(built.into_iter())
    }

    /// Quantiles are averaged where they have the same name, which must mean the same probabilities.
    fn check_quantiles(&self) -> Result<()> {
        let rules = |member: &PointWorkflow| member.configuration().inference_network.scoring_rules.clone();
        let first = rules(self.first());
        for (name, member) in self.members() {
            for (rule, given) in rules(member) {
                let (ScoringRule::Quantile { q }, Some(ScoringRule::Quantile { q: expected })) =
                    (given, first.get(&rule))
                else {
                    continue;
                };
                if q != *expected {
                    let message = format!(
                        "'{rule}' of the member '{name}' is at {q:?}, of the first at {expected:?}; give rules that differ other \
                         names"
                    );
                    return Err(Error::argument("scoring_rules", message));
                }
            }
        }
        Ok(())
    }
}

fn join((parts, allotment): (Vec<Record>, Allotment)) -> Result<Record> {
    merged(&parts, &allotment)
}

/// The standard deviation of the members' values, value by value.
fn deviations(values: &[Vec<f64>]) -> Vec<f64> {
    let count = values.iter().map(Vec::len).min().unwrap_or(0);
    let of_value = |i: usize| moments(&values.iter().map(|own| own[i]).collect::<Vec<_>>()).1.sqrt();
    (0..count).map(of_value).collect()
}
