//! What a `run.toml` holds.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::learn::Learn;
use crate::adapters::Adapter;
use crate::approximators::Variable;
use crate::distributions::BaseDistribution;
use crate::error::{Error, Result};
use crate::networks::{InferenceChoice, ScoringRuleNetwork, SummaryChoice};
use crate::nn::Mlp;
use crate::optim::Optimizer;
use crate::workflow::fit::Fit;
use crate::workflow::roles::Roles;

/// A training as plain data. What is missing is chosen by [`Run::prepare`](super::Run::prepare), whose [`config`](super::Run::config) has nothing missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// What is learned from the simulations; the posterior by default.
    #[serde(skip_serializing_if = "Learn::is_posterior")]
    pub learn: Learn,
    /// Whether the likelihood is that of the elements of sets, one by one; known once the data are.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub elements: bool,
    /// A built-in simulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulator: Option<String>,
    /// An `.npz` file with simulations, or a folder of such files; the arrays have the roles of the simulator or of `[roles]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// Mebibytes that simulations read from a folder may take in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_memory: Option<usize>,
    /// Whether files still arrive in the folder of `data` during the training.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub growing: bool,
    /// Train on so many simulations made beforehand, those held out included, instead of fresh ones in every step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// Data sets held out of `data` or `budget`, or simulated besides; the loss after each epoch is computed on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// The seed of everything random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Where the networks compute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Number of threads; results do not depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Train an ensemble of so many members, whose seeds follow `seed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<usize>,
    /// Metrics of the validation data that are computed after each epoch.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<String>,
    /// Variables that are standardised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standardize: Option<Vec<Variable>>,
    /// Length of the training and its optimizer.
    pub training: FitOptions,
    /// What the diagnostics after the training are computed from.
    pub diagnostics: DiagnosticsOptions,
    /// Roles of the arrays of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// The network that learns summary statistics of sets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The distribution that training draws learned summaries towards; none by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary_distribution: Option<BaseDistribution>,
    /// The network that represents the posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_network: Option<InferenceChoice>,
    /// The network that represents the likelihood, where both are learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood_network: Option<InferenceChoice>,
    /// The scoring rules and their network, where estimates are learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scoring_rule_network: Option<ScoringRuleNetwork>,
    /// The network that tells parameters apart, where a ratio is learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio_network: Option<Mlp>,
    /// The adapter; by default it follows from the roles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<Adapter>,
}

/// [`Fit`], all of it optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FitOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batches_per_epoch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reductions: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_best: Option<bool>,
    /// Decay of the moving average of the weights; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optimizer: Option<Optimizer>,
}

/// What diagnostics are computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiagnosticsOptions {
    /// Number of data sets.
    pub datasets: usize,
    /// Draws for each.
    pub draws: usize,
}

impl Default for DiagnosticsOptions {
    fn default() -> Self {
        DiagnosticsOptions { datasets: 300, draws: 1000 }
    }
}

impl FitOptions {
    /// A fit with these options in the place of its own.
    pub fn complete(&self, fit: Fit) -> Fit {
        Fit {
            epochs: self.epochs.unwrap_or(fit.epochs),
            batches_per_epoch: self.batches_per_epoch.unwrap_or(fit.batches_per_epoch),
            batch_size: self.batch_size.unwrap_or(fit.batch_size),
            learning_rate: self.learning_rate.unwrap_or(fit.learning_rate),
            optimizer: self.optimizer.or(fit.optimizer),
            average: self.average.or(fit.average).filter(|decay| *decay != 0.0),
            patience: self.patience.or(fit.patience),
            reductions: self.reductions.unwrap_or(fit.reductions),
            keep_best: self.keep_best.unwrap_or(fit.keep_best),
        }
    }

    pub(super) fn of(fit: &Fit, is_online: bool) -> Self {
        FitOptions {
            epochs: Some(fit.epochs),
            batches_per_epoch: is_online.then_some(fit.batches_per_epoch),
            batch_size: Some(fit.batch_size),
            learning_rate: Some(fit.learning_rate),
            patience: fit.patience,
            reductions: Some(fit.reductions),
            keep_best: Some(fit.keep_best),
            average: Some(fit.average.unwrap_or(0.0)),
            optimizer: fit.optimizer,
        }
    }
}

impl RunConfig {
    /// Reads a `run.toml` or the `config.toml` of a run.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::file(path, format!("the configuration cannot be read ({e}); check the path")))?;
        toml::from_str(&text).map_err(|e| {
            let at = e.span().map_or(0, |span| text[..span.start.min(text.len())].lines().count().max(1));
            let message = e.message().lines().collect::<Vec<_>>().join(" ");
            Error::file(path, format!("line {at}: {message}; correct the configuration"))
        })
    }

    /// The configuration as TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self)
            .map_err(|e| Error::argument("configuration", format!("it cannot be written as TOML ({e})")))
    }

    /// The configuration without what results do not depend on.
    pub fn essence(&self) -> RunConfig {
        RunConfig { threads: None, diagnostics: DiagnosticsOptions::default(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulators::{Simulator, find};
    use crate::workflow::defaults::Defaults;

    #[test]
    fn a_configuration_survives_its_file() {
        let run = RunConfig { simulator: Some("linear-regression".into()), ..RunConfig::default() };
        let defaults = {
            let simulator = find("linear-regression").unwrap();
            Defaults::for_simulator(&*simulator, &simulator.simulate(2, 1).unwrap()).unwrap()
        };
        let full = RunConfig {
            adapter: Some(defaults.adapter),
            inference_network: Some(defaults.approximator.inference_network),
            summary_network: defaults.approximator.summary_network,
            summary_distribution: defaults.approximator.summary_distribution,
            standardize: Some(defaults.approximator.standardize),
            training: FitOptions::of(&defaults.fit, true),
            seed: Some(7),
            ..run
        };
        let text = full.to_toml().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, &text).unwrap();
        let read = RunConfig::load(&path).unwrap();
        assert_eq!(read.to_toml().unwrap(), text);
        assert_eq!(read.adapter, full.adapter);
        assert_eq!(read.training.epochs, Some(15));
        for (bad, expected) in
            [("epoch = 1", "unknown field `epoch`"), ("[training]\nepochs = \"many\"", "line 2"), ("seed = -1", "seed")]
        {
            std::fs::write(&path, bad).unwrap();
            let message = RunConfig::load(&path).unwrap_err().to_string();
            assert!(message.contains(expected) || message.contains("line 1"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }
}
