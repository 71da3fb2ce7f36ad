//! A dense layer: `y = f(x W + b)`.

use super::chain::{Chain, Link};
use super::{Pass, RmsNorm};
use crate::autodiff::Var;
use crate::math::Function;
use crate::ops::PlannedLayer;
use crate::parameters::{Builder, Initialiser, Weight};

/// A dense layer with weights `kernel` `[in, out]` and `bias` `[out]`.
#[derive(Debug, Clone, Copy)]
pub struct Dense {
    kernel: Weight,
    bias: Option<Weight>,
    inputs: usize,
    outputs: usize,
}

impl Dense {
    /// Builds the layer. The bias starts at zero.
    pub fn build(builder: &Builder, inputs: usize, outputs: usize, kernel: Initialiser, bias: bool) -> Self {
        Dense {
            kernel: builder.trainable("kernel", [inputs, outputs], kernel),
            bias: bias.then(|| builder.trainable("bias", [outputs], Initialiser::Zeros)),
            inputs,
            outputs,
        }
    }

    /// `f(x W + b)` for `x` of shape `[…, in]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, activation: Function) -> Var<'t> {
        x.linear(pass.weight(self.kernel), self.bias.map(|bias| pass.weight(bias)), activation)
    }

    /// `n W + b`, with `n` the norm of `x` if there is one.
    pub fn forward_on<'t>(&self, pass: &Pass<'t>, x: Var<'t>, norm: Option<&RmsNorm>) -> Var<'t> {
        let mut chain = Chain::on(pass, x, None, norm);
        chain.push(Link::linear(self));
        chain.compute()
    }

    /// The kernel and, if there is one, the bias.
    pub(super) fn operands<'t>(&self, pass: &Pass<'t>) -> [Option<Var<'t>>; 2] {
        [Some(pass.weight(self.kernel)), self.bias.map(|bias| pass.weight(bias))]
    }

    /// Whether there is a bias.
    pub(super) fn has_bias(&self) -> bool {
        self.bias.is_some()
    }

    /// The layer as part of a flow that runs as one kernel, if it has a bias.
    pub fn planned(&self, activation: Function, dropout: f64) -> Option<PlannedLayer<Weight>> {
        let Dense { kernel, bias, inputs, outputs } = *self;
        bias.map(|bias| PlannedLayer { kernel, bias, inputs, outputs, activation, dropout })
    }

    /// Width of the input.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Width of the output.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Floating point operations per row: two for each multiply-add.
    pub fn flops(&self) -> usize {
        2 * self.inputs * self.outputs
    }
}
