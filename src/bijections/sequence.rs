//! Several bijections one after another.

use super::Bijection;
use crate::autodiff::Var;
use crate::nn::Pass;
use crate::ops::FlowPlan;
use crate::parameters::Weight;

/// `z = f_n(… f_2(f_1(x)))`; log-determinants add up.
#[derive(Default)]
pub struct Sequence {
    layers: Vec<Box<dyn Bijection>>,
}

impl Sequence {
    /// A sequence of layers in forward order.
    pub fn new(layers: Vec<Box<dyn Bijection>>) -> Self {
        Sequence { layers }
    }

    /// The layers in forward order.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &dyn Bijection> {
        self.layers.iter().map(|layer| &**layer)
    }
}

fn add<'t>(sum: Option<Var<'t>>, term: Option<Var<'t>>) -> Option<Var<'t>> {
    match (sum, term) {
        (Some(sum), Some(term)) => Some(sum + term),
        (sum, term) => sum.or(term),
    }
}

impl Bijection for Sequence {
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        self.layers.iter().fold((x, None), |(x, sum), layer| {
            let (z, log_det) = layer.forward(pass, x, condition);
            (z, add(sum, log_det))
        })
    }

    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        self.layers.iter().rev().fold((z, None), |(z, sum), layer| {
            let (x, log_det) = layer.inverse(pass, z, condition);
            (x, add(sum, log_det))
        })
    }

    fn plan(&self, plan: &mut FlowPlan<Weight, Weight>) -> bool {
        self.layers.iter().all(|layer| layer.plan(plan))
    }

    fn describe(&self) -> String {
        self.layers.iter().map(|layer| layer.describe()).collect::<Vec<_>>().join(", then ")
    }

    fn flops(&self) -> usize {
        self.layers.iter().map(|layer| layer.flops()).sum()
    }
}
