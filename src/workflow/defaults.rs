//! Sensible choices for a study: adapter, networks, standardisation and length of the training.

use super::basic::BasicWorkflow;
use super::builder::WorkflowBuilder;
use super::fit::Fit;
use super::roles::Roles;
use crate::adapters::{Adapter, lower};
use crate::approximators::{ContinuousApproximator, Variable};
use crate::codecs::Dtype;
use crate::data::Record;
use crate::error::Result;
use crate::networks::summary::{ConvolutionalNetwork, TimeSeriesNetwork};
use crate::networks::{CouplingFlow, DeepSet, SummaryChoice};
use crate::nn::Mlp;
use crate::simulators::{Kind, LinearRegression, Simulator};

/// Training steps that a fit on simulations that exist already aims at, and the limits of its epochs.
const OFFLINE_STEPS: usize = 20_000;
const OFFLINE_EPOCHS: (usize, usize) = (10, 100);

/// What is used where nothing else is asked for.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// The adapter.
    pub adapter: Adapter,
    /// Networks and standardisation.
    pub approximator: ContinuousApproximator,
    /// Length of the training.
    pub fit: Fit,
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
        if summary_network.is_some() {
            standardize.push(Variable::SummaryVariables);
        }
        if kind == Kind::Vector || !roles.conditions.is_empty() {
            standardize.push(Variable::InferenceConditions);
        }
        let approximator =
            ContinuousApproximator { inference_network: CouplingFlow::default().into(), summary_network, standardize };
        Ok(Defaults { adapter, approximator, fit: Fit { epochs: 50, batches_per_epoch: 200, ..Fit::default() } })
    }

    /// The choices for a simulator that declares its variables.
    pub fn for_simulator(simulator: &dyn Simulator, example: &Record) -> Result<Self> {
        let mut defaults = Defaults::for_roles(&Roles::of_simulator(simulator)?, example)?;
        if simulator.name() == LinearRegression::default().name() {
            defaults.adapter = linear_regression_adapter();
            defaults.approximator.standardize = vec![Variable::InferenceVariables, Variable::SummaryVariables];
            // Fresh simulations in every step cannot be learned by heart: dropout would only blur the posterior.
            let subnet = Mlp { dropout: 0.0, ..Mlp::for_couplings() };
            defaults.approximator.inference_network = CouplingFlow { subnet, ..CouplingFlow::default() }.into();
            defaults.approximator.summary_network = Some(DeepSet { dropout: 0.0, ..DeepSet::default() }.into());
            defaults.fit = Fit::for_regression();
        }
        Ok(defaults)
    }

    /// Epochs for a number of simulations that exist already: about twenty thousand steps in 10 to 100 epochs.
    pub fn offline_epochs(datasets: usize, batch_size: usize) -> usize {
        let (fewest, most) = OFFLINE_EPOCHS;
        (OFFLINE_STEPS / datasets.div_ceil(batch_size.max(1)).max(1)).clamp(fewest, most)
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
        let builder = BasicWorkflow::new(simulator).adapter(defaults.adapter);
        Ok(builder.approximator(defaults.approximator))
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
