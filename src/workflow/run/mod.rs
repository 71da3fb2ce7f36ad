//! A training as plain data: what `run.toml` holds, completed by defaults, and ready to run.

mod config;
mod joint;
mod learn;
mod members;
mod source;

use std::sync::Arc;

use super::basic::Workflow;
use super::callback::Callback;
use super::checkpoint::Checkpoint;
use super::defaults::Defaults;
use super::fit::Fit;
use super::fitting::Validation;
use super::history::History;
use super::likelihood::observations::{ObservationsDataset, Owners, observations};
use super::roles::Roles;
use super::variables::describe_sets;
use crate::adapters::Adapter;
use crate::approximators::{Approximator, ContinuousApproximator};
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::DensityOf;
use crate::optim::Optimizer;
use crate::random::Key;
use crate::simulators::{Kind, Pool, Request, Simulator, find};
use source::{Simulations, Source, first, folder_dataset};

pub use config::{DiagnosticsOptions, FitOptions, RunConfig};
pub use joint::JointRun;
pub use learn::{Learn, Learned};

/// Data sets that the table of variables shows.
const SHOWN: usize = 32;

/// A training that is ready: configuration without gaps, simulations or their source, networks with their weights.
pub struct Run<A: Approximator = ContinuousApproximator> {
    /// The configuration, complete.
    pub config: RunConfig,
    /// The workflow, before the training.
    pub workflow: Workflow<A>,
    /// Data sets such as those that will be trained on.
    pub example: Record,
    /// What was decided and why, a sentence each.
    pub notes: Vec<String>,
    fit: Fit,
    source: Source,
    /// The roles of sets whose elements are trained on one by one.
    elements: Option<Roles>,
    /// Fresh simulations that another run is trained on as well.
    shared: Option<Arc<dyn Dataset>>,
}

impl<A: Learned> Run<A> {
    /// Fills the gaps of a configuration, loads or makes the simulations, checks them all, and gives the networks weights.
    /// Nothing is written.
    pub fn prepare(config: RunConfig) -> Result<Self> {
        Run::prepare_on(config, None)
    }

    /// As [`prepare`](Self::prepare), on simulations that were found already.
    fn prepare_on(mut config: RunConfig, simulations: Option<Simulations>) -> Result<Self> {
        let mut notes = Vec::new();
        let seed = *config.seed.get_or_insert(0);
        let threads = *config.threads.get_or_insert_with(available_threads);
        let pool = Pool::new(threads)?;
        learn::check(&config, A::LEARN)?;
        let device = Device::named(config.device.get_or_insert_with(|| "cpu".into()), threads)?;
        let simulator: Option<Arc<dyn Simulator>> = match &config.simulator {
            Some(name) => Some(find(name)?.into()),
            None => None,
        };
        let fresh = match config.learn {
            Learn::Likelihood => learn::exchange(&mut config, simulator.as_deref())?,
            _ => None,
        };
        let roles = match (&config.roles, &simulator) {
            (Some(roles), _) => Some(roles.clone()),
            (None, Some(simulator)) => Some(Roles::of_simulator(&**simulator)?),
            (None, None) if config.adapter.is_some() => None,
            (None, None) => Some(Roles::default()),
        };
        // The roles that the simulations have, where a likelihood puts them in each other's place.
        let given = match config.learn {
            Learn::Likelihood => fresh.clone().or(roles.as_ref().map(Roles::exchanged)),
            _ => roles.clone(),
        };
        let simulations = match simulations {
            Some(simulations) => simulations,
            None => Simulations::find(&config, given.as_ref(), simulator.as_deref(), seed, &pool)?,
        };
        let mut example = match (simulations.first(SHOWN, given.as_ref())?, &simulator) {
            (Some(example), _) => example,
            (None, Some(simulator)) => simulator.sample(&Request::new(SHOWN, Key::new(seed).fork("example")))?,
            (None, None) => return Err(nothing_to_train_on()),
        };
        if let Some(roles) = &fresh {
            config.elements = learn::are_sets(roles, &example)?;
        }
        let elements = given.clone().filter(|_| config.elements);
        let mut sets = Vec::new();
        if let Some(roles) = &elements {
            sets = describe_sets(&roles.data_variables, &example)?;
            example = observations(&roles.repeat(&example)?, roles, Owners::All)?.0;
            notes.push(
                "the likelihood is that of each element of a set; at most 8 of a data set are used in a step".into(),
            );
        } else if let (Some(_), Some(roles)) = (&fresh, &roles) {
            simulations.check_roles(roles)?;
        }
        // What stands for missing values is the mean of all that is in memory.
        let known = simulations.in_memory().filter(|_| elements.is_none()).unwrap_or(&example);
        let defaults = match (&roles, &simulator) {
            (Some(roles), None) => Defaults::for_roles(roles, known)?,
            (Some(roles), Some(_)) if config.roles.is_some() => Defaults::for_roles(roles, known)?,
            (_, Some(simulator)) => Defaults::for_simulator(&**simulator, known)?,
            (None, None) => Defaults {
                adapter: Adapter::new(),
                approximator: ContinuousApproximator::default(),
                fit: Fit::default(),
                notes: Vec::new(),
            },
        };
        let defaults = match &simulations {
            Simulations::Online => defaults.for_fresh_simulations(),
            existing => defaults.for_fixed_simulations(existing.count()?),
        };
        notes.extend(defaults.notes.iter().cloned());
        if !matches!(config.learn, Learn::Posterior) {
            // Which network follows the condition is told by the networks themselves.
            notes
                .iter_mut()
                .for_each(|note| *note = note.replace("; the posterior is a coupling flow with splines", ""));
        }
        if let Some(roles) = &mut config.roles {
            roles.kind = Some(roles.adapter(&example)?.1);
            if roles.kind == Some(Kind::Series) {
                notes.push("the order of the elements is kept".into());
            }
        }
        let adapter = config.adapter.get_or_insert(defaults.adapter).clone();
        let mut fit = config.training.complete(defaults.fit);
        let source = simulations.divide(&mut config, given.as_ref(), seed, &mut notes)?;
        if let (Some(rows), None, false) = (source.rows()?, config.training.epochs, config.growing) {
            fit.epochs = Defaults::offline_epochs(rows, fit.batch_size);
            notes.push(format!("{} epochs for {rows} simulations; change it with --epochs", fit.epochs));
        }
        fit.check()?;
        if fit.patience.is_some() && source.is_online() && config.validation.unwrap_or(0) == 0 {
            return Err(Error::argument(
                "--patience",
                "early stopping watches the validation loss, and there are no data for it; add --validation 300",
            ));
        }
        let mut builder = match &simulator {
            Some(simulator) => Workflow::<A>::new(simulator.clone()),
            None => Workflow::<A>::from_simulations(),
        };
        for name in &config.metrics {
            builder = builder.metric_named(name)?;
        }
        let validated = if source.is_online() { config.validation.unwrap_or(0) > 0 } else { source.holds_out() };
        builder.check_metrics(validated)?;
        if A::LEARN == Learn::Posterior && roles.is_some() {
            let is_likelihood = config.learn == Learn::Likelihood;
            builder = builder.density_of(if is_likelihood { DensityOf::Data } else { DensityOf::Parameters });
        }
        fit.optimizer.get_or_insert(match source.is_online() {
            true => Optimizer::default(),
            false => Optimizer::for_fixed_data(),
        });
        config.training = FitOptions::of(&fit, source.is_online() || config.growing);
        config.summary_network = config.summary_network.take().or(defaults.approximator.summary_network.clone());
        config.standardize.get_or_insert(defaults.approximator.standardize.clone());
        let mut approximator = A::with_networks(&mut config, defaults.approximator);
        let parts = approximator.parts_mut();
        *parts.summary_network = config.summary_network.clone();
        *parts.summary_distribution = config.summary_distribution.clone();
        *parts.standardize = config.standardize.clone().unwrap_or_default();
        let mut workflow =
            builder.adapter(adapter).approximator(approximator).seed(seed).device(device).threads(threads).build()?;
        source.check(workflow.adapter(), elements.as_ref())?;
        workflow.sets = sets;
        workflow.initialise(&example)?;
        Ok(Run { config, workflow, example, notes, fit, source, elements, shared: None })
    }

    /// Trains, or goes on from a checkpoint of the same run.
    pub fn train(&mut self, callbacks: &mut [&mut dyn Callback], resume: Option<&Checkpoint>) -> Result<History> {
        let fit = self.fit.clone();
        if let Some(roles) = self.elements.clone() {
            return self.train_elements(roles, fit, callbacks, resume);
        }
        match &self.source {
            Source::Online => {
                let validation = match self.config.validation {
                    None | Some(0) => Validation::None,
                    Some(count) => Validation::Simulations(count),
                };
                let dataset = self.fresh()?;
                self.workflow.fit_dataset(dataset, fit, validation, callbacks, resume)
            }
            Source::Offline { training, held_out } => {
                let validation = held_out.clone().map_or(Validation::None, Validation::Data);
                self.workflow.fit_offline_with(training.clone(), fit, validation, callbacks, resume)
            }
            Source::Folder { shards, roles, held_out } => {
                let validation = self.source.held_out()?.map_or(Validation::None, Validation::Data);
                let lengths = (&self.config, fit.batch_size, fit.batches_per_epoch);
                let (adapter, key) = (self.workflow.adapter().clone(), self.workflow.key().fork("offline"));
                let dataset = folder_dataset(shards, roles, *held_out, &adapter, lengths, key)?;
                self.workflow.fit_dataset(dataset, fit, validation, callbacks, resume)
            }
        }
    }

    /// As [`train`](Self::train), on the elements of sets.
    fn train_elements(
        &mut self,
        roles: Roles,
        fit: Fit,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        let validation = match (&self.source, self.config.validation) {
            (Source::Online, None | Some(0)) => None,
            (Source::Online, Some(count)) => Some(self.workflow.simulate_as(count, "validation")?),
            _ => self.source.held_out()?,
        };
        let rows = |data: Record| Ok(observations(&roles.repeat(&data)?, &roles, Owners::All)?.0);
        let validation = validation.map(rows).transpose()?.map_or(Validation::None, Validation::Data);
        let key = self.workflow.key();
        let dataset: Arc<dyn Dataset> = match &self.source {
            Source::Online => self.fresh()?,
            Source::Offline { training, .. } => {
                Arc::new(OfflineDataset::new(training.clone(), fit.batch_size, key.fork("offline"))?)
            }
            Source::Folder { shards, roles, held_out } => {
                let lengths = (&self.config, fit.batch_size, fit.batches_per_epoch);
                let adapter = self.workflow.adapter().clone();
                Arc::new(folder_dataset(shards, roles, *held_out, &adapter, lengths, key.fork("offline"))?)
            }
        };
        let dataset = ObservationsDataset { dataset, roles: roles.clone(), key: key.fork("observations") };
        self.workflow.fit_dataset(dataset, fit, validation, callbacks, resume)
    }

    /// Batches that are simulated when they are needed.
    fn fresh(&self) -> Result<Arc<dyn Dataset>> {
        if let Some(shared) = &self.shared {
            return Ok(shared.clone());
        }
        let simulator = self.workflow.simulator.clone().ok_or_else(nothing_to_train_on)?;
        let (Fit { batch_size, batches_per_epoch, .. }, key) = (&self.fit, self.workflow.key().fork("online"));
        let dataset = OnlineDataset::new(simulator, *batch_size, *batches_per_epoch, key)?;
        Ok(Arc::new(dataset.pool(&self.workflow.pool)))
    }

    /// The length of the training.
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// Number of training steps of an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        match self.source.rows() {
            Ok(Some(rows)) if !self.config.growing => rows.div_ceil(self.fit.batch_size),
            _ => self.fit.batches_per_epoch,
        }
    }

    /// Data sets for the diagnostics, and where they come from: fresh simulations, else those held out, else those of the
    /// training.
    pub fn test_data(&self) -> Result<(Record, String)> {
        let count = self.config.diagnostics.datasets;
        if self.workflow.simulator().is_some() {
            return Ok((self.workflow.simulate_as(count, "diagnose")?, format!("{count} fresh simulations")));
        }
        if let Some(data) = self.source.held_out()? {
            let data = first(&data, count)?;
            let count = data.datasets()?.unwrap_or(0);
            return Ok((data, format!("{count} simulations that were held out of the training")));
        }
        let data = match &self.source {
            Source::Online => return Err(nothing_to_train_on()),
            Source::Offline { training, .. } => first(training, count)?,
            Source::Folder { shards, roles: Some(roles), .. } => roles.repeat(&shards.first(count)?)?,
            Source::Folder { shards, roles: None, .. } => shards.first(count)?,
        };
        let text = "simulations that were trained on, which flatters the posterior; give more simulations";
        Ok((data, text.to_string()))
    }
}

/// The number of threads that this machine runs at once.
pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn nothing_to_train_on() -> Error {
    Error::argument(
        "train",
        "there is nothing to train on; name a simulator (such as linear-regression), or give simulations with --data and \
         their roles",
    )
}
