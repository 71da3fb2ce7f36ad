//! The multilayer perceptron: a chain of dense blocks without an output projection, which its owner adds.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, Link};
use super::dense_block::BlockOptions;
use super::{Dense, DenseBlock, Norm, Pass, RmsNorm};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::PlannedLayer;
use crate::parameters::{Builder, Initialiser, Weight};

/// Configuration of a multilayer perceptron.
///
/// ```
/// use ferroflow::nn::Mlp;
/// let small = Mlp { widths: vec![32, 32], ..Mlp::default() };
/// assert!(small.residual);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mlp {
    /// Width of each block; at least one.
    pub widths: Vec<usize>,
    /// The activation after each dense layer.
    pub activation: Function,
    /// How the kernels start.
    pub kernel_initializer: Initialiser,
    /// Whether each block adds its input (projected when the widths differ).
    pub residual: bool,
    /// Probability with which an activation is dropped in training, in [0, 1).
    pub dropout: f64,
    /// Normalisation after each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm: Option<Norm>,
}

impl Default for Mlp {
    fn default() -> Self {
        Mlp {
            widths: vec![256, 256],
            activation: Function::Mish,
            kernel_initializer: Initialiser::HeNormal,
            residual: true,
            dropout: 0.05,
            norm: None,
        }
    }
}

impl Mlp {
    /// The perceptron inside of coupling layers: two hidden layers of 128 with hard SiLU, not residual.
    pub fn for_couplings() -> Self {
        Mlp {
            widths: vec![128, 128],
            activation: Function::HardSilu,
            kernel_initializer: Initialiser::Orthogonal,
            residual: false,
            ..Mlp::default()
        }
    }

    /// Gives the perceptron weights for inputs `[…, inputs]`.
    pub fn build(&self, builder: &Builder, inputs: usize) -> Result<BuiltMlp> {
        if self.widths.is_empty() || self.widths.contains(&0) {
            let message = format!("{:?} was given; name at least one width, each at least 1", self.widths);
            return Err(Error::argument("widths", message));
        }
        check_dropout(self.dropout)?;
        let options = BlockOptions {
            activation: self.activation,
            initialiser: self.kernel_initializer,
            residual: self.residual,
            dropout: self.dropout,
            norm: self.norm,
        };
        let mut width = inputs;
        let mut blocks = Vec::with_capacity(self.widths.len());
        for (index, &next) in self.widths.iter().enumerate() {
            blocks.push(DenseBlock::build(&builder.scope(format!("blocks.{index}")), width, next, options));
            width = next;
        }
        Ok(BuiltMlp { blocks, width })
    }
}

/// A dropout rate lies in [0, 1).
pub fn check_dropout(rate: f64) -> Result<()> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::argument("dropout", format!("{rate} was given; a probability of at least 0 and below 1 is expected")))
}

/// A multilayer perceptron with weights.
#[derive(Debug, Clone)]
pub struct BuiltMlp {
    blocks: Vec<DenseBlock>,
    width: usize,
}

impl BuiltMlp {
    /// `x` `[…, inputs]` to `[…, width of the last block]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        self.forward_on(pass, x, None, None)
    }

    /// The perceptron of `norm([x; c])`, with `x` `[…, n]` and, if there is one, `c` `[…, m]` side by side with it.
    pub fn forward_on<'t>(
        &self,
        pass: &Pass<'t>,
        x: Var<'t>,
        condition: Option<Var<'t>>,
        norm: Option<&RmsNorm>,
    ) -> Var<'t> {
        self.append(pass, Chain::on(pass, x, condition, norm)).compute()
    }

    /// A dense layer after the perceptron of `x` `[…, n]` and, side by side with it, a condition `[…, m]`, `n + m` inputs.
    pub fn forward_projected<'t>(
        &self,
        pass: &Pass<'t>,
        x: Var<'t>,
        condition: Option<Var<'t>>,
        projector: &Dense,
    ) -> Var<'t> {
        let mut chain = self.append(pass, Chain::on(pass, x, condition, None));
        chain.push(Link::linear(projector));
        chain.compute()
    }

    fn append<'p, 't>(&self, pass: &'p Pass<'t>, mut chain: Chain<'p, 't>) -> Chain<'p, 't> {
        for block in &self.blocks {
            chain.push(block.link());
            if let Some(norm) = block.norm() {
                let normalised = norm.forward(pass, chain.compute());
                chain = Chain::new(pass, normalised);
            }
        }
        chain
    }

    /// The dense layers with activations and dropout, if the perceptron is nothing else: no residuals, no norms.
    pub fn plain_layers(&self) -> Option<Vec<PlannedLayer<Weight>>> {
        self.blocks.iter().map(DenseBlock::plain).collect()
    }

    /// Width of the output.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Floating point operations of the products per row.
    pub fn flops(&self) -> usize {
        self.blocks.iter().map(DenseBlock::flops).sum()
    }
}
