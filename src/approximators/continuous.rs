//! The approximator of a continuous posterior `q(θ | x)`: summary network, inference network, standardisation.
//!
//! ```text
//! summaries  h = H(x̃)                       (if there is a summary network)
//! condition  c = [inference_conditions; h]
//! loss         = mean over the batch of −ln q(θ̃ | c) · weight
//! log_prob   ln q(θ | x) = ln q(θ̃ | c) − Σ ln s + ln |det J_adapter|
//! ```
//!
//! `˜` marks standardised variables. (Radev et al. 2020, arXiv:2003.06281)

use serde::{Deserialize, Serialize};

use super::batch::{Batch, Matrix};
use super::standardizer::{Standardizer, Variable};
use super::trainable::{StepOutcome, Trainable};
use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::inference::BuiltInferenceNetwork;
use crate::networks::summary::{BuiltSummaryNetwork, SummaryInput};
use crate::networks::{InferenceChoice, SummaryChoice};
use crate::nn::{Pass, Stage};
use crate::optim::Adam;
use crate::parameters::{Builder, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

/// Rows that go through the inference network at once: few enough for the caches, many enough for the matrix products.
/// Results do not depend on it.
const ROWS_AT_ONCE: usize = 512;
/// Elements that go through the summary network at once.
const ELEMENTS_AT_ONCE: usize = 4096;

/// Configuration of the approximator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContinuousApproximator {
    /// The network that represents the distribution.
    pub inference_network: InferenceChoice,
    /// The network that learns summary statistics; needed when there are summary variables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary_network: Option<SummaryChoice>,
    /// The variables that are standardised.
    pub standardize: Vec<Variable>,
}

impl Default for ContinuousApproximator {
    fn default() -> Self {
        ContinuousApproximator {
            inference_network: InferenceChoice::default(),
            summary_network: None,
            standardize: vec![Variable::InferenceVariables],
        }
    }
}

/// Widths of the canonical variables that a model was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Width of the inference variables.
    pub inference_variables: usize,
    /// Width of the inference conditions; 0 when there are none.
    pub inference_conditions: usize,
    /// Features of the elements of the summary variables; 0 when there are none.
    pub summary_variables: usize,
}

impl Dimensions {
    /// The widths of a batch.
    pub fn of(batch: &Batch) -> Result<Self> {
        let width = |matrix: &Option<Matrix>| matrix.as_ref().map_or(0, |m| m.columns);
        let dimensions = Dimensions {
            inference_variables: width(&batch.inference_variables),
            inference_conditions: width(&batch.inference_conditions),
            summary_variables: batch.summary_variables.as_ref().map_or(0, |sets| sets.elements.columns),
        };
        match dimensions.inference_variables {
            0 => Err(Error::key(
                "inference_variables",
                "is missing or has no column; name the parameters to infer in the adapter",
            )),
            _ => Ok(dimensions),
        }
    }
}

impl ContinuousApproximator {
    /// Gives the networks weights for variables of the given widths.
    pub fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltContinuousApproximator> {
        let builder = Builder::new();
        let summary = match (&self.summary_network, dimensions.summary_variables) {
            (Some(network), 1..) => {
                Some(network.build(&builder.scope("summary_network"), dimensions.summary_variables)?)
            }
            (None, 0) => None,
            (Some(network), 0) => {
                let message = format!(
                    "the network {} has nothing to read; name summary_variables in the adapter or remove the network",
                    network.name()
                );
                return Err(Error::argument("summary_network", message));
            }
            (None, _) => {
                let message = "there are summary_variables but no network for them; choose one, such as DeepSet, or rename them to inference_conditions";
                return Err(Error::argument("summary_network", message));
            }
        };
        let condition = dimensions.inference_conditions + summary.as_ref().map_or(0, |s| s.summary_dimension());
        let scope = builder.scope("inference_network");
        let inference =
            self.inference_network.build(&scope, dimensions.inference_variables, condition, key.fork("structure"))?;
        Ok(BuiltContinuousApproximator {
            parameters: builder.finish(device, key.fork("weights"))?,
            standardizer: Standardizer::new(&self.standardize),
            tape: Tape::new(device),
            dimensions,
            summary,
            inference,
            scratch: Vec::new(),
        })
    }
}

/// A continuous approximator with weights on a device.
pub struct BuiltContinuousApproximator {
    parameters: Parameters,
    standardizer: Standardizer,
    dimensions: Dimensions,
    summary: Option<Box<dyn BuiltSummaryNetwork>>,
    inference: Box<dyn BuiltInferenceNetwork>,
    tape: Tape,
    scratch: Vec<f32>,
}

impl BuiltContinuousApproximator {
    /// The widths it was built for.
    pub fn dimensions(&self) -> Dimensions {
        self.dimensions
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

    /// `ln q` of each data set's inference variables in the adapter's network space, `[datasets]`: the network's density
    /// corrected for the standardisation, not yet for the adapter.
    pub fn log_prob(&self, batch: &Batch) -> Result<Vec<f64>> {
        let targets = batch.inference_variables.as_ref();
        let targets = targets.ok_or_else(|| {
            Error::key("inference_variables", "is missing; give the parameters whose density is asked for")
        })?;
        let correction = self.standardizer.moments(Variable::InferenceVariables).map_or(0.0, |m| m.log_scale());
        let condition = self.conditions(batch)?;
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::InferenceVariables, targets, &mut standardised)?;
        let (d, c) = (targets.columns, self.condition_dimension());
        let mut log_prob = Vec::with_capacity(batch.datasets);
        let mut tape = Tape::new(self.device());
        for start in (0..batch.datasets).step_by(ROWS_AT_ONCE) {
            let rows = ROWS_AT_ONCE.min(batch.datasets - start);
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let x = tape.values([rows, d], &standardised[start * d..(start + rows) * d]);
            let condition = (c > 0).then(|| tape.values([rows, c], &condition[start * c..(start + rows) * c]));
            let values = self.inference.log_prob(&pass, x, condition).value()?.values()?;
            log_prob.extend(values.into_iter().map(|v| f64::from(v) - correction));
        }
        Ok(log_prob)
    }

    /// Draws of the inference variables in the adapter's network space, `[datasets, draws, D]`.
    ///
    /// Draw `k` of data set `i` is a function of the key, `i` and `first_draw + k` alone.
    pub fn sample(&self, conditions: &Batch, draws: usize, first_draw: u64, key: Key) -> Result<Vec<f64>> {
        self.sample_block(conditions, 0, draws, first_draw, key)
    }

    /// As [`sample`](Self::sample) for data sets that are the `first_dataset`-th and following of a larger request.
    pub fn sample_block(
        &self,
        conditions: &Batch,
        first_dataset: usize,
        draws: usize,
        first_draw: u64,
        key: Key,
    ) -> Result<Vec<f64>> {
        let base = |dataset: usize, draw: usize, count: usize, out: &mut Vec<f32>| {
            let key = key.at((first_dataset + dataset) as u64);
            self.inference.base_draws(&self.parameters, key, first_draw + draw as u64, count, out)
        };
        self.sample_from(conditions, draws, base)
    }

    /// As [`sample`](Self::sample) with base draws of the caller's choice: `base(data set, first draw, count, out)` appends
    /// `count · D` numbers.
    pub fn sample_from(
        &self,
        conditions: &Batch,
        draws: usize,
        base: impl Fn(usize, usize, usize, &mut Vec<f32>) -> Result<()>,
    ) -> Result<Vec<f64>> {
        let (d, c) = (self.dimensions.inference_variables, self.condition_dimension());
        let condition = self.conditions(conditions)?;
        let total = conditions.datasets.checked_mul(draws).and_then(|n| n.checked_mul(d));
        let total = total.ok_or_else(|| {
            Error::argument(
                "draws",
                format!(
                    "{draws} draws of {} data sets are more than memory can hold; ask for fewer",
                    conditions.datasets
                ),
            )
        })?;
        let mut out: Vec<f64> = Vec::new();
        out.try_reserve_exact(total).map_err(|_| Error::argument("draws", format!("{draws} draws of {} data sets do not fit into memory; sample in parts with the number of the first draw", conditions.datasets)))?;
        let mut tape = Tape::new(self.device());
        let moments = self.standardizer.moments(Variable::InferenceVariables);
        let (mut latent, mut owners) = (Vec::new(), Vec::new());
        let mut pair = 0;
        while pair < conditions.datasets * draws {
            latent.clear();
            owners.clear();
            let end = (pair + ROWS_AT_ONCE).min(conditions.datasets * draws);
            let first = pair / draws;
            while pair < end {
                let (dataset, draw) = (pair / draws, pair % draws);
                let count = (draws - draw).min(end - pair);
                base(dataset, draw, count, &mut latent)?;
                owners.extend(std::iter::repeat_n((dataset - first) as u32, count));
                pair += count;
            }
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let rows = owners.len();
            let condition = match c {
                0 => None,
                _ => {
                    let datasets = owners.last().map_or(0, |&last| last as usize + 1);
                    let each = tape.values([datasets, c], &condition[first * c..(first + datasets) * c]);
                    let owners = tape.constant(Tensor::from_indices(self.device(), [rows], &owners)?);
                    Some(each.gather_rows(owners))
                }
            };
            let (x, _) = self.inference.inverse(&pass, tape.values([rows, d], &latent), condition);
            let values = x.value()?.values()?;
            out.extend(values.iter().enumerate().map(|(i, &v)| match moments {
                Some(moments) => moments.inverse(i % d, f64::from(v)),
                None => f64::from(v),
            }));
        }
        Ok(out)
    }

    /// Learned summary statistics, `[datasets, K]`; an error if there is no summary network.
    pub fn summaries(&self, batch: &Batch) -> Result<Matrix> {
        let (summary, sets) = match (&self.summary, &batch.summary_variables) {
            (Some(summary), Some(sets)) => (summary, sets),
            (None, _) => {
                return Err(Error::argument(
                    "summary_network",
                    "this model has none; its conditions are used as they are",
                ));
            }
            (_, None) => {
                return Err(Error::key("summary_variables", "is missing; give the data that the model was trained on"));
            }
        };
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::SummaryVariables, &sets.elements, &mut standardised)?;
        let features = sets.elements.columns;
        let mut values = Vec::new();
        let mut tape = Tape::new(self.device());
        let mut start = 0;
        while start < batch.datasets {
            let from = sets.offsets[start] as usize;
            let mut end = start + 1;
            while end < batch.datasets && sets.offsets[end + 1] as usize - from <= ELEMENTS_AT_ONCE {
                end += 1;
            }
            let to = sets.offsets[end] as usize;
            let offsets: Vec<u32> = sets.offsets[start..=end].iter().map(|o| o - from as u32).collect();
            tape.clear();
            let pass = Pass::inference(&tape, &self.parameters);
            let input = SummaryInput {
                elements: tape.values([to - from, features], &standardised[from * features..to * features]),
                offsets: tape.constant(Tensor::from_indices(self.device(), [offsets.len()], &offsets)?),
            };
            values.extend(summary.forward(&pass, input).value()?.values()?.into_iter().map(f64::from));
            start = end;
        }
        Ok(Matrix { columns: summary.summary_dimension(), values })
    }

    /// What the inference network is given for each data set: conditions, then summaries, `[datasets, C + K]`.
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.networks().expect_conditions(batch)?;
        let mut direct = Vec::new();
        if let Some(conditions) = &batch.inference_conditions {
            self.standardizer.forward(Variable::InferenceConditions, conditions, &mut direct)?;
        }
        if self.summary.is_none() {
            return Ok(direct);
        }
        let summaries = self.summaries(batch)?;
        let (c, k) = (self.dimensions.inference_conditions, summaries.columns);
        let mut joined = Vec::with_capacity(batch.datasets * (c + k));
        for dataset in 0..batch.datasets {
            joined.extend_from_slice(&direct[dataset * c..(dataset + 1) * c]);
            joined.extend(summaries.values[dataset * k..(dataset + 1) * k].iter().map(|&v| v as f32));
        }
        Ok(joined)
    }

    fn condition_dimension(&self) -> usize {
        self.dimensions.inference_conditions + self.summary.as_ref().map_or(0, |s| s.summary_dimension())
    }

    fn networks(&self) -> Networks<'_> {
        Networks {
            standardizer: &self.standardizer,
            dimensions: self.dimensions,
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
            dimensions: self.dimensions,
            summary: self.summary.as_deref(),
            inference: &*self.inference,
        };
        let pass = Pass::training(&self.tape, &self.parameters, key);
        let loss = networks.loss(&pass, batch, &mut self.scratch)?;
        let value = f64::from(loss.value()?.item()?);
        if !value.is_finite() {
            let origin = self.tape.first_not_finite()?.unwrap_or_else(|| "the loss".to_string());
            return Err(Error::not_finite(
                origin,
                format!("the loss is {value}; lower the learning rate or look for extreme simulations"),
            ));
        }
        let (gradients, states) = (pass.gradients(loss)?, pass.updates()?);
        let report = optimizer.step(&mut self.parameters, &gradients)?;
        self.parameters.update(&states)?;
        Ok(StepOutcome { loss: value, report })
    }

    fn loss(&self, batch: &Batch) -> Result<f64> {
        let tape = Tape::new(self.device());
        let pass = Pass::inference(&tape, &self.parameters).with(Stage::Validation, false);
        let loss = self.networks().loss(&pass, batch, &mut Vec::new())?;
        Ok(f64::from(loss.value()?.item()?))
    }
}

/// The parts that a pass needs besides weights.
struct Networks<'a> {
    standardizer: &'a Standardizer,
    dimensions: Dimensions,
    summary: Option<&'a dyn BuiltSummaryNetwork>,
    inference: &'a dyn BuiltInferenceNetwork,
}

impl Networks<'_> {
    /// `mean(−ln q(θ̃ | c) · weight)`, a scalar.
    fn loss<'t>(&self, pass: &Pass<'t>, batch: &Batch, scratch: &mut Vec<f32>) -> Result<Var<'t>> {
        let targets = batch.inference_variables.as_ref();
        let targets = targets.ok_or_else(|| {
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
        self.expect_conditions(batch)?;
        let tape = pass.tape();
        let mut upload = |variable: Variable, matrix: &Matrix| -> Result<Var<'t>> {
            self.standardizer.forward(variable, matrix, scratch)?;
            Ok(tape.values([matrix.rows(), matrix.columns], scratch))
        };
        let x = upload(Variable::InferenceVariables, targets)?;
        let direct = match &batch.inference_conditions {
            Some(matrix) => Some(upload(Variable::InferenceConditions, matrix)?),
            None => None,
        };
        let summaries = match (self.summary, &batch.summary_variables) {
            (Some(summary), Some(sets)) => {
                let elements = upload(Variable::SummaryVariables, &sets.elements)?;
                let offsets = tape.constant(Tensor::from_indices(tape.device(), [sets.offsets.len()], &sets.offsets)?);
                Some(summary.forward(pass, SummaryInput { elements, offsets }))
            }
            _ => None,
        };
        let condition = match (direct, summaries) {
            (Some(direct), Some(summaries)) => Some(direct.concatenate(&[summaries])),
            (direct, summaries) => direct.or(summaries),
        };
        let negative = -self.inference.log_prob(pass, x, condition);
        let weighted = match &batch.sample_weight {
            Some(weights) => {
                scratch.clear();
                scratch.extend(weights.iter().map(|&w| w as f32));
                negative * tape.values([weights.len()], scratch)
            }
            None => negative,
        };
        Ok(weighted.mean())
    }

    fn expect_conditions(&self, batch: &Batch) -> Result<()> {
        let expect = |key: &str, columns: Option<usize>, built: usize| match columns {
            None if built == 0 => Ok(()),
            Some(n) if n == built => Ok(()),
            None => Err(Error::key(key, "is missing; give the data that the model was trained on")),
            Some(n) => Err(Error::shape(
                key,
                format!("has {n} columns, the model was trained with {built}; give the same variables"),
            )),
        };
        let direct = batch.inference_conditions.as_ref().map(|m| m.columns);
        expect("inference_conditions", direct, self.dimensions.inference_conditions)?;
        let sets = batch.summary_variables.as_ref().map(|s| s.elements.columns);
        expect("summary_variables", sets, self.dimensions.summary_variables)
    }
}
