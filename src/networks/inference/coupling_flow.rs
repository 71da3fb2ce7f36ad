//! Normalizing flows made of coupling layers.
//!
//! ```text
//! z = x, then depth times:  z ← actnorm(z);  z ← permutation(z);  z ← dual coupling(z; c)
//! ln q(x | c) = ln p(z) + Σ ln |det|
//! ```
//!
//! Dinh et al. 2017, arXiv:1605.08803; Kingma & Dhariwal 2018, arXiv:1807.03039; Durkan et al. 2019, arXiv:1906.04032; Radev
//! et al. 2020, arXiv:2003.06281.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::whole_flow::WholeFlow;
use super::{BuiltInferenceNetwork, Conditional, InferenceNetwork};
use crate::autodiff::Var;
use crate::bijections::{ActNorm, Bijection, CouplingOptions, DualCoupling, Permutation, Sequence, Transform};
use crate::distributions::{BaseDistribution, BuiltDistribution};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{Mlp, Norm, Pass};
use crate::ops::MOST_DIMENSIONS;
use crate::ops::fused_flow::FusedFlow;
use crate::parameters::{Builder, Initialiser, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

/// Configuration of a coupling flow.
///
/// ```
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::bijections::Spline;
/// use ferroflow::{device::Device, networks::CouplingFlow, parameters::Builder, random::Key};
/// let config = CouplingFlow { depth: 4, transform: Spline { bins: 8, ..Spline::default() }.into(), ..Default::default() };
/// let builder = Builder::new();
/// let flow = config.build(&builder, 2, 3, Key::new(1))?;
/// let parameters = builder.finish(&Device::cpu(), Key::new(2))?;
/// println!("{flow}");
/// let (draws, log_prob) = flow.given(&parameters, &[0.1, 0.2, 0.3], 1)?.sample_with_log_prob(Key::new(3), 0, 100)?;
/// assert_eq!((draws.len(), log_prob.len()), (200, 100));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CouplingFlow {
    /// Number of dual couplings.
    pub depth: usize,
    /// The network inside of each coupling. In a file, what is left out is as in [`Mlp::for_couplings`].
    #[serde(deserialize_with = "subnet")]
    pub subnet: Mlp,
    /// The map of each variable.
    pub transform: Transform,
    /// The permutation before each coupling.
    pub permutation: Permutation,
    /// Whether each coupling is preceded by a trainable scale and shift.
    pub actnorm: bool,
    /// The distribution of the latent variables.
    pub base_distribution: BaseDistribution,
    /// Reproduces the peer where it counts the log-determinant of an orthogonal permutation several times: for targets with
    /// an axis between batch and variables.
    pub peer_compatible: bool,
}

impl Default for CouplingFlow {
    fn default() -> Self {
        CouplingFlow {
            depth: 6,
            subnet: Mlp::for_couplings(),
            transform: Transform::default(),
            permutation: Permutation::default(),
            actnorm: true,
            base_distribution: BaseDistribution::default(),
            peer_compatible: false,
        }
    }
}

/// A perceptron whose missing fields are those of couplings.
fn subnet<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Mlp, D::Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Given {
        widths: Option<Vec<usize>>,
        activation: Option<Function>,
        kernel_initializer: Option<Initialiser>,
        residual: Option<bool>,
        dropout: Option<f64>,
        norm: Option<Norm>,
    }
    let given = Given::deserialize(deserializer)?;
    let default = Mlp::for_couplings();
    Ok(Mlp {
        widths: given.widths.unwrap_or(default.widths),
        activation: given.activation.unwrap_or(default.activation),
        kernel_initializer: given.kernel_initializer.unwrap_or(default.kernel_initializer),
        residual: given.residual.unwrap_or(default.residual),
        dropout: given.dropout.unwrap_or(default.dropout),
        norm: given.norm.or(default.norm),
    })
}

impl CouplingFlow {
    /// Gives the flow weights for `dimension` variables and `condition_dimension` condition features, which may be none. Random
    /// permutations are drawn from the key.
    ///
    /// The weights are `invertible_layers.<number>.…`, the layers numbered in forward order, and `base_distribution.…`.
    pub fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition_dimension: usize,
        key: Key,
    ) -> Result<BuiltCouplingFlow> {
        for (name, value) in [("depth", self.depth), ("dimension", dimension)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        if self.permutation == Permutation::Orthogonal && dimension > MOST_DIMENSIONS {
            let message = format!(
                "{dimension} variables are too many for an orthogonal permutation, which takes up to {MOST_DIMENSIONS}; \
                 choose the permutation random"
            );
            return Err(Error::argument("dimension", message));
        }
        let base = self.base_distribution.build(&builder.scope("base_distribution"), dimension)?;
        let options = CouplingOptions { subnet: &self.subnet, transform: self.transform };
        let mut layers: Vec<Box<dyn Bijection>> = Vec::new();
        let mut counts = Vec::new();
        let before = builder.trainable_count();
        for block in 0..self.depth {
            let scope = |layers: &Vec<Box<dyn Bijection>>| builder.scope(format!("invertible_layers.{}", layers.len()));
            if self.actnorm {
                layers.push(Box::new(ActNorm::build(&scope(&layers), dimension)));
                counts.push(builder.trainable_count());
            }
            let key = key.fork("permutation").at(block as u64);
            if let Some(layer) = self.permutation.build(&scope(&layers), dimension, key, self.peer_compatible) {
                layers.push(Box::new(layer));
                counts.push(builder.trainable_count());
            }
            let coupling = DualCoupling::build(&scope(&layers), options, dimension, condition_dimension)?;
            layers.push(Box::new(coupling));
            counts.push(builder.trainable_count());
        }
        let starts = std::iter::once(before).chain(counts.iter().copied());
        let counts: Vec<usize> = counts.iter().zip(starts).map(|(end, start)| end - start).collect();
        let layers = Sequence::new(layers);
        let whole = WholeFlow::of(&layers, dimension, condition_dimension);
        Ok(BuiltCouplingFlow { layers, whole, base, counts, dimension, condition_dimension })
    }
}

impl InferenceNetwork for CouplingFlow {
    fn name(&self) -> &str {
        "coupling-flow"
    }

    fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition_dimension: usize,
        key: Key,
    ) -> Result<Box<dyn BuiltInferenceNetwork>> {
        Ok(Box::new(CouplingFlow::build(self, builder, dimension, condition_dimension, key)?))
    }
}

/// A coupling flow with weights.
pub struct BuiltCouplingFlow {
    layers: Sequence,
    /// The layers as one operation, if they have that form.
    whole: Option<WholeFlow>,
    base: BuiltDistribution,
    /// Trainable values of each layer.
    counts: Vec<usize>,
    dimension: usize,
    condition_dimension: usize,
}

impl BuiltCouplingFlow {
    /// From targets `x` `[…, D]` to latent variables: `z` and the log-determinant `[…]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Var<'t>) {
        match self.check(x, condition) {
            Ok(()) => match &self.whole {
                Some(whole) => whole.forward(pass, x, condition),
                None => complete(x, self.layers.forward(pass, x, condition)),
            },
            Err(fault) => {
                let nothing = pass.tape().fail(fault);
                (nothing, nothing)
            }
        }
    }

    /// The distributions for conditions `[datasets, C]`.
    pub fn given<'a>(
        &'a self,
        parameters: &'a Parameters,
        condition: &[f32],
        datasets: usize,
    ) -> Result<Conditional<'a>> {
        Conditional::new(self, parameters, condition, datasets)
    }

    /// Number of trainable values.
    pub fn parameter_count(&self) -> usize {
        self.counts.iter().sum()
    }

    fn check(&self, x: Var, condition: Option<Var>) -> Result<()> {
        let width = condition.map_or(0, |c| c.shape().last());
        if x.shape().rank() > 0 && x.shape().last() == self.dimension && width == self.condition_dimension {
            return Ok(());
        }
        let message = format!(
            "targets of shape {} and conditions of width {width} for a flow of {} variables and {} condition features",
            x.shape(),
            self.dimension,
            self.condition_dimension
        );
        Err(Error::shape("coupling flow", message))
    }
}

/// The log-determinant with the shape of the leading axes: layers may give a scalar for all rows, or nothing for zero.
fn complete<'t>(x: Var<'t>, (y, log_det): (Var<'t>, Option<Var<'t>>)) -> (Var<'t>, Var<'t>) {
    let rows = x.shape().without_last();
    match log_det {
        Some(log_det) if log_det.shape() == rows => (y, log_det),
        _ => {
            let zeros = x.tape().values(rows, &vec![0.0; rows.elements()]);
            (y, log_det.map_or(zeros, |log_det| zeros + log_det))
        }
    }
}

impl BuiltInferenceNetwork for BuiltCouplingFlow {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn condition_dimension(&self) -> usize {
        self.condition_dimension
    }

    fn log_prob<'t>(&self, pass: &Pass<'t>, x: Var<'t>, condition: Option<Var<'t>>) -> Var<'t> {
        let (z, log_det) = self.forward(pass, x, condition);
        self.base.log_prob(pass, z) + log_det
    }

    fn inverse<'t>(&self, pass: &Pass<'t>, z: Var<'t>, condition: Option<Var<'t>>) -> (Var<'t>, Var<'t>) {
        match self.check(z, condition) {
            Ok(()) => complete(z, self.layers.inverse(pass, z, condition)),
            Err(fault) => {
                let nothing = pass.tape().fail(fault);
                (nothing, nothing)
            }
        }
    }

    fn base_log_prob<'t>(&self, pass: &Pass<'t>, z: Var<'t>) -> Var<'t> {
        self.base.log_prob(pass, z)
    }

    fn base_draws(
        &self,
        parameters: &Parameters,
        key: Key,
        first: u64,
        count: usize,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        self.base.sample(parameters, key, first, count, out)
    }

    fn fill_base_draws(&self, key: Key, first: u64, to: &Tensor) -> Result<bool> {
        self.base.fill(key, first, to)
    }

    fn fuse(&self, parameters: &Parameters) -> Result<Option<FusedFlow>> {
        self.whole.as_ref().map(|whole| whole.fuse(parameters)).transpose()
    }

    fn describe(&self) -> String {
        self.to_string()
    }

    fn flops(&self) -> usize {
        self.layers.flops()
    }
}

impl fmt::Display for BuiltCouplingFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "coupling flow: {} variables given {}, {} parameters, {} FLOPs per sample",
            self.dimension,
            self.condition_dimension,
            self.parameter_count(),
            self.flops()
        )?;
        let descriptions: Vec<String> = self.layers.layers().map(|layer| layer.describe()).collect();
        let widest = descriptions.iter().map(String::len).max().unwrap_or(0);
        for (index, (text, count)) in descriptions.iter().zip(&self.counts).enumerate() {
            writeln!(f, "  {index:>3}  {text:<widest$}  {count:>8}")?;
        }
        Ok(())
    }
}
