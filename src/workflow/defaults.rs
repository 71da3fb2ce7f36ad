//! Sensible choices for a study: adapter, networks, standardisation and length of the training.

use super::basic::BasicWorkflow;
use super::builder::WorkflowBuilder;
use super::fit::{Fit, offline_epochs};
use super::roles::Roles;
use crate::adapters::{Adapter, lower};
use crate::approximators::{ContinuousApproximator, Variable};
use crate::codecs::Dtype;
use crate::data::Record;
use crate::error::Result;
use crate::io::DensityOf;
use crate::networks::summary::{ConvolutionalNetwork, TimeSeriesNetwork};
use crate::networks::{CouplingFlow, DeepSet, SummaryChoice};
use crate::ops::Spline;
use crate::simulators::{Kind, LinearRegression, Simulator};

/// Bins of the splines.
const SPLINE_BINS: usize = 8;

/// What is used where nothing else is asked for.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The adapter.
    pub adapter: Adapter,
    /// Networks and standardisation.
    pub approximator: ContinuousApproximator,
    /// Length of the training.
    pub fit: Fit,
    /// What was chosen and why, a sentence each.
    pub notes: Vec<String>,
}

impl Defaults {
    /// The choices for simulations such as `example` with their roles. Sets are read by a deep set, series by a network of
    /// convolution and recurrence, images by a convolutional network; vectors and conditions are given to a coupling flow
    /// directly; everything is standardised.
    pub fn for_roles(roles: &Roles, example: &Record) -> Result<Self> {
        let (adapter, kind) = roles.adapter(example)?;
        let mut standardize = vec![Variable::InferenceVariables];
        let summary_network: Option<SummaryChoice> = match kind {
            Kind::Vector => None,
            Kind::Set => Some(DeepSet::default().into()),
            Kind::Series => Some(TimeSeriesNetwork::default().into()),
            Kind::Image => Some(ConvolutionalNetwork::default().into()),
        };
        let data = match kind {
            Kind::Vector => "vectors",
            Kind::Set => "sets",
            Kind::Series => "series",
            Kind::Image => "images",
        };
        let reader =
            summary_network.as_ref().map(|network| format!(", read by the summary network {}", network.name()));
        let mut notes = vec![format!(
            "the data are {data}{}; the posterior is a coupling flow with splines",
            reader.unwrap_or(", given to the inference network as they are".into())
        )];
        notes.extend(roles.treatment_of_missing(example, kind)?.notes());
        if summary_network.is_some() {
            standardize.push(Variable::SummaryVariables);
        }
        if kind == Kind::Vector || !roles.conditions.is_empty() {
            standardize.push(Variable::InferenceConditions);
        }
        let transform = Spline { bins: SPLINE_BINS, ..Spline::default() }.into();
        let flow = CouplingFlow { transform, ..CouplingFlow::default() };
        let approximator = ContinuousApproximator {
            inference_network: flow.into(),
            summary_network,
            summary_distribution: None,
            standardize,
        };
        let fit = Fit { epochs: 50, batches_per_epoch: 200, ..Fit::default() };
        Ok(Defaults { adapter, approximator, fit, notes })
    }

    /// The choices for the likelihood of data such as `example`, a row for each observation: a coupling flow with splines of the data
    /// given parameters and conditions. Bounded parameters are mapped to the whole line, and everything is standardised.
    pub fn for_likelihood(roles: &Roles, example: &Record) -> Result<Self> {
        let defaults = Defaults::for_roles(&roles.exchanged(), example)?;
        let notes = vec!["the likelihood is a coupling flow with splines".to_string()];
        Ok(Defaults { adapter: roles.likelihood_adapter(), notes, ..defaults }.for_fresh_simulations())
    }

    /// These choices for training on fresh simulations in every step: they cannot be learned by heart, so dropout would only
    /// blur the posterior.
    pub fn for_fresh_simulations(mut self) -> Self {
        self.approximator.inference_network.set_dropout(0.0);
        self.approximator.summary_network.iter_mut().for_each(|network| network.set_dropout(0.0));
        self.notes.push("no dropout, because no simulation is seen twice".into());
        self
    }

    /// These choices for training on a number of simulations that exist already, with [`Fit::for_simulations`].
    pub fn for_fixed_simulations(mut self, count: usize) -> Self {
        self.fit = Fit { batches_per_epoch: self.fit.batches_per_epoch, ..Fit::for_simulations(count) };
        let Fit { batch_size, patience, reductions, .. } = self.fit;
        self.notes.push(format!(
            "batches of {batch_size}; when the validation loss stands still for {} epochs, training goes back to the best weights and \
             on with a quarter of the learning rate, {reductions} times",
            patience.unwrap_or(0)
        ));
        self
    }

    /// The choices for a simulator that declares its variables.
    pub fn for_simulator(simulator: &dyn Simulator, example: &Record) -> Result<Self> {
        let mut defaults = Defaults::for_roles(&Roles::of_simulator(simulator)?, example)?;
        if simulator.name() == LinearRegression::default().name() {
            defaults.adapter = linear_regression_adapter();
            defaults.approximator.standardize = vec![Variable::InferenceVariables, Variable::SummaryVariables];
            defaults.approximator.inference_network = CouplingFlow::default().into();
            defaults.fit = Fit::for_regression();
            defaults.notes = vec!["networks and length of the training are those of the tutorial".into()];
        }
        Ok(defaults)
    }

    /// Epochs for a number of simulations that exist already: about twenty thousand steps in 10 to 100 epochs.
    pub fn offline_epochs(datasets: usize, batch_size: usize) -> usize {
        offline_epochs(datasets, batch_size)
    }
}

/// The adapter of the linear-regression tutorial: sets of `x` and `y`, a positive `sigma`, and `√N` beside the data.
pub fn linear_regression_adapter() -> Adapter {
    Adapter::new()
        .broadcast("N", "x")
        .as_set(["x", "y"])
        .constrain("sigma", lower(0.0))
        .sqrt("N")
        .convert_dtype(Dtype::F64, Dtype::F32)
        .concatenate(["beta", "sigma"], "inference_variables")
        .concatenate(["x", "y"], "summary_variables")
        .rename("N", "inference_conditions")
}

impl BasicWorkflow {
    /// A workflow around a simulator that declares its variables, with the [`Defaults`] for it.
    pub fn for_simulator(simulator: impl Simulator + 'static) -> Result<WorkflowBuilder> {
        let defaults = Defaults::for_simulator(&simulator, &simulator.simulate(2, 0)?)?;
        let defaults = defaults.for_fresh_simulations();
        let builder = BasicWorkflow::new(simulator).adapter(defaults.adapter);
        Ok(builder.approximator(defaults.approximator).notes(defaults.notes).density_of(DensityOf::Parameters))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_follow_the_number_of_simulations() {
        assert_eq!(Defaults::offline_epochs(1_000, 32), 100);
        assert_eq!(Defaults::offline_epochs(10_000, 32), 63);
        assert_eq!(Defaults::offline_epochs(1_000_000, 32), 10);
        assert_eq!(Defaults::offline_epochs(0, 0), 100);
    }
}
