//! Dense layers in a row, gathered into as few operations as possible.

use super::{Dense, Pass, Stage};
use crate::autodiff::Var;
use crate::math::Function;
use crate::ops::{MOST_OPERANDS, Mlp, MlpLayer, Skip};

/// Layers that wait for being computed together, on their input.
pub(super) struct Chain<'p, 't> {
    pass: &'p Pass<'t>,
    operands: [Var<'t>; MOST_OPERANDS],
    count: usize,
    conditioned: bool,
    layers: [MlpLayer; Mlp::MOST_LAYERS],
    waiting: usize,
}

/// A dense layer, what becomes of its result, and what that is added to.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) dense: &'a Dense,
    pub(super) activation: Function,
    pub(super) dropout: f64,
    pub(super) residual: bool,
    pub(super) projector: Option<&'a Dense>,
}

impl<'a> Link<'a> {
    /// A dense layer alone.
    pub(super) fn linear(dense: &'a Dense) -> Self {
        Link { dense, activation: Function::Linear, dropout: 0.0, residual: false, projector: None }
    }

    fn layer(&self, pass: &Pass) -> MlpLayer {
        let drops = pass.stage() == Stage::Training && self.dropout > 0.0;
        MlpLayer {
            activation: self.activation,
            bias: self.dense.has_bias(),
            skip: match (self.projector, self.residual) {
                (Some(projector), _) => Skip::Projection { bias: projector.has_bias() },
                (None, true) => Skip::Identity,
                (None, false) => Skip::None,
            },
            dropout: drops.then(|| (self.dropout, pass.next_key())),
        }
    }
}

impl<'p, 't> Chain<'p, 't> {
    /// A chain on `x` `[…, n]`, or on `x` and a condition `[…, m]` side by side.
    pub(super) fn new(pass: &'p Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> Self {
        let none = MlpLayer { activation: Function::Linear, bias: false, skip: Skip::None, dropout: None };
        let operands = [x; MOST_OPERANDS];
        let mut chain = Chain { pass, operands, count: 1, conditioned: false, layers: [none; Mlp::MOST_LAYERS], waiting: 0 };
        if let Some(condition) = condition {
            chain.operands[1] = condition;
            (chain.count, chain.conditioned) = (2, true);
        }
        chain
    }

    /// Appends a layer.
    pub(super) fn push(&mut self, link: Link) {
        let layer = link.layer(self.pass);
        if self.waiting == Mlp::MOST_LAYERS || self.count + layer.operands() > MOST_OPERANDS {
            self.compute();
        }
        self.layers[self.waiting] = layer;
        self.waiting += 1;
        for dense in [Some(link.dense), link.projector].into_iter().flatten() {
            for weight in dense.operands(self.pass).into_iter().flatten() {
                self.operands[self.count] = weight;
                self.count += 1;
            }
        }
    }

    /// The result of all layers so far.
    pub(super) fn compute(&mut self) -> Var<'t> {
        let [x, others @ ..] = &self.operands;
        let y = match self.waiting {
            0 => *x,
            waiting => {
                let layers = &self.layers[..waiting];
                let keep = self.pass.has_gradients();
                x.mlp(&others[..self.count - 1], Mlp::attributes(layers, self.conditioned, keep))
            }
        };
        self.operands[0] = y;
        (self.count, self.conditioned, self.waiting) = (1, false, 0);
        y
    }
}
