//! A run that learns posterior and likelihood from the same simulations.

use std::sync::Arc;

use super::source::Simulations;
use super::{Learn, Run, RunConfig, available_threads, nothing_to_train_on};
use crate::data::{Dataset, RememberedDataset};
use crate::error::{Error, Result};
use crate::simulators::{Pool, Simulator, find};
use crate::workflow::roles::Roles;

/// Two trainings that are ready, of the same length and on the same simulations: fresh ones are made once, remembered as far as
/// memory reaches, and made again beyond.
///
/// `inference_network`, `summary_network`, `standardize` and `adapter` of the configuration are those of the posterior; the
/// likelihood has `likelihood_network`. Each has the bits of the run that learns it alone with the same length of training.
///
/// ```no_run
/// use ferroflow::workflow::{JointRun, Learn, RunConfig};
/// let config = RunConfig { learn: Learn::Joint, simulator: Some("two-moons".into()), ..RunConfig::default() };
/// let mut run = JointRun::prepare(config)?;
/// run.posterior.train(&mut [], None)?;
/// run.likelihood.train(&mut [], None)?;
/// # Ok::<(), ferroflow::Error>(())
/// ```
pub struct JointRun {
    /// The configuration of both, complete.
    pub config: RunConfig,
    /// The run of the posterior.
    pub posterior: Run,
    /// The run of the likelihood.
    pub likelihood: Run,
}

impl JointRun {
    /// Fills the gaps of a configuration, loads or makes the simulations, checks them all, and gives both networks weights. Nothing is
    /// written.
    ///
    /// # Errors
    /// Those of [`Run::prepare`] for both; a configuration that learns something else, or without simulator and roles; series and
    /// images, of which no likelihood is learned.
    pub fn prepare(mut config: RunConfig) -> Result<Self> {
        if config.learn != Learn::Joint {
            let message = format!("'{}' is asked for, and this run learns 'joint'; prepare a Run", config.learn.name());
            return Err(Error::argument("learn", message));
        }
        let seed = *config.seed.get_or_insert(0);
        let pool = Pool::new(*config.threads.get_or_insert_with(available_threads))?;
        let simulator: Option<Arc<dyn Simulator>> = match &config.simulator {
            Some(name) => Some(find(name)?.into()),
            None => None,
        };
        let roles = match (&config.roles, &simulator) {
            (Some(roles), _) => roles.clone(),
            (None, Some(simulator)) => Roles::of_simulator(&**simulator)?,
            (None, None) if config.data.is_some() => Roles::default(),
            (None, None) => return Err(nothing_to_train_on()),
        };
        let simulations = Simulations::find(&config, Some(&roles), simulator.as_deref(), seed, &pool)?;
        config.elements = false;
        let likelihood_network = config.likelihood_network.take();
        let mut posterior =
            Run::prepare_on(RunConfig { learn: Learn::Posterior, ..config.clone() }, Some(simulations.clone()))?;
        let of_likelihood = RunConfig {
            learn: Learn::Likelihood,
            training: posterior.config.training.clone(),
            inference_network: likelihood_network,
            summary_network: None,
            summary_distribution: None,
            standardize: None,
            adapter: None,
            ..config
        };
        let mut likelihood = Run::prepare_on(of_likelihood, Some(simulations))?;
        if posterior.source.is_online() {
            let shared: Arc<dyn Dataset> = Arc::new(RememberedDataset::new(posterior.fresh()?));
            (posterior.shared, likelihood.shared) = (Some(shared.clone()), Some(shared));
        }
        let config = RunConfig {
            learn: Learn::Joint,
            likelihood_network: likelihood.config.inference_network.clone(),
            ..posterior.config.clone()
        };
        Ok(JointRun { config, posterior, likelihood })
    }
}
