//! Dense layers in a row, gathered into as few operations as possible.

use super::{Dense, Pass, RmsNorm, Stage};
use crate::autodiff::Var;
use crate::math::Function;
use crate::ops::{Branch, MOST_OPERANDS, Mlp, MlpInput, MlpLayer};

/// Layers that wait for being computed together, on their input.
pub(super) struct Chain<'p, 't> {
    pass: &'p Pass<'t>,
    operands: [Var<'t>; MOST_OPERANDS],
    count: usize,
    input: MlpInput,
    layers: [MlpLayer; Mlp::MOST_LAYERS],
    waiting: usize,
}

/// A dense layer, what becomes of its result, and what its input gives beside.
#[derive(Clone, Copy)]
pub(super) struct Link<'a> {
    pub(super) dense: &'a Dense,
    pub(super) activation: Function,
    pub(super) dropout: f64,
    pub(super) branch: LinkBranch<'a>,
}

/// What the input of a [`Link`] gives beside the dense layer.
#[derive(Clone, Copy)]
pub(super) enum LinkBranch<'a> {
    None,
    Identity,
    Projection(&'a Dense),
    Gate(&'a Dense),
}

impl<'a> Link<'a> {
    /// A dense layer alone.
    pub(super) fn linear(dense: &'a Dense) -> Self {
        Link { dense, activation: Function::Linear, dropout: 0.0, branch: LinkBranch::None }
    }

    fn layer(&self, pass: &Pass) -> MlpLayer {
        let drops = pass.stage() == Stage::Training && self.dropout > 0.0;
        MlpLayer {
            activation: self.activation,
            bias: self.dense.has_bias(),
            branch: match self.branch {
                LinkBranch::None => Branch::None,
                LinkBranch::Identity => Branch::Identity,
                LinkBranch::Projection(dense) => Branch::Projection { bias: dense.has_bias() },
                LinkBranch::Gate(dense) => Branch::Gate { bias: dense.has_bias() },
            },
            dropout: drops.then(|| (self.dropout, pass.next_key())),
        }
    }
}

impl<'p, 't> Chain<'p, 't> {
    /// A chain on `x` `[…, n]`.
    pub(super) fn new(pass: &'p Pass<'t>, x: Var<'t>) -> Self {
        let none = MlpLayer { activation: Function::Linear, bias: false, branch: Branch::None, dropout: None };
        let input = MlpInput { keep: pass.has_gradients(), ..MlpInput::default() };
        Chain { pass, operands: [x; MOST_OPERANDS], count: 1, input, layers: [none; Mlp::MOST_LAYERS], waiting: 0 }
    }

    /// A chain on the norm, if there is one, of `x` `[…, n]` and, side by side with it, a condition `[…, m]`, if there is one.
    pub(super) fn on(pass: &'p Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>, norm: Option<&RmsNorm>) -> Self {
        let mut chain = Chain::new(pass, x);
        for operand in [condition, norm.map(|norm| norm.gain(pass))].into_iter().flatten() {
            chain.operands[chain.count] = operand;
            chain.count += 1;
        }
        chain.input.conditioned = condition.is_some();
        chain.input.norm = norm.map(|_| RmsNorm::EPSILON);
        chain
    }

    /// Appends a layer.
    pub(super) fn push(&mut self, link: Link) {
        let beside = match link.branch {
            LinkBranch::Projection(dense) | LinkBranch::Gate(dense) => Some(dense),
            LinkBranch::None | LinkBranch::Identity => None,
        };
        let operands = [Some(link.dense), beside].into_iter().flatten().flat_map(|dense| dense.operands(self.pass));
        self.push_weights(link.layer(self.pass), operands.flatten());
    }

    /// Appends a layer with its operands.
    pub(super) fn push_weights(&mut self, layer: MlpLayer, operands: impl Iterator<Item = Var<'t>>) {
        if self.waiting == Mlp::MOST_LAYERS || self.count + layer.operands() > MOST_OPERANDS {
            self.compute();
        }
        self.layers[self.waiting] = layer;
        self.waiting += 1;
        for operand in operands.take(layer.operands()) {
            self.operands[self.count] = operand;
            self.count += 1;
        }
    }

    /// The result of all layers so far.
    pub(super) fn compute(&mut self) -> Var<'t> {
        let [x, others @ ..] = &self.operands;
        if self.waiting == 0 {
            return *x;
        }
        let y = x.mlp(&others[..self.count - 1], Mlp::attributes(self.input, &self.layers[..self.waiting]));
        *self = Chain::new(self.pass, y);
        y
    }
}
