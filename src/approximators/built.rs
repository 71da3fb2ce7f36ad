//! An approximator with weights: its parts, and how it is trained.

use super::Dimensions;
use super::batch::{Batch, Matrix, Sets};
use super::objective::{Inputs, Objective};
use super::standardizer::{Standardizer, Variable};
use super::trainable::{StepOutcome, Trainable};
use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::summary::SummaryInput;
use crate::nn::{Pass, Stage};
use crate::optim::Adam;
use crate::parameters::{Gradients, Parameters, Weight};
use crate::random::Key;
use crate::tensor::Tensor;

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

/// An approximator with weights on a device. What its networks are and what they learn is the objective.
pub struct BuiltApproximator<O> {
    pub(super) parameters: Parameters,
    pub(super) standardizer: Standardizer,
    pub(super) dimensions: Dimensions,
    pub(super) objective: O,
    pub(super) tape: Tape,
    pub(super) scratch: Vec<f32>,
}

impl<O: Objective> BuiltApproximator<O> {
    /// The widths it was built for.
    pub fn dimensions(&self) -> &Dimensions {
        &self.dimensions
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.parameters.device()
    }

    /// The networks, layer by layer, for people: a title and several lines for each.
    pub fn describe(&self) -> Vec<(&'static str, String)> {
        self.objective.describe()
    }

    /// The loss of a batch with its gradients, dropout switched off: with respect to all weights, and with respect to the
    /// values of the canonical variables (before standardisation).
    pub fn loss_gradients(&self, batch: &Batch) -> Result<LossGradients> {
        self.loss_gradients_of(batch, |objective, pass, inputs| objective.loss(pass, inputs))
    }

    /// As [`loss_gradients`](Self::loss_gradients) of another loss of the same networks.
    pub(super) fn loss_gradients_of(
        &self,
        batch: &Batch,
        loss: impl for<'t> FnOnce(&O, &Pass<'t>, &Inputs<'_, 't>) -> Result<Var<'t>>,
    ) -> Result<LossGradients> {
        let tape = Tape::new(self.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, true);
        let mut inputs = Vec::new();
        let reading = Reading { standardizer: &self.standardizer, dimensions: &self.dimensions };
        let loss = reading.with_inputs(&pass, batch, &mut Vec::new(), Some(&mut inputs), |pass, inputs| {
            loss(&self.objective, pass, inputs)
        })?;
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
}

impl<O: Objective> BuiltApproximator<O> {
    /// The loss of a batch, its gradients, and the states that the networks change to. `check` sees the loss before the gradients
    /// are computed.
    fn learn(
        &mut self,
        batch: &Batch,
        key: Key,
        check: impl FnOnce(&Tape, &Tensor) -> Result<()>,
    ) -> Result<(Tensor, Gradients, Vec<(Weight, Tensor)>)> {
        self.standardizer.update(batch)?;
        self.tape.clear();
        let pass = Pass::training(&self.tape, &self.parameters, key);
        let reading = Reading { standardizer: &self.standardizer, dimensions: &self.dimensions };
        let objective = &self.objective;
        let loss =
            reading.with_inputs(&pass, batch, &mut self.scratch, None, |pass, inputs| objective.loss(pass, inputs))?;
        let value = loss.value()?;
        check(&self.tape, &value)?;
        let learnt = (value, pass.gradients(loss)?, pass.updates()?);
        self.objective.weights_change();
        Ok(learnt)
    }
}

impl<O: Objective> Trainable for BuiltApproximator<O> {
    fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut Parameters {
        self.objective.weights_change();
        &mut self.parameters
    }

    fn standardizer(&self) -> &Standardizer {
        &self.standardizer
    }

    fn standardizer_mut(&mut self) -> &mut Standardizer {
        &mut self.standardizer
    }

    fn train_step(&mut self, batch: &Batch, optimizer: &mut Adam, key: Key) -> Result<StepOutcome> {
        let mut loss = 0.0;
        let (_, gradients, states) = self.learn(batch, key, |tape, value| {
            loss = f64::from(value.item()?);
            if loss.is_finite() {
                return Ok(());
            }
            let origin = tape.first_not_finite()?.unwrap_or_else(|| "the loss".to_string());
            Err(Error::not_finite(
                origin,
                format!("the loss is {loss}; lower the learning rate or look for extreme simulations"),
            ))
        })?;
        let report = optimizer.step(&mut self.parameters, &gradients)?;
        self.parameters.update(&states)?;
        Ok(StepOutcome { loss, report })
    }

    fn start_step(&mut self, batch: &Batch, optimizer: &mut Adam, key: Key) -> Result<()> {
        let (loss, gradients, states) = self.learn(batch, key, |_, _| Ok(()))?;
        optimizer.start_step(&mut self.parameters, &gradients, &loss)?;
        self.parameters.update(&states)?;
        self.device().flush()
    }

    fn loss(&self, batch: &Batch) -> Result<f64> {
        let tape = Tape::new(self.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, false);
        let reading = Reading { standardizer: &self.standardizer, dimensions: &self.dimensions };
        let loss = reading
            .with_inputs(&pass, batch, &mut Vec::new(), None, |pass, inputs| self.objective.loss(pass, inputs))?;
        Ok(f64::from(loss.value()?.item()?))
    }
}

/// How batches come onto a tape.
struct Reading<'a> {
    standardizer: &'a Standardizer,
    dimensions: &'a Dimensions,
}

/// The variables of a tape that a batch became, with their names.
type Uploaded<'t> = Vec<(Variable, String, Var<'t>)>;

impl Reading<'_> {
    /// Calls `then` with the standardised variables of a batch. With `inputs` they are inputs of the tape, which are added to
    /// it, else constants.
    fn with_inputs<'t>(
        &self,
        pass: &Pass<'t>,
        batch: &Batch,
        scratch: &mut Vec<f32>,
        mut inputs: Option<&mut Uploaded<'t>>,
        then: impl FnOnce(&Pass<'t>, &Inputs<'_, 't>) -> Result<Var<'t>>,
    ) -> Result<Var<'t>> {
        let targets = self.targets(batch)?;
        let tape = pass.tape();
        let mut upload = |variable: Variable, name: &str, matrix: &Matrix| -> Result<Var<'t>> {
            self.standardizer.forward(variable, name, matrix, scratch)?;
            let shape = [matrix.rows(), matrix.columns];
            let Some(inputs) = &mut inputs else { return Ok(tape.values(shape, scratch)) };
            let input = tape.input(Tensor::from_values(tape.device(), shape, scratch)?);
            inputs.push((variable, name.to_string(), input));
            Ok(input)
        };
        let targets = upload(Variable::InferenceVariables, "", targets)?;
        let conditions = match &batch.inference_conditions {
            Some(matrix) => Some(upload(Variable::InferenceConditions, "", matrix)?),
            None => None,
        };
        let mut input = |sets: &Sets| -> Result<SummaryInput<'t>> {
            let elements = upload(Variable::SummaryVariables, &sets.name, &sets.elements)?;
            let offsets = tape.constant(Tensor::from_indices(tape.device(), [sets.offsets.len()], &sets.offsets)?);
            Ok(SummaryInput { grid: sets.grid, ..SummaryInput::new(elements, offsets) })
        };
        // A single input, the usual case, needs no list.
        let (one, several);
        let summary_variables: &[SummaryInput<'t>] = match &batch.summary_variables[..] {
            [] => &[],
            [sets] => {
                one = [input(sets)?];
                &one
            }
            sets => {
                several = sets.iter().map(input).collect::<Result<Vec<_>>>()?;
                &several
            }
        };
        let weight = batch.sample_weight.as_ref().map(|weights| {
            scratch.clear();
            scratch.extend(weights.iter().map(|&w| w as f32));
            tape.values([weights.len()], scratch)
        });
        then(pass, &Inputs { targets, conditions, summary_variables, weight })
    }

    /// The targets of a batch that fits the model.
    fn targets<'b>(&self, batch: &'b Batch) -> Result<&'b Matrix> {
        let targets = batch.inference_variables.as_ref().ok_or_else(|| {
            Error::key("inference_variables", "is missing; training needs the parameters of each data set")
        })?;
        if targets.columns != self.dimensions.inference_variables {
            return Err(Error::shape(
                "inference_variables",
                format!(
                    "has {} columns, the model {}; train with the variables it was built for",
                    targets.columns, self.dimensions.inference_variables
                ),
            ));
        }
        if batch.datasets == 0 {
            return Err(Error::argument("batch", "holds no data set; give at least one"));
        }
        self.dimensions.expect_conditions(batch)?;
        Ok(targets)
    }
}
