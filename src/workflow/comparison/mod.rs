//! Amortized model comparison: which of several simulators made a data set.

mod diagnosis;
mod predictions;

use std::sync::Arc;

pub use diagnosis::ComparisonDiagnosis;
pub use predictions::ModelPredictions;

use super::basic::Workflow;
use super::builder::WorkflowBuilder;
use super::defaults::Defaults;
use super::roles::Roles;
use crate::approximators::{ModelComparisonApproximator, Variable};
use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::nn::Mlp;
use crate::random::Key;
use crate::simulators::{ModelComparison, Request, Simulator};
use crate::workflow::{Fit, History, Validation};

/// The key of the one-hot rows that say which model made a data set.
pub(super) const MODEL_INDICES: &str = "model_indices";

/// A classifier of the model that made a data set: posterior model probabilities and Bayes factors in milliseconds.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// use ferroflow::simulators;
/// let models = [("line", simulators::find("linear-regression")?), ("moons", simulators::find("two-moons")?)];
/// let mut comparison = ComparisonWorkflow::for_simulators(models, 1)?;
/// comparison.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = comparison.simulate(10)?;
/// let predictions = comparison.predict(&observed)?;
/// println!("{predictions}");
/// comparison.diagnose(500)?.save("runs/comparison")?;
/// # Ok(())
/// # }
/// ```
pub struct ComparisonWorkflow {
    workflow: Workflow<ModelComparisonApproximator>,
}

impl ComparisonWorkflow {
    /// A comparison of named simulators that declare their variables and make the same data; each is as probable as the others.
    pub fn for_simulators<N: Into<String>, S: Simulator + 'static>(
        models: impl IntoIterator<Item = (N, S)>,
        seed: u64,
    ) -> Result<Self> {
        let models: Vec<(String, Arc<dyn Simulator>)> =
            models.into_iter().map(|(name, model)| (name.into(), Arc::new(model) as Arc<dyn Simulator>)).collect();
        let (first, rest) = match &models[..] {
            [first, rest @ ..] if !rest.is_empty() => (first, rest),
            _ => return Err(few(models.len())),
        };
        let roles = Roles::of_simulator(&*first.1)?;
        for (name, model) in rest {
            let other = Roles::of_simulator(&**model)?;
            if other.data_variables != roles.data_variables || other.kind != roles.kind {
                let message = format!(
                    "{} makes {} and {name} makes {}; models are compared on the same data, with the same names and kind",
                    first.0,
                    roles.data_variables.join(", "),
                    other.data_variables.join(", ")
                );
                return Err(Error::argument("models", message));
            }
        }
        ComparisonWorkflow::for_roles(models, &roles, seed)
    }

    /// A comparison of named simulators whose data and conditions have the given roles; parameters do not matter.
    pub fn for_roles(models: Vec<(String, Arc<dyn Simulator>)>, roles: &Roles, seed: u64) -> Result<Self> {
        if models.len() < 2 {
            return Err(few(models.len()));
        }
        let names: Vec<String> = models.iter().map(|(name, _)| name.clone()).collect();
        let simulator = ModelComparison::new(models.into_iter().map(|(_, model)| model));
        let example = simulator.sample(&Request::new(16, Key::new(seed).fork("example")))?;
        let builder = builder(Some(Arc::new(simulator)), names, roles, &example, true)?;
        Ok(ComparisonWorkflow { workflow: builder.seed(seed).build()? })
    }

    /// A comparison on simulations that exist already, the data sets of each model in a record of its own; returned with the data for
    /// [`fit_offline`](Self::fit_offline).
    pub fn from_simulations(simulations: Vec<(String, Record)>, roles: &Roles, seed: u64) -> Result<(Self, Record)> {
        let (names, data) = together(simulations, roles)?;
        let example = data.select(&(0..data.datasets()?.unwrap_or(0).min(16)).collect::<Vec<_>>())?;
        let workflow = builder(None, names, roles, &example, false)?.seed(seed).build()?;
        Ok((ComparisonWorkflow { workflow }, data))
    }

    /// Changes how the workflow is built before it is trained: networks, threads, device, checkpoints.
    pub fn configure(
        mut self,
        change: impl FnOnce(WorkflowBuilder<ModelComparisonApproximator>) -> WorkflowBuilder<ModelComparisonApproximator>,
    ) -> Result<Self> {
        self.workflow = change(WorkflowBuilder::of(&self.workflow)).build()?;
        Ok(self)
    }

    /// A trained comparison from a model file.
    pub fn load(path: impl Into<std::path::PathBuf>, device: Device) -> Result<Self> {
        Ok(ComparisonWorkflow { workflow: Workflow::load(path, None, device)? })
    }

    /// The same comparison on another device, with the same weights if it has any.
    pub fn move_to(self, device: Device) -> Result<Self> {
        Ok(ComparisonWorkflow { workflow: self.workflow.move_to(device)? })
    }

    /// Writes the trained model to a file.
    pub fn save(&self, path: impl Into<std::path::PathBuf>) -> Result<()> {
        self.workflow.save(path)
    }

    /// Trains on fresh simulations of random models in every step.
    pub fn fit_online(&mut self, fit: Fit) -> Result<History> {
        self.workflow.fit_online(fit)
    }

    /// Trains on simulations that exist already, with [`model_indices`](crate::simulators::ModelComparison) `[datasets, models]`.
    pub fn fit_offline(&mut self, data: Record, fit: Fit, validation: Validation) -> Result<History> {
        self.workflow.fit_offline_with(data, fit, validation, &mut [], None)
    }

    /// Posterior model probabilities of observed data sets.
    pub fn predict(&self, observed: &Record) -> Result<ModelPredictions> {
        self.workflow.predict(observed)
    }

    /// `count` fresh data sets of random models, with `model_indices`.
    pub fn simulate(&self, count: usize) -> Result<Record> {
        self.workflow.simulate(count)
    }

    /// Examines the classifier on `count` fresh data sets: calibration, confusion, accuracy.
    pub fn diagnose(&self, count: usize) -> Result<ComparisonDiagnosis> {
        self.diagnose_on(&self.workflow.simulate_as(count, "diagnose")?)
    }

    /// Examines the classifier on data sets whose models are known.
    pub fn diagnose_on(&self, data: &Record) -> Result<ComparisonDiagnosis> {
        ComparisonDiagnosis::of(self, data)
    }

    /// The names of the models.
    pub fn models(&self) -> Vec<String> {
        self.workflow.models()
    }

    /// The workflow inside: for its description, history and typicality of observed data.
    pub fn workflow(&self) -> &Workflow<ModelComparisonApproximator> {
        &self.workflow
    }

    /// The workflow inside, to be trained with watchers.
    pub fn workflow_mut(&mut self) -> &mut Workflow<ModelComparisonApproximator> {
        &mut self.workflow
    }
}

impl WorkflowBuilder<ModelComparisonApproximator> {
    /// The network in front of the logits.
    pub fn classifier_network(mut self, network: Mlp) -> Self {
        self.approximator.classifier_network = network;
        self
    }
}

/// A builder with networks that suit the data.
fn builder(
    simulator: Option<Arc<dyn Simulator>>,
    models: Vec<String>,
    roles: &Roles,
    example: &Record,
    fresh: bool,
) -> Result<WorkflowBuilder<ModelComparisonApproximator>> {
    let roles = Roles {
        parameters: vec![MODEL_INDICES.to_string()],
        conditions: roles.conditions.iter().filter(|key| example.contains(key)).cloned().collect(),
        lower: Default::default(),
        upper: Default::default(),
        ..roles.clone()
    };
    let defaults = Defaults::for_roles(&roles, example)?;
    let defaults = if fresh { defaults.for_fresh_simulations() } else { defaults };
    let standardize = defaults.approximator.standardize.iter().copied();
    let mut approximator = ModelComparisonApproximator {
        summary_network: defaults.approximator.summary_network,
        standardize: standardize.filter(|variable| *variable != Variable::InferenceVariables).collect(),
        models,
        ..ModelComparisonApproximator::default()
    };
    if fresh {
        approximator.classifier_network.dropout = 0.0;
    }
    Ok(WorkflowBuilder::new(simulator).adapter(defaults.adapter).approximator(approximator))
}

/// The data sets of all models in one record, with `model_indices`.
fn together(simulations: Vec<(String, Record)>, roles: &Roles) -> Result<(Vec<String>, Record)> {
    if simulations.len() < 2 {
        return Err(few(simulations.len()));
    }
    let models = simulations.len();
    let (mut names, mut parts) = (Vec::with_capacity(models), Vec::with_capacity(models));
    for (model, (name, data)) in simulations.into_iter().enumerate() {
        let rows = data.datasets()?.unwrap_or(0);
        let mut part = Record::new();
        for key in roles.data_variables.iter().chain(&roles.conditions) {
            let column = data.column(key).map_err(|e| Error::argument("simulations", format!("{name}: {e}")))?;
            part.insert(key.as_str(), super::roles::repeated(column, rows)?);
        }
        let one_hot = (0..rows * models).map(|i| i64::from(i % models == model)).collect();
        part.insert(MODEL_INDICES, Column::dense(Array::i64([rows, models], one_hot)?));
        names.push(name);
        parts.push(part);
    }
    Ok((names, Record::concatenate(&parts)?))
}

fn few(count: usize) -> Error {
    Error::argument("models", format!("{count} was given; name at least two to compare"))
}
