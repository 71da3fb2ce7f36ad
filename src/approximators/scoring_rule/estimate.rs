//! Estimates, draws and densities of a trained approximator, in the adapter's network space.

use super::{BuiltScoringRuleApproximator, Scores};
use crate::approximators::trained::Trained;
use crate::approximators::{Batch, Moments, Variable};
use crate::error::{Error, Result};
use crate::networks::scoring::{BuiltScoringRuleNetwork, Estimates, HeadValues};
use crate::random::Key;

impl BuiltScoringRuleApproximator {
    /// The network.
    pub fn scoring_rule_network(&self) -> &BuiltScoringRuleNetwork {
        &self.objective.head.network
    }

    /// All estimates for each data set, with the standardisation undone: rule by rule.
    pub fn estimate(&self, batch: &Batch) -> Result<Vec<HeadValues>> {
        let mut heads = self.trained().estimates(batch)?.into_heads();
        if let Some(moments) = self.standardizer.moments(Variable::InferenceVariables, "") {
            let scale: Vec<f64> = (0..moments.mean.len()).map(|feature| moments.deviation(feature)).collect();
            heads
                .iter_mut()
                .try_for_each(|head| head.transformation.restore(&mut head.values, &moments.mean, &scale))?;
        }
        Ok(heads)
    }

    /// Draws from the distribution of a rule, `[datasets, draws, D]`. Draw `k` of data set `i` is a function of the key, `i` and
    /// `first_draw + k` alone.
    pub fn sample(&self, batch: &Batch, rule: &str, draws: usize, first_draw: u64, key: Key) -> Result<Vec<f64>> {
        let d = self.dimensions().inference_variables;
        let mut values = self.trained().estimates(batch)?.sample(rule, key, first_draw, draws)?;
        if let Some(moments) = self.standardizer.moments(Variable::InferenceVariables, "") {
            values.iter_mut().enumerate().for_each(|(i, value)| *value = moments.inverse(i % d, *value));
        }
        Ok(values)
    }

    /// `ln p` of each data set's inference variables in the distribution of a rule, `[datasets]`, corrected for the standardisation.
    pub fn log_prob(&self, batch: &Batch, rule: &str) -> Result<Vec<f64>> {
        let trained = self.trained();
        let targets: Vec<f64> = trained.targets(batch)?.into_iter().map(f64::from).collect();
        let correction = self.standardizer.moments(Variable::InferenceVariables, "").map_or(0.0, Moments::log_scale);
        let log_prob = trained.estimates(batch)?.log_prob(rule, &targets)?;
        Ok(log_prob.into_iter().map(|value| value - correction).collect())
    }

    /// Draws from the distributions of all rules that have one, each as often as the others on average, `[datasets, draws, D]`. Which
    /// rule a draw is from is the same for all data sets.
    pub fn sample_mixture(&self, batch: &Batch, draws: usize, key: Key) -> Result<Vec<f64>> {
        let rules = self.distributions()?;
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        let d = self.dimensions().inference_variables;
        let mut values = vec![0.0; batch.datasets * draws * d];
        let mut stream = key.fork("rule").stream();
        let chosen: Vec<usize> = (0..draws).map(|_| rand::RngExt::random_range(&mut stream, 0..rules.len())).collect();
        for (number, rule) in rules.iter().enumerate() {
            let own: Vec<usize> = (0..draws).filter(|&draw| chosen[draw] == number).collect();
            let drawn = self.sample(batch, rule, own.len(), 0, key.fork(rule))?;
            for dataset in 0..batch.datasets {
                for (k, &draw) in own.iter().enumerate() {
                    let (to, from) = ((dataset * draws + draw) * d, (dataset * own.len() + k) * d);
                    values[to..to + d].copy_from_slice(&drawn[from..from + d]);
                }
            }
        }
        Ok(values)
    }

    /// `ln p` of each data set's inference variables in the equal mixture of the distributions of all rules that have one,
    /// `[datasets]`, corrected for the standardisation.
    pub fn log_prob_mixture(&self, batch: &Batch) -> Result<Vec<f64>> {
        let rules = self.distributions()?;
        let each = rules.iter().map(|rule| self.log_prob(batch, rule)).collect::<Result<Vec<_>>>()?;
        let of_row = |row: usize| {
            let largest = each.iter().map(|l| l[row]).fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = each.iter().map(|l| (l[row] - largest).exp()).sum();
            if largest == f64::NEG_INFINITY { largest } else { largest + (sum / rules.len() as f64).ln() }
        };
        Ok((0..batch.datasets).map(of_row).collect())
    }

    /// The rules that have a distribution; an error that names a remedy if there is none.
    pub fn distributions(&self) -> Result<Vec<String>> {
        let names: Vec<String> = self.objective.head.network.distributions().map(str::to_owned).collect();
        match names.is_empty() {
            true => {
                let message = "has no rule with a distribution; train with one, such as mv-normal";
                Err(Error::argument("scoring_rules", message))
            }
            false => Ok(names),
        }
    }
}

impl Trained<'_, Scores> {
    pub fn estimates(&self, batch: &Batch) -> Result<Estimates<'_>> {
        let condition = self.conditions(batch)?;
        self.networks.head.network.given(self.parameters, &condition, batch.datasets)
    }
}
