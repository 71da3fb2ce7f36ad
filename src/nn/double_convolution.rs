//! The residual block of convolutional networks: two convolutions with norms and activations (He et al. 2016, arXiv:1512.03385).

use super::{BuiltSimpleNorm, Conv2d, ConvolutionOptions, Pass, SimpleNorm, check_dropout, dropout};
use crate::autodiff::Var;
use crate::error::Result;
use crate::math::Function;
use crate::parameters::{Builder, Initialiser};

/// Configuration of a block of two convolutions.
///
/// ```text
/// p = conv 1×1(x) if residual, else x;   y = p + stack(p) if residual, else stack(p)
/// stack:  norm, f, conv 3×3, norm, f, dropout, conv 3×3
/// stack with batch normalisation:  conv 3×3, f, norm, conv 3×3, f, norm, dropout
/// ```
///
/// A residual block starts as `p`: the last kernel, or the gain of batch normalisation, starts at zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleConvolution {
    /// Channels of the result.
    pub width: usize,
    /// The norm.
    pub norm: SimpleNorm,
    /// Groups of channels of group normalisation, lowered until they divide the channels.
    pub groups: usize,
    /// The activation `f`.
    pub activation: Function,
    /// Whether the block's input is added to its result.
    pub residual: bool,
    /// Probability with which an activation is dropped in training, in [0, 1).
    pub dropout: f64,
}

impl DoubleConvolution {
    /// Gives the block weights for images with `inputs` channels: `proj` if residual, and `conv_layers.i`, `i` the place in the
    /// stack.
    pub fn build(&self, builder: &Builder, inputs: usize) -> Result<BuiltDoubleConvolution> {
        check_dropout(self.dropout)?;
        let width = self.width;
        let layer = |index: usize| builder.scope(format!("conv_layers.{index}"));
        let of_batch = self.norm == SimpleNorm::Batch;
        let [first, second, norms] = if of_batch { [0, 3, 2] } else { [2, 6, 0] };
        let entering = if self.residual { width } else { inputs };
        let start = |zero: bool| if zero { Initialiser::Zeros } else { Initialiser::GlorotUniform };
        let convolution = |index: usize, inputs: usize, zero: bool| {
            let options =
                ConvolutionOptions { kernel_initializer: start(zero), ..ConvolutionOptions::new(width, [3, 3]) };
            Conv2d::build(&layer(index), inputs, options)
        };
        let norm = |index: usize, width: usize| {
            let gain = if of_batch && self.residual { Initialiser::Zeros } else { Initialiser::Ones };
            BuiltSimpleNorm::build(&layer(index), self.norm, width, self.groups, gain)
        };
        let projector = || Conv2d::build(&builder.scope("proj"), inputs, ConvolutionOptions::new(width, [1, 1]));
        Ok(BuiltDoubleConvolution {
            projector: if self.residual { Some(projector()?) } else { None },
            norms: [norm(norms, if of_batch { width } else { entering }), norm(norms + 3, width)],
            convolutions: [
                convolution(first, entering, false)?,
                convolution(second, width, self.residual && !of_batch)?,
            ],
            config: *self,
        })
    }
}

/// A block of two convolutions with weights.
#[derive(Debug, Clone)]
pub struct BuiltDoubleConvolution {
    projector: Option<Conv2d>,
    norms: [BuiltSimpleNorm; 2],
    convolutions: [Conv2d; 2],
    config: DoubleConvolution,
}

impl BuiltDoubleConvolution {
    /// `[batch, height, width, inputs]` to `[batch, height, width, W]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>) -> Var<'t> {
        let DoubleConvolution { activation, dropout: rate, .. } = self.config;
        let entering = self.projector.map_or(x, |projector| projector.forward(pass, x, Function::Linear));
        let ([first, second], [norm, last_norm]) = (&self.convolutions, &self.norms);
        let leaving = if self.config.norm == SimpleNorm::Batch {
            let h = norm.forward(pass, first.forward(pass, entering, activation));
            dropout(pass, last_norm.forward(pass, second.forward(pass, h, activation)), rate)
        } else {
            let h = first.forward(pass, norm.forward(pass, entering).map(activation), Function::Linear);
            let h = dropout(pass, last_norm.forward(pass, h).map(activation), rate);
            second.forward(pass, h, Function::Linear)
        };
        if self.config.residual { entering + leaving } else { leaving }
    }

    /// Channels of an image and of the result.
    pub fn widths(&self) -> [usize; 2] {
        [self.projector.unwrap_or(self.convolutions[0]).inputs(), self.config.width]
    }

    /// Floating point operations of the products for an image of a height and width.
    pub fn flops(&self, grid: [usize; 2]) -> usize {
        self.convolutions.iter().chain(&self.projector).map(|convolution| convolution.flops(grid)).sum()
    }
}
