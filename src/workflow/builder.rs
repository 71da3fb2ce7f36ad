//! How a workflow is put together.

use std::path::PathBuf;
use std::sync::Arc;

use super::basic::Workflow;
use super::history::History;
use super::metrics::NewMetric;
use crate::adapters::Adapter;
use crate::approximators::{Approximator, ContinuousApproximator, Variable};
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::Result;
use crate::io::{DensityOf, TrainingSummary};
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::simulators::{Pool, Simulator};

/// A workflow under construction; see [`Workflow::new`].
#[derive(Clone)]
pub struct WorkflowBuilder<A = ContinuousApproximator> {
    simulator: Option<Arc<dyn Simulator>>,
    adapter: Adapter,
    pub(super) approximator: A,
    seed: u64,
    device: Device,
    threads: usize,
    folder: Option<PathBuf>,
    notes: Vec<String>,
    density_of: Option<DensityOf>,
    metrics: Vec<NewMetric>,
}

impl<A: Approximator + Default> WorkflowBuilder<A> {
    pub(super) fn new(simulator: Option<Arc<dyn Simulator>>) -> Self {
        WorkflowBuilder {
            simulator,
            adapter: Adapter::new(),
            approximator: A::default(),
            seed: 0,
            device: Device::cpu(),
            threads: 1,
            folder: None,
            notes: Vec::new(),
            density_of: None,
            metrics: Vec::new(),
        }
    }
}

impl<A: Approximator> WorkflowBuilder<A> {
    /// The builder that would make an untrained workflow like the given one.
    pub(super) fn of(workflow: &Workflow<A>) -> Self {
        WorkflowBuilder {
            simulator: workflow.simulator.clone(),
            adapter: workflow.adapter.clone(),
            approximator: workflow.config.clone(),
            seed: workflow.seed,
            device: workflow.device.clone(),
            threads: workflow.pool.threads(),
            folder: workflow.folder.clone(),
            notes: workflow.notes.clone(),
            density_of: workflow.density_of,
            metrics: workflow.metrics.clone(),
        }
    }

    /// The adapter that turns records into `inference_variables`, `inference_conditions` and `summary_variables`.
    pub fn adapter(mut self, adapter: Adapter) -> Self {
        self.adapter = adapter;
        self
    }

    /// The network that learns summary statistics.
    pub fn summary_network(mut self, network: impl Into<SummaryChoice>) -> Self {
        *self.approximator.parts_mut().summary_network = Some(network.into());
        self
    }

    /// The distribution that training draws learned summaries towards, for seeing data unlike the simulations; none by default.
    pub fn summary_distribution(mut self, distribution: impl Into<BaseDistribution>) -> Self {
        *self.approximator.parts_mut().summary_distribution = Some(distribution.into());
        self
    }

    /// The variables that are standardised while training; the inference variables by default.
    pub fn standardize(mut self, variables: impl IntoIterator<Item = Variable>) -> Self {
        *self.approximator.parts_mut().standardize = variables.into_iter().collect();
        self
    }

    /// Networks and standardisation together.
    pub fn approximator(mut self, approximator: A) -> Self {
        self.approximator = approximator;
        self
    }

    pub(super) fn seed_of(&self) -> u64 {
        self.seed
    }

    pub(super) fn notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    pub(super) fn density_of(mut self, density_of: DensityOf) -> Self {
        self.density_of = Some(density_of);
        self
    }

    pub(super) fn metrics(&self) -> &[NewMetric] {
        &self.metrics
    }

    pub(super) fn new_metric(mut self, metric: NewMetric) -> Self {
        self.metrics.push(metric);
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
    pub fn build(self) -> Result<Workflow<A>> {
        self.adapter.check()?;
        let pool = Pool::new(self.threads)?;
        Ok(Workflow {
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
            sets: Vec::new(),
            density_of: self.density_of,
            metrics: self.metrics,
            history: History::default(),
            training: TrainingSummary::default(),
            typicality: None,
            notes: self.notes,
        })
    }
}

impl WorkflowBuilder<ContinuousApproximator> {
    /// The network that represents the distribution; a coupling flow by default.
    pub fn inference_network(mut self, network: impl Into<InferenceChoice>) -> Self {
        self.approximator.inference_network = network.into();
        self
    }
}
