//! Adam and AdamW with clipping, and Muon for the weights of hidden layers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::error::{Error, Result};
use crate::ops::update::{AdamArguments, ClippingArguments, MuonArguments, adam, clipping, muon, square_norms};
use crate::parameters::{Gradients, Layout, Parameters};
use crate::tensor::Tensor;

/// How gradients are limited before a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "norm", rename_all = "kebab-case")]
pub enum Clipping {
    /// Not at all.
    None,
    /// All gradients are scaled together so that their common norm is at most this (Pascanu et al. 2013, arXiv:1211.5063).
    Global(f64),
    /// Each weight's gradient is scaled on its own so that its norm is at most this: what the peer calls `clipnorm`.
    PerTensor(f64),
}

/// How the weights of hidden layers are changed: all trainable matrices whose rows and columns are at least
/// [`SMALLEST_SIDE`]. All other weights are Adam's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matrices {
    /// As all others, by Adam.
    #[default]
    Adam,
    /// By Muon: with orthogonalised momentum (Jordan et al. 2024). A step costs more, and learns more from the same
    /// simulations. The same learning rates suit as for Adam.
    Muon,
}

/// Matrices with fewer rows or columns are left to Adam.
pub const SMALLEST_SIDE: usize = 8;

/// Configuration of Adam (Kingma & Ba 2015) and, with weight decay, AdamW (Loshchilov & Hutter 2019).
///
/// ```text
/// θ ← θ − lr · weight_decay · θ                      (all weights, before the update)
/// m ← m + (1 − β₁)(g − m);   v ← v + (1 − β₂)(g² − v)
/// θ ← θ − lr √(1 − β₂ᵗ)/(1 − β₁ᵗ) · m/(√v + ε)       (t = 1, 2, …; ε outside of the bias correction)
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Optimizer {
    /// Decay of the first moment, `β₁`.
    pub beta1: f64,
    /// Decay of the second moment, `β₂`.
    pub beta2: f64,
    /// `ε`.
    pub epsilon: f64,
    /// Decoupled weight decay; 0 is plain Adam.
    pub weight_decay: f64,
    /// Clipping of the gradients.
    pub clipping: Clipping,
    /// How the weights of hidden layers are changed.
    pub matrices: Matrices,
}

impl Default for Optimizer {
    fn default() -> Self {
        Optimizer {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-7,
            weight_decay: 0.0,
            clipping: Clipping::Global(1.5),
            matrices: Matrices::Adam,
        }
    }
}

impl Optimizer {
    /// AdamW as for training on a fixed set of simulations: weight decay 5·10⁻³.
    pub fn for_fixed_data() -> Self {
        Optimizer { weight_decay: 5e-3, ..Optimizer::default() }
    }

    /// The optimizer for the weights of a model, at step 0.
    pub fn build(self, schedule: Schedule, parameters: &Parameters) -> Result<Adam> {
        let device = parameters.device();
        let layout = parameters.layout();
        let mut offsets: Vec<u32> = layout.trainable_ranges().map(|(_, range)| range.start as u32).collect();
        let segments = offsets.len();
        offsets.push(layout.trainable_length() as u32);
        let mut matrices = Vec::new();
        let mut others = vec![0; segments];
        if self.matrices == Matrices::Muon {
            for (segment, (named, range)) in layout.trainable_ranges().enumerate() {
                if let [rows, columns] = *named.shape.axes()
                    && rows.min(columns) >= SMALLEST_SIDE
                {
                    matrices.extend([segment, range.start, rows, columns].map(|word| word as u32));
                    others[segment] = 1;
                }
            }
        }
        let zeros = || Tensor::zeros(device, parameters.trainable().shape());
        Ok(Adam {
            options: self,
            schedule,
            step: 0,
            rate_factor: 1.0,
            layout: layout.clone(),
            first: zeros()?,
            second: zeros()?,
            offsets: Tensor::from_indices(device, [offsets.len()], &offsets)?,
            sums: Tensor::zeros(device, [segments].into())?,
            clip: Tensor::full(device, [segments].into(), 1.0)?,
            matrices: Tensor::from_indices(device, [matrices.len() / 4, 4], &matrices)?,
            others: Tensor::from_indices(device, [segments], &others)?,
            no_loss: Tensor::zeros(device, [1].into())?,
            reports: Tensor::zeros(device, [MOST_STARTED, REPORT].into())?,
            started: Vec::with_capacity(MOST_STARTED),
        })
    }
}

/// Most steps that may be started before their reports are read.
pub const MOST_STARTED: usize = 16;
/// Numbers of a report.
const REPORT: usize = 2;

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The learning rate that was used.
    pub learning_rate: f64,
    /// Norm of all gradients before clipping.
    pub gradient_norm: f64,
}

/// Adam or AdamW for the weights of one model.
#[derive(Debug)]
pub struct Adam {
    options: Optimizer,
    schedule: Schedule,
    step: u64,
    rate_factor: f64,
    layout: Arc<Layout>,
    first: Tensor,
    second: Tensor,
    offsets: Tensor,
    sums: Tensor,
    clip: Tensor,
    /// The weights that Muon changes: segment, start, rows, columns.
    matrices: Tensor,
    /// 1 for segments that Adam leaves alone.
    others: Tensor,
    /// What stands for a loss that the optimizer is not told.
    no_loss: Tensor,
    /// Loss and norm of the steps whose reports were not read yet.
    reports: Tensor,
    /// Their learning rates.
    started: Vec<f64>,
}

/// The state of an optimizer on the host: what a checkpoint holds.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamState {
    /// Steps taken.
    pub step: u64,
    /// First moments, flat.
    pub first: Vec<f32>,
    /// Second moments, flat.
    pub second: Vec<f32>,
    /// The factor of the schedule's rate.
    pub rate_factor: f64,
}

impl Adam {
    /// Changes the weights by one step against the gradients. Gradients that are not finite leave everything as it was
    /// and are an error. Reports of steps that were only started are lost.
    pub fn step(&mut self, parameters: &mut Parameters, gradients: &Gradients) -> Result<StepReport> {
        self.started.clear();
        self.expect_own(parameters, gradients)?;
        self.clip(gradients, &self.no_loss)?;
        let mut reports = [0.0; MOST_STARTED * REPORT];
        self.reports.read(&mut reports)?;
        let gradient_norm = f64::from(reports[1]);
        if !gradient_norm.is_finite() {
            let message = format!(
                "the norm of the gradients is {gradient_norm} at step {}; lower the learning rate or check the data",
                self.step
            );
            return Err(Error::not_finite("gradients", message));
        }
        Ok(StepReport { learning_rate: self.change(parameters, gradients)?, gradient_norm })
    }

    /// As [`step`](Self::step), but reads nothing back from the device, which may still be at work: the report and the loss
    /// `[1]` come with [`finish_steps`](Self::finish_steps). A step whose loss or gradients are not finite leaves everything as it
    /// was.
    ///
    /// # Errors
    /// [`MOST_STARTED`] steps wait already.
    pub fn start_step(&mut self, parameters: &mut Parameters, gradients: &Gradients, loss: &Tensor) -> Result<()> {
        if self.started.len() == MOST_STARTED {
            let message = format!("{MOST_STARTED} steps wait for `finish_steps`; call it before the next one");
            return Err(Error::argument("optimizer", message));
        }
        self.expect_own(parameters, gradients)?;
        self.clip(gradients, loss)?;
        let rate = self.change(parameters, gradients)?;
        self.started.push(rate);
        Ok(())
    }

    /// The losses and reports of all steps that were started since the last call, in their order. Waits for the device.
    pub fn finish_steps(&mut self) -> Result<Vec<(f64, StepReport)>> {
        if self.started.is_empty() {
            return Ok(Vec::new());
        }
        let mut reports = [0.0; MOST_STARTED * REPORT];
        self.reports.read(&mut reports)?;
        let finished = self.started.drain(..).zip(reports.chunks_exact(REPORT)).map(|(learning_rate, report)| {
            (f64::from(report[0]), StepReport { learning_rate, gradient_norm: f64::from(report[1]) })
        });
        Ok(finished.collect())
    }

    fn expect_own(&self, parameters: &Parameters, gradients: &Gradients) -> Result<()> {
        if Arc::ptr_eq(&self.layout, parameters.layout()) && Arc::ptr_eq(&self.layout, gradients.layout()) {
            return Ok(());
        }
        Err(Error::argument("optimizer", "was built for another model; build one for these parameters"))
    }

    /// Leaves the factors of all segments in `clip`, and loss and norm in the next row of the reports.
    fn clip(&self, gradients: &Gradients, loss: &Tensor) -> Result<()> {
        square_norms(gradients.flat(), &self.offsets, &self.sums)?;
        let (kind, limit) = match self.options.clipping {
            Clipping::None => (0, 1.0),
            Clipping::Global(limit) => (1, limit),
            Clipping::PerTensor(limit) => (2, limit),
        };
        let arguments = ClippingArguments { kind, limit: limit as f32, slot: self.started.len() as u32 };
        clipping(arguments, &self.sums, loss, &self.clip, &self.reports)
    }

    /// Changes the weights and returns the learning rate.
    fn change(&mut self, parameters: &mut Parameters, gradients: &Gradients) -> Result<f64> {
        let learning_rate = self.rate_factor * self.schedule.rate(self.step);
        let Optimizer { beta1, beta2, epsilon, weight_decay, .. } = self.options;
        let power = (self.step + 1).min(i32::MAX as u64) as i32;
        let correction = (1.0 - beta2.powi(power)).sqrt() / (1.0 - beta1.powi(power));
        let arguments = AdamArguments {
            rate: (learning_rate * correction) as f32,
            first: (1.0 - beta1) as f32,
            second: (1.0 - beta2) as f32,
            epsilon: epsilon as f32,
            decay: (learning_rate * weight_decay) as f32,
        };
        let targets = [parameters.trainable(), &self.first, &self.second];
        adam(arguments, gradients.flat(), &self.offsets, [&self.clip, &self.others], targets)?;
        if self.matrices.shape().elements() > 0 {
            let arguments =
                MuonArguments { rate: learning_rate as f32, momentum: beta1 as f32, decay: arguments.decay };
            let targets = [parameters.trainable(), &self.first];
            muon(arguments, gradients.flat(), &self.matrices, &self.clip, targets)?;
        }
        self.step += 1;
        Ok(learning_rate)
    }

    /// Number of steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// Moves the schedule past steps that were not taken because their batch was given up.
    pub fn skip_to(&mut self, step: u64) {
        self.step = self.step.max(step);
    }

    /// Multiplies all further learning rates.
    pub fn scale_rate(&mut self, factor: f64) {
        self.rate_factor *= factor;
    }

    /// The schedule of the learning rate.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The state, copied to the host.
    pub fn state(&self) -> Result<AdamState> {
        let (first, second) = (self.first.values()?, self.second.values()?);
        Ok(AdamState { step: self.step, first, second, rate_factor: self.rate_factor })
    }

    /// Replaces the state by that of an optimizer for the same model.
    pub fn restore(&mut self, state: &AdamState) -> Result<()> {
        let length = self.layout.trainable_length();
        if state.first.len() != length || state.second.len() != length {
            let message = format!(
                "the state holds {} values, the model {length}; restore the state of the same model",
                state.first.len()
            );
            return Err(Error::shape("optimizer", message));
        }
        self.started.clear();
        self.first.write(&state.first)?;
        self.second.write(&state.second)?;
        self.step = state.step;
        self.rate_factor = state.rate_factor;
        Ok(())
    }
}
