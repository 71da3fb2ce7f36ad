//! Normalisation layers, and one face for those that a block may choose from.

use super::{Norm, Pass, Series, Stage};
use crate::autodiff::Var;
use crate::math::Function;
use crate::parameters::{Builder, Initialiser, Weight};

/// ε of layer, batch and group normalisation.
const EPSILON: f64 = 1e-3;
/// ε of RMS normalisation.
const RMS_EPSILON: f64 = 1e-6;
/// Share of the old value that a moving statistic keeps at each training step.
const MOMENTUM: f64 = 0.99;

/// RMS normalisation of each row (Zhang & Sennrich 2019, arXiv:1910.07467) with the weight `scale` `[n]`.
#[derive(Debug, Clone, Copy)]
pub struct RmsNorm {
    scale: Weight,
}

impl RmsNorm {
    /// Builds the layer for rows of a width. The scale starts at one.
    pub fn build(builder: &Builder, width: usize) -> Self {
        RmsNorm { scale: builder.trainable("scale", [width], Initialiser::Ones) }
    }

    /// What is added to the mean square.
    pub(super) const EPSILON: f64 = RMS_EPSILON;

    /// The scale as a variable.
    pub(super) fn gain<'t>(&self, pass: &Pass<'t>) -> Var<'t> {
        pass.weight(self.scale)
    }

    /// `x / √(mean(x²) + 10⁻⁶) · scale` for `x` `[…, n]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        x.rms_norm(Some(pass.weight(self.scale)), RMS_EPSILON)
    }
}

/// The weights `gamma` (starts at one) and `beta` (starts at zero), each of which can be left out.
#[derive(Debug, Clone, Copy)]
struct GainAndShift {
    gamma: Option<Weight>,
    beta: Option<Weight>,
}

impl GainAndShift {
    fn build(builder: &Builder, width: usize, gain: bool, shift: bool) -> Self {
        GainAndShift {
            gamma: gain.then(|| builder.trainable("gamma", [width], Initialiser::Ones)),
            beta: shift.then(|| builder.trainable("beta", [width], Initialiser::Zeros)),
        }
    }

    fn weights<'t>(&self, pass: &Pass<'t>) -> (Option<Var<'t>>, Option<Var<'t>>) {
        (self.gamma.map(|gamma| pass.weight(gamma)), self.beta.map(|beta| pass.weight(beta)))
    }
}

/// Layer normalisation of each row (Ba et al. 2016, arXiv:1607.06450) with the weights `gamma` and `beta` `[n]`.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    weights: GainAndShift,
}

impl LayerNorm {
    /// Builds the layer for rows of a width.
    pub fn build(builder: &Builder, width: usize) -> Self {
        LayerNorm::build_with(builder, width, true, true)
    }

    /// Builds the layer with or without `gamma` and `beta`.
    pub fn build_with(builder: &Builder, width: usize, gain: bool, shift: bool) -> Self {
        LayerNorm { weights: GainAndShift::build(builder, width, gain, shift) }
    }

    /// `(x − mean) / √(variance + 10⁻³) · gamma + beta` for `x` `[…, n]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        let (gamma, beta) = self.weights.weights(pass);
        x.layer_norm(gamma, beta, EPSILON)
    }
}

/// Group normalisation (Wu & He 2018, arXiv:1803.08494) with the weights `gamma` and `beta` `[channels]`.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm {
    weights: GainAndShift,
    groups: usize,
}

impl GroupNorm {
    /// Builds the layer for a number of channels, with or without `gamma` and `beta`. The number of groups is lowered until
    /// it divides that of the channels.
    pub fn build(builder: &Builder, channels: usize, groups: usize, gain: bool, shift: bool) -> Self {
        let groups =
            (1..=groups.clamp(1, channels.max(1))).rev().find(|&groups| channels.is_multiple_of(groups)).unwrap_or(1);
        GroupNorm { weights: GainAndShift::build(builder, channels, gain, shift), groups }
    }

    /// Normalises the elements of each series over time and the channels of a group; ε = 10⁻³.
    pub fn forward_series<'t>(&self, pass: &Pass<'t>, x: &Series<'t>) -> Series<'t> {
        let (gamma, beta) = self.weights.weights(pass);
        x.with_rows(x.rows.group_norm_series(self.groups, gamma, beta, x.offsets, EPSILON))
    }

    /// Normalises `x` `[batch, …, channels]` over all axes between and the channels of a group; ε = 10⁻³.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        let (gamma, beta) = self.weights.weights(pass);
        x.group_norm(self.groups, gamma, beta, EPSILON)
    }
}

/// Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) with the weights `gamma` and `beta` and the state
/// `moving_mean` and `moving_variance`, all `[n]`.
///
/// In training it normalises by the statistics of the batch, taken over all rows, and notes the new moving statistics,
/// `0.99 old + 0.01 batch`, in the [`Pass`]: [`Pass::updates`]. Otherwise it normalises by the moving statistics.
#[derive(Debug, Clone, Copy)]
pub struct BatchNorm {
    gamma: Weight,
    beta: Weight,
    mean: Weight,
    variance: Weight,
    width: usize,
}

impl BatchNorm {
    /// Builds the layer for rows of a width.
    pub fn build(builder: &Builder, width: usize) -> Self {
        BatchNorm::build_with(builder, width, Initialiser::Ones)
    }

    /// Builds the layer with a gain that starts in another way than at one.
    pub fn build_with(builder: &Builder, width: usize, gain: Initialiser) -> Self {
        BatchNorm {
            gamma: builder.trainable("gamma", [width], gain),
            beta: builder.trainable("beta", [width], Initialiser::Zeros),
            mean: builder.state("moving_mean", [width], Initialiser::Zeros),
            variance: builder.state("moving_variance", [width], Initialiser::Ones),
            width,
        }
    }

    /// Normalises `x` `[…, n]`; ε = 10⁻³, population variance.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        let [gamma, beta, mean, variance] =
            [self.gamma, self.beta, self.mean, self.variance].map(|weight| pass.weight(weight));
        if pass.stage() != Stage::Training {
            let scale = gamma / (variance + EPSILON).map(Function::Sqrt);
            return x * scale + (beta - mean * scale);
        }
        let y = x.batch_norm(Some(gamma), Some(beta), EPSILON);
        for (weight, old, batch) in [(self.mean, mean, y.output(1)), (self.variance, variance, y.output(2))] {
            let batch = batch.detach().reshape([self.width]);
            pass.update(weight, old * MOMENTUM + batch * (1.0 - MOMENTUM));
        }
        y
    }
}

/// A normalisation with its weights.
#[derive(Debug, Clone)]
pub enum BuiltNorm {
    /// Batch normalisation.
    Batch(BatchNorm),
    /// Layer normalisation.
    Layer(LayerNorm),
    /// RMS normalisation.
    Rms(RmsNorm),
}

impl BuiltNorm {
    /// Gives the normalisation weights for `width` features.
    pub fn build(builder: &Builder, norm: Norm, width: usize) -> Self {
        match norm {
            Norm::Batch => BuiltNorm::Batch(BatchNorm::build(builder, width)),
            Norm::Layer => BuiltNorm::Layer(LayerNorm::build(builder, width)),
            Norm::Rms => BuiltNorm::Rms(RmsNorm::build(builder, width)),
        }
    }

    /// Normalises `x` `[…, width]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        match self {
            BuiltNorm::Batch(norm) => norm.forward(pass, x),
            BuiltNorm::Layer(norm) => norm.forward(pass, x),
            BuiltNorm::Rms(norm) => norm.forward(pass, x),
        }
    }
}
