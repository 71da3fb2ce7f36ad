//! The approximator with weights: its parts, and how it is trained.

use std::sync::{Mutex, PoisonError};

use super::Dimensions;
use super::loss::Networks;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::{Standardizer, Variable};
use crate::approximators::trainable::{StepOutcome, Trainable};
use crate::autodiff::Tape;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::inference::BuiltInferenceNetwork;
use crate::networks::summary::BuiltSummaryNetwork;
use crate::nn::{Pass, Stage};
use crate::ops::fused_flow::FusedFlow;
use crate::optim::Adam;
use crate::parameters::{Gradients, Parameters};
use crate::random::Key;

/// A loss and its gradients.
#[derive(Debug)]
pub struct LossGradients {
    /// The loss.
    pub loss: f64,
    /// With respect to the weights.
    pub weights: Gradients,
    /// With respect to the canonical variables that the batch holds, in the order in which they are used; the name tells the
    /// inputs of a fusion network apart.
    pub variables: Vec<(Variable, String, Matrix)>,
}

/// A continuous approximator with weights on a device.
pub struct BuiltContinuousApproximator {
    pub(super) parameters: Parameters,
    pub(super) standardizer: Standardizer,
    pub(super) dimensions: Dimensions,
    pub(super) summary: Option<Box<dyn BuiltSummaryNetwork>>,
    pub(super) inference: Box<dyn BuiltInferenceNetwork>,
    pub(super) tape: Tape,
    pub(super) scratch: Vec<f32>,
    /// The inference network with packed weights; none where it is still to be packed, `Some(None)` where it cannot be.
    pub(super) fused: Mutex<Option<Option<FusedFlow>>>,
}

impl BuiltContinuousApproximator {
    /// The widths it was built for.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// The inference network.
    pub fn inference_network(&self) -> &dyn BuiltInferenceNetwork {
        &*self.inference
    }

    /// The summary network.
    pub fn summary_network(&self) -> Option<&dyn BuiltSummaryNetwork> {
        self.summary.as_deref()
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.parameters.device()
    }

    /// The loss of a batch with its gradients, dropout switched off: with respect to all weights, and with respect to the
    /// values of the canonical variables (before standardisation).
    pub fn loss_gradients(&self, batch: &Batch) -> Result<LossGradients> {
        let tape = Tape::new(self.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, true);
        let mut inputs = Vec::new();
        let loss = self.networks().loss(&pass, batch, &mut Vec::new(), Some(&mut inputs))?;
        let weights = pass.gradients(loss)?;
        let mut variables = Vec::new();
        for (variable, name, input) in inputs {
            let gradient = tape.gradient(input)?;
            let columns = gradient.shape().last();
            let moments = self.standardizer.moments(variable, &name);
            let scaled = gradient.values()?.into_iter().enumerate();
            let values =
                scaled.map(|(i, g)| f64::from(g) / moments.map_or(1.0, |m| m.deviation(i % columns))).collect();
            variables.push((variable, name, Matrix { columns, values }));
        }
        Ok(LossGradients { loss: f64::from(loss.value()?.item()?), weights, variables })
    }

    /// The weights are about to change.
    fn forget_packed(&mut self) {
        *self.fused.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn networks(&self) -> Networks<'_> {
        Networks {
            standardizer: &self.standardizer,
            dimensions: &self.dimensions,
            summary: self.summary.as_deref(),
            inference: &*self.inference,
        }
    }
}

impl Trainable for BuiltContinuousApproximator {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.forget_packed();
        &mut self.parameters
    }

    fn standardizer(&self) -> &Standardizer {
        &self.standardizer
    }

    fn standardizer_mut(&mut self) -> &mut Standardizer {
        &mut self.standardizer
    }

    fn train_step(&mut self, batch: &Batch, optimizer: &mut Adam, key: Key) -> Result<StepOutcome> {
        self.standardizer.update(batch)?;
        self.tape.clear();
        let networks = Networks {
            standardizer: &self.standardizer,
            dimensions: &self.dimensions,
            summary: self.summary.as_deref(),
            inference: &*self.inference,
        };
        let pass = Pass::training(&self.tape, &self.parameters, key);
        let loss = networks.loss(&pass, batch, &mut self.scratch, None)?;
        let value = f64::from(loss.value()?.item()?);
        if !value.is_finite() {
            let origin = self.tape.first_not_finite()?.unwrap_or_else(|| "the loss".to_string());
            return Err(Error::not_finite(
                origin,
                format!("the loss is {value}; lower the learning rate or look for extreme simulations"),
            ));
        }
        let (gradients, states) = (pass.gradients(loss)?, pass.updates()?);
        self.forget_packed();
        let report = optimizer.step(&mut self.parameters, &gradients)?;
        self.parameters.update(&states)?;
        Ok(StepOutcome { loss: value, report })
    }

    fn loss(&self, batch: &Batch) -> Result<f64> {
        let tape = Tape::new(self.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, false);
        let loss = self.networks().loss(&pass, batch, &mut Vec::new(), None)?;
        Ok(f64::from(loss.value()?.item()?))
    }
}
