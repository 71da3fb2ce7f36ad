//! Gated feed-forward network (Shazeer 2020, arXiv:2002.05202): `y = dropout(g(x W_g) ⊙ (x W_u)) W_d`.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Link, LinkBranch};
use super::{Dense, Pass, RmsNorm, check_dropout};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::parameters::{Builder, Initialiser};

/// Hidden widths are rounded up to a multiple of this.
const MULTIPLE: usize = 64;

/// The function `g` of the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GatedUnit {
    /// SiLU.
    #[default]
    Swiglu,
    /// Exact GELU.
    Geglu,
    /// ReLU.
    Reglu,
    /// The identity: a bilinear layer.
    Liglu,
}

impl GatedUnit {
    /// The function of the gate.
    pub fn function(self) -> Function {
        match self {
            GatedUnit::Swiglu => Function::Silu,
            GatedUnit::Geglu => Function::Gelu,
            GatedUnit::Reglu => Function::Relu,
            GatedUnit::Liglu => Function::Linear,
        }
    }
}

/// Configuration of a gated feed-forward network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GatedFeedForward {
    /// Width of the output, `E`; it also determines the hidden width, see [`GatedFeedForward::hidden`].
    pub embed_dim: usize,
    /// Hidden width relative to `E`, before two thirds and rounding.
    pub expansion_factor: f64,
    /// The gate.
    pub glu_variant: GatedUnit,
    /// Whether the three projections have biases.
    pub use_bias: bool,
    /// Probability with which a hidden activation is dropped in training.
    pub dropout: f64,
    /// How the kernels start.
    pub kernel_initializer: Initialiser,
}

impl GatedFeedForward {
    /// The hidden width: two thirds of `E · expansion`, cut to an integer and rounded up to a multiple of 64. Two thirds because
    /// there are three matrices instead of two.
    pub fn hidden(&self) -> usize {
        ((self.embed_dim as f64 * self.expansion_factor * 2.0 / 3.0) as usize).div_ceil(MULTIPLE) * MULTIPLE
    }

    /// Gives the network the weights `gate_proj`, `up_proj` `[inputs, hidden]` and `down_proj` `[hidden, E]`.
    pub fn build(&self, builder: &Builder, inputs: usize) -> Result<BuiltGatedFeedForward> {
        let hidden = self.hidden();
        if hidden == 0 {
            let message =
                format!("{} of embed_dim {} leaves no hidden unit; increase it", self.expansion_factor, self.embed_dim);
            return Err(Error::argument("expansion_factor", message));
        }
        check_dropout(self.dropout)?;
        let dense = |name: &str, inputs: usize, outputs: usize| {
            Dense::build(&builder.scope(name), inputs, outputs, self.kernel_initializer, self.use_bias)
        };
        Ok(BuiltGatedFeedForward {
            gate: dense("gate_proj", inputs, hidden),
            up: dense("up_proj", inputs, hidden),
            down: dense("down_proj", hidden, self.embed_dim),
            activation: self.glu_variant.function(),
            dropout: self.dropout,
        })
    }
}

/// A gated feed-forward network with weights.
#[derive(Debug, Clone, Copy)]
pub struct BuiltGatedFeedForward {
    gate: Dense,
    up: Dense,
    down: Dense,
    activation: Function,
    dropout: f64,
}

impl BuiltGatedFeedForward {
    /// `x` `[…, inputs]` to `[…, E]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        self.forward_on(pass, x, None)
    }

    /// The network of the norm of `x`, if there is one.
    pub fn forward_on<'t>(&self, pass: &Pass<'t>, x: Var<'t>, norm: Option<&RmsNorm>) -> Var<'t> {
        let mut chain = Chain::on(pass, x, None, norm);
        let branch = LinkBranch::Gate(&self.up);
        chain.push(Link { dense: &self.gate, activation: self.activation, dropout: self.dropout, branch });
        chain.push(Link::linear(&self.down));
        chain.compute()
    }

    /// Floating point operations of the products per row.
    pub fn flops(&self) -> usize {
        self.gate.flops() + self.up.flops() + self.down.flops()
    }
}
