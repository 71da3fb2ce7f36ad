//! The workflow that most users need: a simulator, an adapter, networks; fit, then sample.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builder::WorkflowBuilder;
use super::checkpoint::Checkpoint;
use super::history::History;
use super::metrics::NewMetric;
use crate::adapters::Adapter;
use crate::approximators::{
    Approximator, BuiltApproximator, ContinuousApproximator, Dimensions, Standardizer, Trainable, Typicality,
};
use crate::data::Record;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::{DensityOf, Header, ModelFile, TrainingSummary, VariableInfo};
use crate::random::Key;
use crate::simulators::{Pool, Request, Simulator};

/// The workflow of a posterior (or, with data and parameters in each other's place, a likelihood).
pub type BasicWorkflow = Workflow<ContinuousApproximator>;

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
pub struct Workflow<A: Approximator> {
    pub(super) simulator: Option<Arc<dyn Simulator>>,
    pub(super) adapter: Adapter,
    pub(super) config: A,
    pub(super) seed: u64,
    pub(super) device: Device,
    pub(super) pool: Pool,
    pub(super) folder: Option<PathBuf>,
    pub(super) built: Option<BuiltApproximator<A::Objective>>,
    /// Widths that the networks were built for.
    pub(super) dimensions: Option<Dimensions>,
    /// Parameters, and data with conditions.
    pub(super) variables: (Vec<VariableInfo>, Vec<VariableInfo>),
    /// See [`sets`](Self::sets).
    pub(super) sets: Vec<VariableInfo>,
    /// See [`density_of`](Self::density_of).
    pub(super) density_of: Option<DensityOf>,
    pub(super) history: History,
    pub(super) training: TrainingSummary,
    /// How the data sets of the training look to the networks.
    pub(super) typicality: Option<Typicality>,
    pub(super) notes: Vec<String>,
    /// Metrics of the validation data, made anew for each fit.
    pub(super) metrics: Vec<NewMetric>,
}

impl<A: Approximator> Workflow<A> {
    /// A workflow around a simulator.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(simulator: impl Simulator + 'static) -> WorkflowBuilder<A>
    where
        A: Default,
    {
        WorkflowBuilder::new(Some(Arc::new(simulator)))
    }

    /// A workflow without a simulator, for simulations that exist already.
    pub fn from_simulations() -> WorkflowBuilder<A>
    where
        A: Default,
    {
        WorkflowBuilder::new(None)
    }

    /// A trained workflow from a model file. The simulator is only needed to simulate, to fit on, and for diagnostics on
    /// fresh simulations.
    pub fn load(path: impl Into<PathBuf>, simulator: Option<Arc<dyn Simulator>>, device: Device) -> Result<Self> {
        let path = path.into();
        let file = ModelFile::<A>::load(&path)?;
        let built = file.approximator(&path, &device)?;
        let history = Checkpoint::from_file(&file)?.state.history;
        let header = file.header;
        Ok(Workflow {
            simulator,
            adapter: header.adapter,
            config: header.approximator,
            seed: header.training.seed,
            device,
            pool: Pool::inline(),
            folder: None,
            dimensions: Some(built.dimensions().clone()),
            built: Some(built),
            variables: (header.parameters, header.data),
            sets: header.sets,
            density_of: header.density_of,
            history,
            training: header.training,
            typicality: header.typicality,
            notes: Vec::new(),
            metrics: Vec::new(),
        })
    }

    pub(super) fn key(&self) -> Key {
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

    /// The seed of what is drawn from now on.
    pub fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    /// Takes over the losses of an earlier fit, for pictures of a model that was loaded.
    pub fn set_history(&mut self, history: History) {
        self.history = history;
    }

    pub(super) fn header(&self, adapter: Adapter, standardizer: Standardizer) -> Result<Header<A>> {
        let dimensions = self.dimensions.clone().ok_or_else(untrained)?;
        Ok(Header {
            approximator: self.config.clone(),
            dimensions,
            adapter,
            standardizer,
            parameters: self.variables.0.clone(),
            data: self.variables.1.clone(),
            sets: self.sets.clone(),
            density_of: self.density_of,
            training: self.training.clone(),
            typicality: self.typicality.clone(),
        })
    }

    /// Writes the trained model to a file.
    pub fn save(&self, path: impl Into<PathBuf>) -> Result<()> {
        self.to_file()?.save(&path.into())
    }

    /// The same workflow on another device, with the same weights if it has any.
    pub fn move_to(mut self, device: Device) -> Result<Self> {
        if self.built.is_some() {
            self.built = Some(self.to_file()?.approximator(Path::new("the model in memory"), &device)?);
        }
        self.device = device;
        Ok(self)
    }

    fn to_file(&self) -> Result<ModelFile<A>> {
        let built = self.approximator()?;
        Ok(ModelFile {
            header: self.header(self.adapter.clone(), built.standardizer().clone())?,
            weights: built.parameters().export()?,
            training_state: None,
        })
    }

    /// The trained approximator; an error before the first fit.
    pub fn approximator(&self) -> Result<&BuiltApproximator<A::Objective>> {
        self.built.as_ref().ok_or_else(untrained)
    }

    /// The simulator, if there is one.
    pub fn simulator(&self) -> Option<&dyn Simulator> {
        self.simulator.as_deref()
    }

    /// Configuration of networks and standardisation.
    pub fn configuration(&self) -> &A {
        &self.config
    }

    /// What [`for_simulator`](Self::for_simulator) chose and why, and the networks once they have their weights.
    pub fn describe(&self) -> String {
        let mut lines = self.notes.clone();
        if let Some(built) = &self.built {
            lines.extend(built.describe().into_iter().map(|(_, layers)| layers));
        }
        lines.join("\n")
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

    /// Where the inferred variables are elements of sets, as for the likelihood of sets: the sets; else empty.
    pub fn sets(&self) -> &[VariableInfo] {
        &self.sets
    }

    /// What a continuous model is the density of: parameters (a posterior) or data (a likelihood). `None` of other models, and where
    /// it is not known: before the training, in older files, and where the variables were not declared.
    pub fn density_of(&self) -> Option<DensityOf> {
        self.density_of
    }

    /// The data and conditions that inference needs.
    pub fn data_variables(&self) -> &[VariableInfo] {
        &self.variables.1
    }

    /// How the model came about.
    pub fn training(&self) -> &TrainingSummary {
        &self.training
    }
}

fn untrained() -> Error {
    Error::argument("workflow", "has not been trained; call fit_online or fit_offline first, or load a model")
}
