//! The block that multilayer perceptrons are made of: dense, activation, dropout, residual, norm.

use serde::{Deserialize, Serialize};

use super::Dense;
use super::chain::{Link, LinkBranch};
use super::norm::BuiltNorm;
use crate::math::Function;
use crate::ops::PlannedLayer;
use crate::parameters::{Builder, Initialiser, Weight};

/// A normalisation over the features of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// Moving statistics of batches (Ioffe & Szegedy 2015, arXiv:1502.03167).
    Batch,
    /// Mean and variance of each row (Ba et al. 2016, arXiv:1607.06450).
    Layer,
    /// Root mean square of each row (Zhang & Sennrich 2019, arXiv:1910.07467).
    Rms,
}

/// What all blocks of a multilayer perceptron share.
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockOptions {
    pub(super) activation: Function,
    pub(super) initialiser: Initialiser,
    pub(super) residual: bool,
    pub(super) dropout: f64,
    pub(super) norm: Option<Norm>,
}

/// `h = dropout(f(x W + b))`, then `h = skip(x) + h` if residual, then `norm(h)`. The skip is the identity when the widths
/// are equal and a dense layer with bias otherwise.
#[derive(Debug, Clone)]
pub struct DenseBlock {
    dense: Dense,
    projector: Option<Dense>,
    norm: Option<BuiltNorm>,
    options: BlockOptions,
}

impl DenseBlock {
    pub(super) fn build(builder: &Builder, inputs: usize, width: usize, options: BlockOptions) -> Self {
        let dense = |name: &str| Dense::build(&builder.scope(name), inputs, width, options.initialiser, true);
        DenseBlock {
            dense: dense("dense"),
            norm: options.norm.map(|norm| BuiltNorm::build(&builder.scope("norm_layer"), norm, width)),
            projector: (options.residual && inputs != width).then(|| dense("projector")),
            options,
        }
    }

    /// The block without its norm.
    pub(super) fn link(&self) -> Link<'_> {
        let BlockOptions { activation, residual, dropout, .. } = self.options;
        let branch = match (&self.projector, residual) {
            (Some(projector), _) => LinkBranch::Projection(projector),
            (None, true) => LinkBranch::Identity,
            (None, false) => LinkBranch::None,
        };
        Link { dense: &self.dense, activation, dropout, branch }
    }

    /// The norm after the block.
    pub(super) fn norm(&self) -> Option<&BuiltNorm> {
        self.norm.as_ref()
    }

    /// The dense layer with activation and dropout, if there is nothing else.
    pub(super) fn plain(&self) -> Option<PlannedLayer<Weight>> {
        let BlockOptions { activation, residual, dropout, .. } = self.options;
        if residual || self.norm.is_some() { None } else { self.dense.planned(activation, dropout) }
    }

    pub(super) fn flops(&self) -> usize {
        self.dense.flops() + self.projector.map_or(0, |p| p.flops())
    }
}
