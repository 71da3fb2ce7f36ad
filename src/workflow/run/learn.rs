//! What a run learns: the posterior, the likelihood, estimates, the ratio of posterior to prior, or posterior and likelihood both.

use serde::{Deserialize, Serialize};

use super::config::RunConfig;
use crate::approximators::{Approximator, ContinuousApproximator, RatioApproximator, ScoringRuleApproximator};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::networks::ScoringRuleNetwork;
use crate::nn::Mlp;
use crate::simulators::{Kind, Simulator};
use crate::workflow::roles::Roles;

/// What is learned from the simulations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Learn {
    /// The density of the parameters given the data.
    #[default]
    Posterior,
    /// The density of the data given the parameters.
    Likelihood,
    /// Point estimates and quantiles of the parameters.
    Estimates,
    /// The ratio of posterior to prior.
    Ratio,
    /// Posterior and likelihood, from the same simulations.
    Joint,
}

impl Learn {
    /// All of them.
    pub const ALL: [Learn; 5] = [Learn::Posterior, Learn::Likelihood, Learn::Estimates, Learn::Ratio, Learn::Joint];

    pub(super) fn is_posterior(&self) -> bool {
        *self == Learn::Posterior
    }

    /// The word.
    pub fn name(self) -> &'static str {
        match self {
            Learn::Posterior => "posterior",
            Learn::Likelihood => "likelihood",
            Learn::Estimates => "estimates",
            Learn::Ratio => "ratio",
            Learn::Joint => "joint",
        }
    }
}

/// An approximator that a run can train.
pub trait Learned: Approximator + Default {
    /// What it learns; the continuous approximator learns posterior and likelihood.
    const LEARN: Learn;

    /// The approximator with the networks of a configuration, which are completed by default ones.
    fn with_networks(config: &mut RunConfig, defaults: ContinuousApproximator) -> Self;
}

impl Learned for ContinuousApproximator {
    const LEARN: Learn = Learn::Posterior;

    fn with_networks(config: &mut RunConfig, defaults: ContinuousApproximator) -> Self {
        let inference_network = config.inference_network.get_or_insert(defaults.inference_network).clone();
        ContinuousApproximator { inference_network, ..ContinuousApproximator::default() }
    }
}

impl Learned for ScoringRuleApproximator {
    const LEARN: Learn = Learn::Estimates;

    fn with_networks(config: &mut RunConfig, defaults: ContinuousApproximator) -> Self {
        let network = config.scoring_rule_network.get_or_insert_with(|| {
            let mut network = ScoringRuleNetwork::default();
            network.set_dropout(defaults.inference_network.dropout().unwrap_or(network.subnet.dropout));
            network
        });
        ScoringRuleApproximator { inference_network: network.clone(), ..ScoringRuleApproximator::default() }
    }
}

impl Learned for RatioApproximator {
    const LEARN: Learn = Learn::Ratio;

    fn with_networks(config: &mut RunConfig, defaults: ContinuousApproximator) -> Self {
        let network = config.ratio_network.get_or_insert_with(|| {
            let network = Mlp::default();
            Mlp { dropout: defaults.inference_network.dropout().unwrap_or(network.dropout), ..network }
        });
        RatioApproximator { inference_network: network.clone(), ..RatioApproximator::default() }
    }
}

/// An error where a configuration asks for something else than what is trained, or for a network that it has no use for.
pub(super) fn check(config: &RunConfig, learned: Learn) -> Result<()> {
    let fits = config.learn == learned || (config.learn, learned) == (Learn::Likelihood, Learn::Posterior);
    if !fits {
        let message = format!(
            "'{}' is asked for, and this run learns '{}'; ask for that, or for posterior and likelihood with JointRun",
            config.learn.name(),
            learned.name()
        );
        return Err(Error::argument("learn", message));
    }
    let continuous = matches!(config.learn, Learn::Posterior | Learn::Likelihood);
    for (name, given, used) in [
        ("inference_network", config.inference_network.is_some(), continuous),
        ("likelihood_network", config.likelihood_network.is_some(), false),
        ("scoring_rule_network", config.scoring_rule_network.is_some(), config.learn == Learn::Estimates),
        ("ratio_network", config.ratio_network.is_some(), config.learn == Learn::Ratio),
    ] {
        if given && !used {
            let message = format!("is given, but what is learned is '{}'; leave it out", config.learn.name());
            return Err(Error::argument(name, message));
        }
    }
    Ok(())
}

/// Puts data and parameters in each other's place; the roles as they were, if they were not exchanged before.
pub(super) fn exchange(config: &mut RunConfig, simulator: Option<&dyn Simulator>) -> Result<Option<Roles>> {
    if config.adapter.is_some() {
        return Ok(None);
    }
    let roles = match (&config.roles, simulator) {
        (Some(roles), _) => roles.clone(),
        (None, Some(simulator)) => Roles::of_simulator(simulator)?,
        (None, None) => return Ok(None),
    };
    config.adapter = Some(roles.likelihood_adapter());
    config.roles = Some(roles.exchanged());
    Ok(Some(roles))
}

/// Whether the data are sets, whose elements the likelihood scores one by one; an error for series and images.
pub(super) fn are_sets(roles: &Roles, example: &Record) -> Result<bool> {
    let what = match roles.kind_of(example)? {
        Kind::Vector => return Ok(false),
        Kind::Set => return Ok(true),
        Kind::Series => "series",
        Kind::Image => "images",
    };
    let message = format!(
        "the data are {what}, and a likelihood is learned of vectors and of sets; give summary statistics, or declare the kind \
         as vector or set"
    );
    Err(Error::argument("learn", message))
}
