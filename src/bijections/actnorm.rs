//! A trainable scale and shift of each variable.

use super::Bijection;
use crate::autodiff::Var;
use crate::math::Function;
use crate::nn::Pass;
use crate::ops::FlowPlan;
use crate::parameters::{Builder, Initialiser, Weight};

/// `z = s ⊙ x + b` with the weights `scale` and `bias` `[D]`; log-determinant `Σ ln |s|`, the same for every row.
///
/// Starts as the identity, without a look at the data (unlike Kingma & Dhariwal 2018, arXiv:1807.03039, §3.1); the inputs of
/// a flow are standardised anyway. The scale may be negative.
#[derive(Debug, Clone, Copy)]
pub struct ActNorm {
    scale: Weight,
    bias: Weight,
    dimension: usize,
}

impl ActNorm {
    /// Builds the layer for `dimension` variables.
    pub fn build(builder: &Builder, dimension: usize) -> Self {
        ActNorm {
            scale: builder.trainable("scale", [dimension], Initialiser::Ones),
            bias: builder.trainable("bias", [dimension], Initialiser::Zeros),
            dimension,
        }
    }
}

impl Bijection for ActNorm {
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, _: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        let scale = pass.weight(self.scale);
        (x * scale + pass.weight(self.bias), Some(scale.map(Function::Abs).map(Function::Log).sum()))
    }

    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, _: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        let scale = pass.weight(self.scale);
        ((z - pass.weight(self.bias)) / scale, Some(-scale.map(Function::Abs).map(Function::Log).sum()))
    }

    fn plan(&self, plan: &mut FlowPlan<Weight, Weight>) -> bool {
        plan.scale(self.scale, self.bias);
        true
    }

    fn describe(&self) -> String {
        format!("actnorm of {}", self.dimension)
    }

    fn flops(&self) -> usize {
        2 * self.dimension
    }
}
