//! The norms that blocks of images choose from.

use serde::{Deserialize, Serialize};

use super::Pass;
use super::norm::{BatchNorm, GroupNorm, LayerNorm};
use crate::autodiff::Var;
use crate::parameters::{Builder, Initialiser};

/// A normalisation of images `[batch, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimpleNorm {
    /// Of each channel over all images: moving statistics of batches.
    Batch,
    /// Of groups of channels over each image.
    Group,
    /// Of the channels at each place.
    Layer,
    /// None.
    None,
}

/// A [`SimpleNorm`] with weights.
#[derive(Debug, Clone)]
pub enum BuiltSimpleNorm {
    /// Batch normalisation.
    Batch(BatchNorm),
    /// Group normalisation.
    Group(GroupNorm),
    /// Layer normalisation.
    Layer(LayerNorm),
    /// The identity.
    None,
}

impl BuiltSimpleNorm {
    /// Gives the norm weights `norm.…` for a number of channels. `groups` is lowered until it divides the channels; `gain` is how the
    /// gain of batch normalisation starts.
    pub fn build(builder: &Builder, norm: SimpleNorm, channels: usize, groups: usize, gain: Initialiser) -> Self {
        let scope = builder.scope("norm");
        match norm {
            SimpleNorm::Batch => BuiltSimpleNorm::Batch(BatchNorm::build_with(&scope, channels, gain)),
            SimpleNorm::Group => BuiltSimpleNorm::Group(GroupNorm::build(&scope, channels, groups, true, true)),
            SimpleNorm::Layer => BuiltSimpleNorm::Layer(LayerNorm::build(&scope, channels)),
            SimpleNorm::None => BuiltSimpleNorm::None,
        }
    }

    /// Normalises `x` `[batch, height, width, channels]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        match self {
            BuiltSimpleNorm::Batch(norm) => norm.forward(pass, x),
            BuiltSimpleNorm::Group(norm) => norm.forward(pass, x),
            BuiltSimpleNorm::Layer(norm) => norm.forward(pass, x),
            BuiltSimpleNorm::None => x,
        }
    }
}
