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
