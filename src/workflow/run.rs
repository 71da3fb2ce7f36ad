//! A training as plain data: what `run.toml` holds, completed by defaults, and ready to run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use super::basic::BasicWorkflow;
use super::callback::Callback;
use super::checkpoint::Checkpoint;
use super::defaults::Defaults;
use super::fit::Fit;
use super::fitting::Validation;
use super::history::History;
use super::roles::Roles;
use crate::adapters::{Adapter, Strictness};
use crate::approximators::{Batch, ContinuousApproximator, Variable};
use crate::codecs::npz;
use crate::data::{Record, io::record_from_arrays};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::optim::Optimizer;
use crate::random::Key;
use crate::simulators::{Kind, Pool, Request, Simulator, find};

/// Of simulations that exist already, one in so many is held out for validation and diagnostics, and at most so many.
const HELD_OUT_SHARE: usize = 10;
const HELD_OUT_MOST: usize = 300;
/// Fewer held out tell nothing.
const HELD_OUT_LEAST: usize = 10;
/// Data sets that the table of variables shows.
const SHOWN: usize = 32;
/// Data sets that are checked at once before training.
const CHECKED_AT_ONCE: usize = 1024;

/// A training as plain data. What is missing is chosen by [`Run::prepare`], whose [`Run::config`] has nothing missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// A built-in simulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulator: Option<String>,
    /// An `.npz` file with simulations; its arrays have the roles of the simulator or of `[roles]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
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
    /// The network that represents the posterior.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_network: Option<InferenceChoice>,
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
    fn complete(&self, fit: Fit) -> Fit {
        Fit {
            epochs: self.epochs.unwrap_or(fit.epochs),
            batches_per_epoch: self.batches_per_epoch.unwrap_or(fit.batches_per_epoch),
            batch_size: self.batch_size.unwrap_or(fit.batch_size),
            learning_rate: self.learning_rate.unwrap_or(fit.learning_rate),
            optimizer: self.optimizer.or(fit.optimizer),
            average: self.average.or(fit.average).filter(|decay| *decay != 0.0),
            patience: self.patience.or(fit.patience),
            keep_best: self.keep_best.unwrap_or(fit.keep_best),
        }
    }

    fn of(fit: &Fit, is_online: bool) -> Self {
        FitOptions {
            epochs: Some(fit.epochs),
            batches_per_epoch: is_online.then_some(fit.batches_per_epoch),
            batch_size: Some(fit.batch_size),
            learning_rate: Some(fit.learning_rate),
            patience: fit.patience,
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

/// Where the simulations come from.
enum Source {
    Online,
    Offline { training: Record, held_out: Option<Record> },
}

/// A training that is ready: configuration without gaps, simulations or their source, networks with their weights.
pub struct Run {
    /// The configuration, complete.
    pub config: RunConfig,
    /// The workflow, before the training.
    pub workflow: BasicWorkflow,
    /// Data sets such as those that will be trained on.
    pub example: Record,
    /// What was decided and why, a sentence each.
    pub notes: Vec<String>,
    fit: Fit,
    source: Source,
}

impl Run {
    /// Fills the gaps of a configuration, loads or makes the simulations, checks them all, and gives the networks weights.
    /// Nothing is written.
    pub fn prepare(mut config: RunConfig) -> Result<Self> {
        let mut notes = Vec::new();
        let seed = *config.seed.get_or_insert(0);
        let threads = *config.threads.get_or_insert_with(available_threads);
        let pool = Pool::new(threads)?;
        let device = Device::named(config.device.get_or_insert_with(|| "cpu".into()), threads)?;
        let simulator: Option<Arc<dyn Simulator>> = match &config.simulator {
            Some(name) => Some(find(name)?.into()),
            None => None,
        };
        let roles = match (&config.roles, &simulator) {
            (Some(roles), _) => Some(roles.clone()),
            (None, Some(simulator)) => Some(Roles::of_simulator(&**simulator)?),
            (None, None) if config.adapter.is_some() => None,
            (None, None) => Some(Roles::default()),
        };
        let whole = simulations(&config, roles.as_ref(), simulator.as_deref(), seed, &pool)?;
        let whole = match (whole, &roles) {
            (Some(whole), Some(roles)) => Some(roles.select(&whole)?),
            (whole, _) => whole,
        };
        let example = match (&whole, &simulator) {
            (Some(whole), _) => first(whole, SHOWN)?,
            (None, Some(simulator)) => simulator.sample(&Request::new(SHOWN, Key::new(seed).fork("example")))?,
            (None, None) => return Err(nothing_to_train_on()),
        };
        let defaults = match (&roles, &simulator) {
            (Some(roles), None) => Defaults::for_roles(roles, &example)?,
            (Some(roles), Some(_)) if config.roles.is_some() => Defaults::for_roles(roles, &example)?,
            (_, Some(simulator)) => Defaults::for_simulator(&**simulator, &example)?,
            (None, None) => Defaults {
                adapter: Adapter::new(),
                approximator: ContinuousApproximator::default(),
                fit: Fit::default(),
            },
        };
        if let Some(roles) = &mut config.roles {
            roles.kind = Some(roles.adapter(&example)?.1);
            if roles.kind == Some(Kind::Series) {
                notes.push("the order of the elements is kept".into());
            }
        }
        let adapter = config.adapter.get_or_insert(defaults.adapter).clone();
        let mut fit = config.training.complete(defaults.fit);
        let source = match whole {
            None => Source::Online,
            Some(whole) => {
                let (training, held_out) = hold_out(whole, &mut config.validation, seed, &mut notes)?;
                let rows = training.datasets()?.unwrap_or(0);
                if config.training.epochs.is_none() {
                    fit.epochs = Defaults::offline_epochs(rows, fit.batch_size);
                    notes.push(format!("{} epochs for {rows} simulations; change it with --epochs", fit.epochs));
                }
                Source::Offline { training, held_out }
            }
        };
        fit.check()?;
        if fit.patience.is_some() && matches!(source, Source::Online) && config.validation.unwrap_or(0) == 0 {
            return Err(Error::argument(
                "--patience",
                "early stopping watches the validation loss, and there are no data for it; add --validation 300",
            ));
        }
        fit.optimizer.get_or_insert(match &source {
            Source::Online => Optimizer::default(),
            Source::Offline { .. } => Optimizer::for_fixed_data(),
        });
        config.training = FitOptions::of(&fit, matches!(source, Source::Online));
        let summary = config.summary_network.take().or(defaults.approximator.summary_network);
        config.summary_network = summary.clone();
        let approximator = ContinuousApproximator {
            inference_network: config.inference_network.get_or_insert(defaults.approximator.inference_network).clone(),
            summary_network: summary,
            standardize: config.standardize.get_or_insert(defaults.approximator.standardize).clone(),
        };
        let builder = match simulator {
            Some(simulator) => BasicWorkflow::new(simulator),
            None => BasicWorkflow::from_simulations(),
        };
        let mut workflow =
            builder.adapter(adapter).approximator(approximator).seed(seed).device(device).threads(threads).build()?;
        if let Source::Offline { training, held_out } = &source {
            check_all(workflow.adapter(), training)?;
            held_out.iter().try_for_each(|data| check_all(workflow.adapter(), data))?;
        }
        workflow.initialise(&example)?;
        Ok(Run { config, workflow, example, notes, fit, source })
    }

    /// Trains, or goes on from a checkpoint of the same run.
    pub fn train(&mut self, callbacks: &mut [&mut dyn Callback], resume: Option<&Checkpoint>) -> Result<History> {
        let fit = self.fit.clone();
        match &self.source {
            Source::Online => {
                let validation = match self.config.validation {
                    None | Some(0) => Validation::None,
                    Some(count) => Validation::Simulations(count),
                };
                self.workflow.fit_online_with(fit, validation, callbacks, resume)
            }
            Source::Offline { training, held_out } => {
                let validation = held_out.clone().map_or(Validation::None, Validation::Data);
                self.workflow.fit_offline_with(training.clone(), fit, validation, callbacks, resume)
            }
        }
    }

    /// The length of the training.
    pub fn fit(&self) -> &Fit {
        &self.fit
    }

    /// Number of training steps of an epoch.
    pub fn batches_per_epoch(&self) -> usize {
        match &self.source {
            Source::Online => self.fit.batches_per_epoch,
            Source::Offline { training, .. } => {
                training.datasets().ok().flatten().unwrap_or(0).div_ceil(self.fit.batch_size)
            }
        }
    }

    /// Data sets for the diagnostics, and where they come from: fresh simulations, else those held out, else those of the
    /// training.
    pub fn test_data(&self) -> Result<(Record, String)> {
        let count = self.config.diagnostics.datasets;
        match (&self.source, self.workflow.simulator()) {
            (_, Some(_)) => Ok((self.workflow.simulate_as(count, "diagnose")?, format!("{count} fresh simulations"))),
            (Source::Offline { held_out: Some(data), .. }, None) => {
                let data = first(data, count)?;
                let count = data.datasets()?.unwrap_or(0);
                Ok((data, format!("{count} simulations that were held out of the training")))
            }
            (Source::Offline { training, .. }, None) => {
                let data = first(training, count)?;
                let text = "simulations that were trained on, which flatters the posterior; give more simulations";
                Ok((data, text.to_string()))
            }
            (Source::Online, None) => Err(nothing_to_train_on()),
        }
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

/// The simulations that exist before the training.
fn simulations(
    config: &RunConfig,
    roles: Option<&Roles>,
    simulator: Option<&dyn Simulator>,
    seed: u64,
    pool: &Pool,
) -> Result<Option<Record>> {
    let mut record = match (&config.data, config.budget, simulator) {
        (Some(path), _, _) => read_simulations(path, roles)?,
        (None, Some(budget), Some(simulator)) => {
            let request = Request::new(budget, Key::new(seed).fork("budget")).pool(pool);
            return simulator.sample(&request).map(Some);
        }
        (None, None, Some(_)) => return Ok(None),
        (None, _, None) => return Err(nothing_to_train_on()),
    };
    if let Some(budget) = config.budget {
        let count = record.datasets()?.unwrap_or(0);
        if budget > count {
            let message = format!("{budget} simulations were asked for, the data hold {count}; give a smaller number");
            return Err(Error::argument("--budget", message));
        }
        record = first(&record, budget)?;
    }
    Ok(Some(record))
}

/// The arrays of a file that have a role; all of them when a role is missing, so that the message can name them.
fn read_simulations(path: &Path, roles: Option<&Roles>) -> Result<Record> {
    let mut arrays = npz::read(path)?;
    if let Some(roles) = roles.filter(|roles| roles.keys().all(|key| arrays.contains_key(key))) {
        let names: Vec<&str> = roles.keys().collect();
        if !names.is_empty() {
            arrays.retain(|key, _| names.iter().any(|name| super::observed::belongs(key, name)));
        }
    }
    record_from_arrays(arrays, &[]).map_err(|e| Error::file(path, e.to_string()))
}

/// The first data sets.
fn first(record: &Record, count: usize) -> Result<Record> {
    match record.datasets()? {
        Some(all) if all > count => record.select(&(0..count).collect::<Vec<_>>()),
        _ => Ok(record.clone()),
    }
}

/// Cuts off data sets for validation, chosen at random, and writes their number into `validation`.
fn hold_out(
    whole: Record,
    validation: &mut Option<usize>,
    seed: u64,
    notes: &mut Vec<String>,
) -> Result<(Record, Option<Record>)> {
    let rows = whole.datasets()?.unwrap_or(0);
    let usual = match (rows / HELD_OUT_SHARE).min(HELD_OUT_MOST) {
        count if count < HELD_OUT_LEAST => 0,
        count => count,
    };
    let count = *validation.get_or_insert(usual);
    if count >= rows {
        let message = format!("{count} of {rows} simulations cannot be held out; leave at least one for training");
        return Err(Error::argument("--validation", message));
    }
    if count == 0 {
        notes.push(format!("all {rows} simulations are trained on, none is held out"));
        return Ok((whole, None));
    }
    notes.push(format!("{count} of {rows} simulations are held out for validation and diagnostics"));
    let mut order: Vec<usize> = (0..rows).collect();
    order.shuffle(&mut Key::new(seed).fork("held out").stream());
    let (held_out, training) = order.split_at_mut(count);
    held_out.sort_unstable();
    training.sort_unstable();
    Ok((whole.select(training)?, Some(whole.select(held_out)?)))
}

/// Sends all data sets through the adapter once, so that what is wrong with them is found before the training.
fn check_all(adapter: &Adapter, data: &Record) -> Result<()> {
    let rows = data.datasets()?.unwrap_or(0);
    let mut adapter = adapter.clone();
    for start in (0..rows).step_by(CHECKED_AT_ONCE) {
        let part = data.select(&(start..rows.min(start + CHECKED_AT_ONCE)).collect::<Vec<_>>())?;
        super::observed::check_finite(&adapter, &part, start)?;
        let pass = Strictness::Strict.with_key(Key::new(0).fork("check"));
        Batch::from_record(&adapter.forward_learning(&part, pass)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn held_out_simulations_are_not_trained_on() {
        let data = Record::new().with("a", crate::codecs::Array::vector((0..200).map(f64::from).collect()));
        let mut validation = None;
        let (training, held_out) = hold_out(data.clone(), &mut validation, 3, &mut Vec::new()).unwrap();
        assert_eq!(validation, Some(20));
        let values = |r: &Record| r.column("a").unwrap().array.to_f64();
        let mut all = [values(&training), values(&held_out.unwrap())].concat();
        all.sort_by(f64::total_cmp);
        assert_eq!(all, values(&data));
        assert!(hold_out(data, &mut Some(200), 3, &mut Vec::new()).is_err());
    }
}
