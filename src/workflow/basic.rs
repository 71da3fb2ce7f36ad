//! The workflow that most users need: a simulator, an adapter, networks; fit, then sample.

use std::path::PathBuf;
use std::sync::Arc;

use super::blocks::DrawBlocks;
use super::callback::Callback;
use super::checkpoint::Checkpoint;
use super::fit::Fit;
use super::history::History;
use super::trainer::Trainer;
use crate::adapters::{Adapter, Role, Strictness};
use crate::approximators::{
    Batch, BuiltContinuousApproximator, ContinuousApproximator, Dimensions, Trainable, Variable,
};
use crate::codecs::{Array, Values};
use crate::data::{Column, Dataset, OfflineDataset, OnlineDataset, Record};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::{Header, ModelFile, TrainingSummary, VariableInfo};
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::optim::Optimizer;
use crate::random::Key;
use crate::simulators::{Pool, Request, Simulator};

/// A workflow under construction; see [`BasicWorkflow::new`].
pub struct WorkflowBuilder {
    simulator: Option<Arc<dyn Simulator>>,
    adapter: Adapter,
    approximator: ContinuousApproximator,
    seed: u64,
    device: Device,
    threads: usize,
    folder: Option<PathBuf>,
}

impl WorkflowBuilder {
    fn new(simulator: Option<Arc<dyn Simulator>>) -> Self {
        WorkflowBuilder {
            simulator,
            adapter: Adapter::new(),
            approximator: ContinuousApproximator::default(),
            seed: 0,
            device: Device::cpu(),
            threads: 1,
            folder: None,
        }
    }

    /// The adapter that turns records into `inference_variables`, `inference_conditions` and `summary_variables`.
    pub fn adapter(mut self, adapter: Adapter) -> Self {
        self.adapter = adapter;
        self
    }

    /// The network that learns summary statistics.
    pub fn summary_network(mut self, network: impl Into<SummaryChoice>) -> Self {
        self.approximator.summary_network = Some(network.into());
        self
    }

    /// The network that represents the posterior; a coupling flow by default.
    pub fn inference_network(mut self, network: impl Into<InferenceChoice>) -> Self {
        self.approximator.inference_network = network.into();
        self
    }

    /// The variables that are standardised while training; the inference variables by default.
    pub fn standardize(mut self, variables: impl IntoIterator<Item = Variable>) -> Self {
        self.approximator.standardize = variables.into_iter().collect();
        self
    }

    /// Networks and standardisation together.
    pub fn approximator(mut self, approximator: ContinuousApproximator) -> Self {
        self.approximator = approximator;
        self
    }

    /// The seed of everything random, 0 by default.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The device of the networks; the CPU with one thread by default.
    pub fn device(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    /// Threads for simulation and for making batches while others train; 1 by default. Results do not depend on it.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// A folder in which each epoch leaves a complete `model.safetensors` and `history.csv`.
    pub fn checkpoints(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// The workflow. Networks get their weights when the first data are seen.
    pub fn build(self) -> Result<BasicWorkflow> {
        self.adapter.check()?;
        let pool = Pool::new(self.threads)?;
        Ok(BasicWorkflow {
            simulator: self.simulator,
            adapter: self.adapter,
            config: self.approximator,
            seed: self.seed,
            device: self.device,
            pool,
            folder: self.folder,
            built: None,
            dimensions: None,
            variables: (Vec::new(), Vec::new()),
            history: History::default(),
            training: TrainingSummary::default(),
        })
    }
}

/// Where the loss after each epoch is computed on.
#[derive(Debug, Clone)]
pub enum Validation {
    /// None.
    None,
    /// Fresh simulations, as many as given.
    Simulations(usize),
    /// Given data.
    Data(Record),
}

/// Simulator, adapter, networks: from simulations to a posterior that costs milliseconds.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let mut workflow = BasicWorkflow::new(LinearRegression::default())
///     .adapter(linear_regression_adapter())
///     .summary_network(DeepSet::default())
///     .inference_network(CouplingFlow::default())
///     .seed(1)
///     .build()?;
/// let history = workflow.fit_online(Fit { epochs: 15, batches_per_epoch: 200, ..Fit::default() })?;
/// let observed = workflow.simulate(3)?;
/// let draws = workflow.sample(&observed, 1000)?;   // name → [datasets, draws, dim]
/// # Ok(())
/// # }
/// ```
pub struct BasicWorkflow {
    simulator: Option<Arc<dyn Simulator>>,
    adapter: Adapter,
    config: ContinuousApproximator,
    seed: u64,
    device: Device,
    pool: Pool,
    folder: Option<PathBuf>,
    built: Option<BuiltContinuousApproximator>,
    /// Widths that the networks were built for.
    dimensions: Option<Dimensions>,
    /// Parameters, and data with conditions.
    variables: (Vec<VariableInfo>, Vec<VariableInfo>),
    history: History,
    training: TrainingSummary,
}

impl BasicWorkflow {
    /// A workflow around a simulator.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(simulator: impl Simulator + 'static) -> WorkflowBuilder {
        WorkflowBuilder::new(Some(Arc::new(simulator)))
    }

    /// A workflow without a simulator, for simulations that exist already.
    pub fn from_simulations() -> WorkflowBuilder {
        WorkflowBuilder::new(None)
    }

    /// A trained workflow from a model file. The simulator is only needed to simulate, to fit on, and for diagnostics on
    /// fresh simulations.
    pub fn load(path: impl Into<PathBuf>, simulator: Option<Arc<dyn Simulator>>, device: Device) -> Result<Self> {
        let path = path.into();
        let file = ModelFile::load(&path)?;
        let built = file.approximator(&path, &device)?;
        let history = Checkpoint::from_file(&file)?.state.history;
        let header = file.header;
        Ok(BasicWorkflow {
            simulator,
            adapter: header.adapter,
            config: header.approximator,
            seed: header.training.seed,
            device,
            pool: Pool::inline(),
            folder: None,
            dimensions: Some(built.dimensions()),
            built: Some(built),
            variables: (header.parameters, header.data),
            history,
            training: header.training,
        })
    }

    fn key(&self) -> Key {
        Key::new(self.seed)
    }

    /// `count` fresh simulations: name → `[count, …]`. They are the ones that [`fit_online`](Self::fit_online) never sees.
    pub fn simulate(&self, count: usize) -> Result<Record> {
        self.simulate_as(count, "fresh")
    }

    pub(super) fn simulate_as(&self, count: usize, purpose: &str) -> Result<Record> {
        let simulator = self.simulator.as_ref().ok_or_else(|| {
            Error::argument("simulator", "this workflow has none; build it with BasicWorkflow::new, or give the data")
        })?;
        simulator.sample(&Request::new(count, self.key().fork(purpose)).pool(&self.pool))
    }

    /// Gives the networks their weights before the first fit, for data such as `example`: then they can be looked at. The fit
    /// does it when it was not done before.
    pub fn initialise(&mut self, example: &Record) -> Result<()> {
        self.prepare_for(example)
    }

    /// A folder in which each epoch of later fits leaves a complete `model.safetensors` and `history.csv`.
    pub fn set_checkpoints(&mut self, folder: impl Into<PathBuf>) {
        self.folder = Some(folder.into());
    }

    /// Takes over the losses of an earlier fit, for pictures of a model that was loaded.
    pub fn set_history(&mut self, history: History) {
        self.history = history;
    }

    /// Trains on fresh simulations in every step.
    pub fn fit_online(&mut self, fit: Fit) -> Result<History> {
        self.fit_online_with(fit, Validation::None, &mut [], None)
    }

    /// As [`fit_online`](Self::fit_online), with validation, watchers, and a checkpoint to go on from.
    pub fn fit_online_with(
        &mut self,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        fit.check()?;
        let simulator = self.simulator.clone().ok_or_else(|| {
            Error::argument("simulator", "this workflow has none; use fit_offline with simulations that exist already")
        })?;
        let dataset = OnlineDataset::new(simulator, fit.batch_size, fit.batches_per_epoch, self.key().fork("online"))?;
        self.fit(Arc::new(dataset.pool(&self.pool)), fit, Optimizer::default(), validation, callbacks, resume)
    }

    /// Trains on simulations that exist already: name → `[datasets, …]`.
    pub fn fit_offline(&mut self, data: Record, fit: Fit) -> Result<History> {
        self.fit_offline_with(data, fit, Validation::None, &mut [], None)
    }

    /// As [`fit_offline`](Self::fit_offline), with validation, watchers, and a checkpoint to go on from.
    pub fn fit_offline_with(
        &mut self,
        data: Record,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        fit.check()?;
        let dataset = OfflineDataset::new(data, fit.batch_size, self.key().fork("offline"))?;
        self.fit(Arc::new(dataset), fit, Optimizer::for_fixed_data(), validation, callbacks, resume)
    }

    fn fit(
        &mut self,
        dataset: Arc<dyn Dataset>,
        fit: Fit,
        defaults: Optimizer,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        let validation = match validation {
            Validation::None => None,
            Validation::Simulations(count) => Some(self.simulate_as(count, "validation")?),
            Validation::Data(data) => Some(data),
        };
        self.prepare(&*dataset)?;
        let key = self.key();
        let threads = self.pool.threads();
        let Some(mut built) = self.built.take() else {
            return Err(Error::argument("workflow", "has no networks; this is a defect of the library"));
        };
        let mut trainer = Trainer::new(&mut built, self.adapter.clone(), dataset.clone(), fit.clone(), defaults, key)?
            .validation(validation)
            .threads(threads);
        for callback in callbacks {
            trainer = trainer.callback(*callback);
        }
        if let Some(checkpoint) = resume {
            trainer = trainer.resume(checkpoint)?;
        }
        let outcome = trainer.run(|checkpoint| self.save_checkpoint(checkpoint, &*dataset));
        self.built = Some(built);
        let (history, adapter) = outcome?;
        self.adapter = adapter;
        self.history = history.clone();
        Ok(history)
    }

    /// Learns widths from the first batch and gives the networks their weights, unless they have them already.
    fn prepare(&mut self, dataset: &dyn Dataset) -> Result<()> {
        self.prepare_for(&dataset.batch(0)?)
    }

    fn prepare_for(&mut self, example: &Record) -> Result<()> {
        let mut adapter = self.adapter.clone();
        let pass = Strictness::Strict.with_key(self.key().fork("adapter").at(0));
        let adapted = adapter.forward_learning(example, pass)?;
        let batch = Batch::from_record(&adapted)?;
        let dimensions = Dimensions::of(&batch)?;
        match &self.built {
            Some(built) if built.dimensions() == dimensions => {}
            Some(built) => {
                let message = format!(
                    "this model was built for {:?}, the data give {dimensions:?}; build a new workflow",
                    built.dimensions()
                );
                return Err(Error::shape("workflow", message));
            }
            None => {
                self.built = Some(self.config.build(dimensions, &self.device, self.key())?);
                self.dimensions = Some(dimensions);
                self.variables = describe_variables(&adapter, example)?;
            }
        }
        Ok(())
    }

    fn save_checkpoint(&mut self, checkpoint: &Checkpoint, dataset: &dyn Dataset) -> Result<()> {
        let steps = checkpoint.history().losses().len() as u64;
        self.training = TrainingSummary {
            simulator: self.simulator.as_ref().map(|s| s.name().to_string()),
            seed: self.seed,
            epochs: checkpoint.epochs(),
            steps,
            datasets: steps * dataset.batch_size() as u64,
            loss: checkpoint.history().epoch_losses().last().copied(),
            validation_loss: checkpoint.history().validation_losses().iter().flatten().copied().reduce(f64::min),
        };
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        std::fs::create_dir_all(&folder)
            .map_err(|e| Error::file(&folder, format!("the folder cannot be made ({e}); name another one")))?;
        let file = ModelFile {
            header: self.header(checkpoint.adapter.clone(), checkpoint.standardizer.clone())?,
            weights: checkpoint.weights.clone(),
            training_state: checkpoint.training_state()?,
        };
        // The history first: a run that is killed in between resumes from the older model and writes the same lines again.
        checkpoint.history().write_csv(&folder.join("history.csv"))?;
        file.save(&folder.join("model.safetensors"))
    }

    fn header(&self, adapter: Adapter, standardizer: crate::approximators::Standardizer) -> Result<Header> {
        let dimensions = self.dimensions.ok_or_else(untrained)?;
        Ok(Header {
            approximator: self.config.clone(),
            dimensions,
            adapter,
            standardizer,
            parameters: self.variables.0.clone(),
            data: self.variables.1.clone(),
            training: self.training.clone(),
        })
    }

    /// Writes the trained model to a file.
    pub fn save(&self, path: impl Into<PathBuf>) -> Result<()> {
        let built = self.approximator()?;
        let file = ModelFile {
            header: self.header(self.adapter.clone(), built.standardizer().clone())?,
            weights: built.parameters().export()?,
            training_state: None,
        };
        file.save(&path.into())
    }

    /// The trained approximator; an error before the first fit.
    pub fn approximator(&self) -> Result<&BuiltContinuousApproximator> {
        self.built.as_ref().ok_or_else(untrained)
    }

    /// The simulator, if there is one.
    pub fn simulator(&self) -> Option<&dyn Simulator> {
        self.simulator.as_deref()
    }

    /// Configuration of networks and standardisation.
    pub fn configuration(&self) -> &ContinuousApproximator {
        &self.config
    }

    /// The seed of everything random.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The adapter with what it has learned.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Losses of the last fit.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The parameters that are inferred.
    pub fn parameters(&self) -> &[VariableInfo] {
        &self.variables.0
    }

    /// The data and conditions that inference needs.
    pub fn data_variables(&self) -> &[VariableInfo] {
        &self.variables.1
    }

    /// How the model came about.
    pub fn training(&self) -> &TrainingSummary {
        &self.training
    }

    /// Posterior draws for each observed data set: name → `[datasets, draws, dim]`. Parameters among the observed columns
    /// are ignored.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        self.sample_from(observed, draws, 0, self.seed)
    }

    /// As [`sample`](Self::sample), with the number of the first draw and a seed of its own. Draw `k` of data set `i` is a
    /// function of the seed, `i` and `k` alone.
    pub fn sample_from(&self, observed: &Record, draws: usize, first_draw: u64, seed: u64) -> Result<Record> {
        self.sample_watched(observed, draws, first_draw, seed, &mut |_| {})
    }

    /// As [`sample_from`](Self::sample_from); `watch` is told now and then how many draws, of all data sets together, are
    /// done. Beside the result little memory is needed: the draws are made in blocks.
    pub fn sample_watched(
        &self,
        observed: &Record,
        draws: usize,
        first_draw: u64,
        seed: u64,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Record> {
        let built = self.approximator()?;
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        if first_draw.checked_add(draws as u64).is_none() {
            return Err(Error::argument(
                "first_draw",
                format!("{first_draw} and {draws} more draws exceed 2^64; use a smaller number"),
            ));
        }
        for VariableInfo { name, .. } in &self.variables.1 {
            observed.column(name)?;
        }
        let datasets = observed.datasets()?.unwrap_or(1);
        if datasets == 0 {
            return Err(Error::value("data", "there is no data set; give at least one"));
        }
        let key = Key::new(seed).fork("sample");
        let width = built.dimensions().inference_variables;
        let mut blocks = DrawBlocks::new(datasets, draws);
        while let Some(block) = blocks.next_block() {
            let part = match block.datasets.len() == datasets {
                true => self.adapted(observed, false)?,
                false => self.adapted(&observed.select(&block.datasets.clone().collect::<Vec<_>>())?, false)?,
            };
            let (count, first) = (block.draws.len(), first_draw + block.draws.start as u64);
            let values = built.sample_block(&part, block.datasets.start, count, first, key)?;
            let array = Array::new([part.datasets, count, width], Values::F64(values))?;
            let mut record = Record::new();
            record.insert("inference_variables", Column::dense(array));
            blocks.put(&block, self.adapter.inverse(&record, Strictness::Lenient)?)?;
            watch(block.datasets.start * draws + block.datasets.len() * block.draws.end);
        }
        blocks.finish()
    }

    /// Log posterior density of each data set's parameters on their original scale, `[datasets]`.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        let built = self.approximator()?;
        for VariableInfo { name, .. } in &self.variables.0 {
            data.column(name)?;
        }
        let (adapted, log_det) = self.adapter.forward_with_log_det(data, Strictness::Lenient)?;
        let mut log_prob = built.log_prob(&Batch::from_record(&adapted)?)?;
        if let Some(correction) = log_det.get("inference_variables")? {
            log_prob.iter_mut().zip(correction).for_each(|(l, c)| *l += c);
        }
        Ok(log_prob)
    }

    fn adapted(&self, data: &Record, with_parameters: bool) -> Result<Batch> {
        for VariableInfo { name, .. } in &self.variables.1 {
            data.column(name)?;
        }
        let mut data = data.clone();
        if !with_parameters {
            for VariableInfo { name, .. } in &self.variables.0 {
                data.remove(name);
            }
        }
        let batch = Batch::from_record(&self.adapter.forward(&data, Strictness::Lenient)?)?;
        match batch.datasets {
            0 => Err(Error::value("data", "there is no data set; give at least one")),
            _ => Ok(batch),
        }
    }
}

fn untrained() -> Error {
    Error::argument("workflow", "has not been trained; call fit_online or fit_offline first, or load a model")
}

/// The parameters, and the data with conditions, that an adapter makes of an example.
fn describe_variables(adapter: &Adapter, example: &Record) -> Result<(Vec<VariableInfo>, Vec<VariableInfo>)> {
    let (mut parameters, mut data) = (Vec::new(), Vec::new());
    for row in adapter.describe(example)?.variables {
        match row.role {
            Role::InferenceVariables => parameters.push(variable_info(&row.name, example, false)?),
            Role::InferenceConditions => data.push(variable_info(&row.name, example, false)?),
            Role::SummaryVariables => data.push(variable_info(&row.name, example, true)?),
            _ => {}
        }
    }
    Ok((parameters, data))
}

/// The shape of a column; the elements of a set are not counted in its dimension.
fn variable_info(name: &str, example: &Record, is_set: bool) -> Result<VariableInfo> {
    let column = example.column(name)?;
    let shape = column.array.shape();
    let outer = match (&column.offsets, column.shared) {
        (None, true) => 0,
        (None, false) => 1 + usize::from(is_set),
        (Some(_), _) => 1,
    };
    let axes = shape.len() + usize::from(column.offsets.is_some()) + usize::from(column.shared);
    Ok(VariableInfo { name: name.to_string(), dimension: shape.iter().skip(outer).product(), axes })
}
