//! Permutations, fixed or learned: they let every variable come to both sides of a coupling.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::Bijection;
use crate::autodiff::Var;
use crate::math::Function;
use crate::nn::Pass;
use crate::ops::FlowPlan;
use crate::parameters::{Builder, Initialiser, Weight};
use crate::random::Key;

/// Which permutation stands before each coupling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permutation {
    /// A uniformly random permutation that is drawn when the network is built.
    #[default]
    Random,
    /// A roll by half of the variables.
    Swap,
    /// A trainable matrix that starts orthogonal. It is not kept orthogonal.
    Orthogonal,
    /// No permutation: each variable stays on its side.
    None,
}

/// A permutation with its weights.
///
/// * Random and swap: `z_i = x_{π(i)}` with the stored vectors `forward_indices` `π` and `inverse_indices`; log-determinant 0.
///   A model file decides which permutation it is, not the name.
/// * Orthogonal: `z = x W` with the weight `weight` `[D, D]`, at most 128 variables; log-determinant `ln |det W|` for every row.
///   (Kingma & Dhariwal 2018, arXiv:1807.03039, §3.2)
#[derive(Debug, Clone, Copy)]
pub struct BuiltPermutation {
    kind: Kind,
    dimension: usize,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Indices { forward: Weight, inverse: Weight, name: &'static str },
    Matrix { weight: Weight, peer_compatible: bool },
}

impl Permutation {
    /// The permutation of `dimension` variables; `None` if there is none. With `peer_compatible` the log-determinant of an
    /// orthogonal permutation is multiplied by the length of the second axis where `x` has more than two axes, as the peer
    /// does, which counts it too often.
    pub fn build(
        self,
        builder: &Builder,
        dimension: usize,
        key: Key,
        peer_compatible: bool,
    ) -> Option<BuiltPermutation> {
        let kind = match self {
            Permutation::None => return None,
            Permutation::Orthogonal => {
                let weight = builder.trainable("weight", [dimension, dimension], Initialiser::Orthogonal);
                Kind::Matrix { weight, peer_compatible }
            }
            Permutation::Random => indices(builder, random(dimension, key), "random permutation"),
            Permutation::Swap => {
                let roll = dimension - dimension / 2;
                indices(builder, (0..dimension).map(|i| ((i + roll) % dimension) as u32).collect(), "swap")
            }
        };
        Some(BuiltPermutation { kind, dimension })
    }
}

fn indices(builder: &Builder, forward: Vec<u32>, name: &'static str) -> Kind {
    let mut inverse = vec![0; forward.len()];
    for (to, &from) in forward.iter().enumerate() {
        inverse[from as usize] = to as u32;
    }
    Kind::Indices {
        forward: builder.indices("forward_indices", forward),
        inverse: builder.indices("inverse_indices", inverse),
        name,
    }
}

/// Fisher & Yates.
fn random(dimension: usize, key: Key) -> Vec<u32> {
    let mut stream = key.stream();
    let mut order: Vec<u32> = (0..dimension as u32).collect();
    for i in (1..dimension).rev() {
        order.swap(i, stream.random_range(0..=i));
    }
    order
}

impl BuiltPermutation {
    fn log_det<'t>(&self, x: Var<'t>, log_det: Var<'t>, peer_compatible: bool) -> Var<'t> {
        match *x.shape().axes() {
            [_, second, _, ..] if peer_compatible => log_det * second as f64,
            _ => log_det,
        }
    }
}

impl Bijection for BuiltPermutation {
    fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, _: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        match self.kind {
            Kind::Indices { forward, .. } => (x.permute_columns(pass.weight(forward)), None),
            Kind::Matrix { weight, peer_compatible } => {
                let weight = pass.weight(weight);
                let (_, log_det) = weight.inverse_matrix();
                (x.linear(weight, None, Function::Linear), Some(self.log_det(x, log_det, peer_compatible)))
            }
        }
    }

    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, _: Option<Var<'t>>) -> (Var<'t>, Option<Var<'t>>) {
        match self.kind {
            Kind::Indices { inverse, .. } => (z.permute_columns(pass.weight(inverse)), None),
            Kind::Matrix { weight, peer_compatible } => {
                let (inverse, log_det) = pass.weight(weight).inverse_matrix();
                (z.linear(inverse, None, Function::Linear), Some(-self.log_det(z, log_det, peer_compatible)))
            }
        }
    }

    fn plan(&self, plan: &mut FlowPlan<Weight, Weight>) -> bool {
        match self.kind {
            Kind::Indices { forward, .. } => plan.permute(forward),
            Kind::Matrix { .. } => return false,
        }
        true
    }

    fn describe(&self) -> String {
        match self.kind {
            Kind::Indices { name, .. } => format!("{name} of {}", self.dimension),
            Kind::Matrix { .. } => format!("orthogonal mixing of {}", self.dimension),
        }
    }

    fn flops(&self) -> usize {
        match self.kind {
            Kind::Indices { .. } => 0,
            Kind::Matrix { .. } => 2 * self.dimension * self.dimension,
        }
    }
}
