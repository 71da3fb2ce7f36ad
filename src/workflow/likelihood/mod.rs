//! Amortized likelihood: the continuous approximator with data and parameters in each other's place.
//!
//! ```text
//! vectors:  ln q(x | θ)
//! sets:     ln q(x₁ … xₙ | θ) = Σᵢ ln q(xᵢ | θ)      (exchangeable observations, independent given θ)
//! ```
//!
//! `sample` is then a surrogate of the simulator, and `log_prob` scores data. (Papamakarios et al. 2019, arXiv:1805.07226; Radev
//! et al. 2023, arXiv:2302.09125)

pub(super) mod observations;

use std::sync::Arc;

use super::basic::BasicWorkflow;
use super::builder::WorkflowBuilder;
use super::callback::Callback;
use super::defaults::Defaults;
use super::fit::Fit;
use super::fitting::Validation;
use super::history::History;
use super::roles::Roles;
use super::variables::describe_sets;
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::{DensityOf, VariableInfo};
use crate::random::Key;
use crate::simulators::{Kind, Request, Simulator};
use observations::{ObservationsDataset, Owners, observations};

/// A likelihood that is learned from simulations.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let mut likelihood = LikelihoodWorkflow::for_simulator(LinearRegression::default())?;
/// likelihood.fit_online(Fit { epochs: 10, ..Fit::default() })?;
/// let data = likelihood.simulate(5)?;
/// let log_prob = likelihood.log_prob(&data)?; // ln q(x | θ) of each data set
/// let simulated = likelihood.sample(&data, 100)?; // data for these parameters: name → [datasets, draws, dim]
/// # Ok(())
/// # }
/// ```
pub struct LikelihoodWorkflow {
    workflow: BasicWorkflow,
    roles: Roles,
    /// Whether data sets are sets whose elements are scored one by one.
    exchangeable: bool,
}

impl LikelihoodWorkflow {
    /// The likelihood of a simulator that declares its variables, with networks that suit its data.
    pub fn for_simulator(simulator: impl Simulator + 'static) -> Result<Self> {
        LikelihoodWorkflow::for_roles(&Roles::of_simulator(&simulator)?, Some(Arc::new(simulator)), None, 0)
    }

    /// The likelihood of simulations that exist already, of which `example` shows some.
    pub fn from_simulations(roles: &Roles, example: &Record, seed: u64) -> Result<Self> {
        LikelihoodWorkflow::for_roles(roles, None, Some(example), seed)
    }

    pub(super) fn for_roles(
        roles: &Roles,
        simulator: Option<Arc<dyn Simulator>>,
        example: Option<&Record>,
        seed: u64,
    ) -> Result<Self> {
        let example = match (example, &simulator) {
            (Some(example), _) => example.clone(),
            (None, Some(simulator)) => simulator.sample(&Request::new(8, Key::new(seed).fork("example")))?,
            (None, None) => return Err(Error::argument("example", "is missing; give some of the simulations")),
        };
        let example = roles.repeat(&example)?;
        let exchangeable = match roles.adapter(&example)?.1 {
            Kind::Vector => false,
            Kind::Set => true,
            kind @ (Kind::Series | Kind::Image) => {
                let what = if kind == Kind::Series { "series" } else { "images" };
                let message = format!(
                    "the data are {what}, and a likelihood is learned of vectors and of sets; give summary statistics, or \
                     declare the kind as vector or set"
                );
                return Err(Error::argument("roles", message));
            }
        };
        let (rows, sets) = match exchangeable {
            true => (observations(&example, roles, Owners::All)?.0, describe_sets(&roles.data_variables, &example)?),
            false => (example, Vec::new()),
        };
        let defaults = Defaults::for_likelihood(roles, &rows)?;
        let builder = WorkflowBuilder::new(simulator).adapter(defaults.adapter).seed(seed).density_of(DensityOf::Data);
        let mut workflow = builder.approximator(defaults.approximator).notes(defaults.notes).build()?;
        workflow.sets = sets;
        Ok(LikelihoodWorkflow { workflow, roles: roles.clone(), exchangeable })
    }

    /// Changes how the workflow is built: networks, threads, seed, device, checkpoints.
    pub fn configure(mut self, change: impl FnOnce(WorkflowBuilder) -> WorkflowBuilder) -> Result<Self> {
        let sets = std::mem::take(&mut self.workflow.sets);
        self.workflow = change(WorkflowBuilder::of(&self.workflow)).build()?;
        self.workflow.sets = sets;
        Ok(self)
    }

    /// The same likelihood on another device, with the same weights if it has any.
    pub fn move_to(self, device: Device) -> Result<Self> {
        Ok(LikelihoodWorkflow { workflow: self.workflow.move_to(device)?, ..self })
    }

    /// A trained likelihood from a model file, of a run with `learn = "likelihood"` or of [`workflow`](Self::workflow)`().save(…)`. The
    /// simulator is only needed to simulate and to fit on.
    ///
    /// # Errors
    /// Those of [`BasicWorkflow::load`], and a file that says that it holds a posterior; older files do not say.
    pub fn load(
        path: impl Into<std::path::PathBuf>,
        simulator: Option<Arc<dyn Simulator>>,
        device: Device,
    ) -> Result<Self> {
        let path = path.into();
        let workflow = BasicWorkflow::load(&path, simulator, device)?;
        if workflow.density_of() == Some(DensityOf::Parameters) {
            let message = "holds a posterior, and a likelihood is needed here; give a model that `train --learn likelihood` or \
                           `train --learn joint` wrote";
            return Err(Error::file(path, message));
        }
        let exchangeable = !workflow.sets.is_empty();
        let roles = workflow.roles_of_likelihood();
        Ok(LikelihoodWorkflow { workflow, roles, exchangeable })
    }

    /// Trains on fresh simulations in every step.
    pub fn fit_online(&mut self, fit: Fit) -> Result<History> {
        fit.check()?;
        let simulator = self.workflow.simulator.clone().ok_or_else(|| {
            Error::argument("simulator", "this workflow has none; use fit_offline with simulations that exist already")
        })?;
        let key = self.workflow.key().fork("online");
        let dataset = OnlineDataset::new(simulator, fit.batch_size, fit.batches_per_epoch, key)?;
        self.fit_dataset(dataset.pool(&self.workflow.pool), fit, Validation::None, &mut [])
    }

    /// Trains on simulations that exist already: name → `[datasets, …]`.
    pub fn fit_offline(&mut self, data: Record, fit: Fit, validation: Validation) -> Result<History> {
        fit.check()?;
        let data = self.roles.repeat(&data)?;
        let dataset = OfflineDataset::new(data, fit.batch_size, self.workflow.key().fork("offline"))?;
        self.fit_dataset(dataset, fit, validation, &mut [])
    }

    /// Trains on the batches of any data set. Of sets, at most eight elements of each data set, chosen at random, are used in a
    /// step.
    pub fn fit_dataset(
        &mut self,
        dataset: impl Dataset + 'static,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<History> {
        let validation = match validation {
            Validation::None => Validation::None,
            Validation::Simulations(count) => {
                let data = self.workflow.simulate_as(count, "validation")?;
                Validation::Data(self.rows(&data)?.0)
            }
            Validation::Data(data) => Validation::Data(self.rows(&data)?.0),
        };
        if self.exchangeable {
            let key = self.workflow.key().fork("observations");
            let dataset = ObservationsDataset { dataset, roles: self.roles.clone(), key };
            return self.workflow.fit_dataset(dataset, fit, validation, callbacks, None);
        }
        self.workflow.fit_dataset(dataset, fit, validation, callbacks, None)
    }

    /// `ln q(x | θ)` of each data set on the original scale of the data, `[datasets]`; of sets, the sum over the elements.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        let (rows, owners) = self.rows(data)?;
        let each = self.workflow.log_prob(&rows)?;
        let Some(owners) = owners else { return Ok(each) };
        let mut sums = vec![0.0; data.datasets()?.unwrap_or(1)];
        owners.iter().zip(each).for_each(|(&owner, log_prob)| sums[owner] += log_prob);
        Ok(sums)
    }

    /// Data for each row of parameters (and conditions), a surrogate of the simulator: name → `[rows, draws, dim]`. Of sets, each
    /// draw is one element.
    pub fn sample(&self, parameters: &Record, draws: usize) -> Result<Record> {
        self.sample_from(parameters, draws, 0, self.workflow.seed())
    }

    /// As [`sample`](Self::sample), with the number of the first draw and a seed of its own.
    pub fn sample_from(&self, parameters: &Record, draws: usize, first_draw: u64, seed: u64) -> Result<Record> {
        let mut given = Record::new();
        let rows = parameters.datasets()?.unwrap_or(1);
        for key in self.roles.parameters.iter().chain(&self.roles.conditions) {
            given.insert(key.as_str(), super::roles::repeated(parameters.column(key)?, rows)?);
        }
        self.workflow.sample_from(&given, draws, first_draw, seed)
    }

    /// `count` fresh simulations: name → `[count, …]`.
    pub fn simulate(&self, count: usize) -> Result<Record> {
        self.workflow.simulate(count)
    }

    /// Whether data sets are sets whose elements are scored one by one.
    pub fn is_exchangeable(&self) -> bool {
        self.exchangeable
    }

    /// The roles of the variables: what is a parameter, what is data.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The workflow inside, whose inference variables are the data: for its description, history and files.
    pub fn workflow(&self) -> &BasicWorkflow {
        &self.workflow
    }

    /// The rows that the network scores, and the data set of each if it is not its own.
    fn rows(&self, data: &Record) -> Result<(Record, Option<Vec<usize>>)> {
        let data = self.roles.repeat(data)?;
        if !self.exchangeable {
            return Ok((data, None));
        }
        let (rows, owners) = observations(&data, &self.roles, Owners::All)?;
        Ok((rows, Some(owners)))
    }
}

impl BasicWorkflow {
    /// What a likelihood scores, and what it is given.
    fn roles_of_likelihood(&self) -> Roles {
        let names = |variables: &[VariableInfo]| variables.iter().map(|variable| variable.name.clone()).collect();
        Roles {
            parameters: names(self.data_variables()),
            data_variables: names(self.parameters()),
            kind: Some(if self.sets.is_empty() { Kind::Vector } else { Kind::Set }),
            ..Roles::default()
        }
    }

    /// Of data with sets whose elements are scored one by one, the first element of each set; other data as they are.
    pub(super) fn single_elements(&self, data: &Record) -> Result<Record> {
        if self.sets.is_empty() {
            return Ok(data.clone());
        }
        let (rows, owners) = observations(data, &self.roles_of_likelihood(), Owners::All)?;
        let first: Vec<usize> = (0..owners.len()).filter(|&row| row == 0 || owners[row] != owners[row - 1]).collect();
        rows.select(&first)
    }
}
