//! Floor 5: base distributions of the latent variables, and how far two samples are apart ([`maximum_mean_discrepancy`]).
//!
//! A configuration ([`BaseDistribution`]) is plain data; [`BaseDistribution::build`] fixes the dimension and, where something is
//! trainable, makes weights. The built form gives densities on a tape and draws on the host.
//!
//! ```
//! # fn main() -> ferroflow::Result<()> {
//! use ferroflow::distributions::{BaseDistribution, DiagonalStudentT};
//! use ferroflow::{autodiff::Tape, device::Device, nn::Pass, parameters::Builder, random::Key};
//! let heavy_tails = BaseDistribution::from(DiagonalStudentT { df: 5.0, ..Default::default() });
//! let builder = Builder::new();
//! let built = heavy_tails.build(&builder, 2)?;
//! let device = Device::cpu();
//! let parameters = builder.finish(&device, Key::new(1))?;
//! let tape = Tape::new(&device);
//! let pass = Pass::inference(&tape, &parameters);
//! let log_prob = built.log_prob(&pass, tape.values([1, 2], &[0.0, 0.0]));
//! assert!((log_prob.value()?.values()?[0] + (2.0 * std::f32::consts::PI).ln()).abs() < 1e-6);
//! # Ok(())
//! # }
//! ```

mod discrepancy;
mod mixture;
mod normal;
mod per_dimension;
mod student_t;

pub use discrepancy::{PairEstimator, maximum_mean_discrepancy, maximum_mean_discrepancy_by};
use mixture::BuiltMixture;
pub use mixture::Mixture;
use normal::BuiltNormal;
pub use normal::DiagonalNormal;
pub use per_dimension::PerDimension;
use rand::RngExt;
use rand_distr::{Distribution, Gamma, StandardNormal};
use serde::{Deserialize, Serialize};
use student_t::BuiltStudentT;
pub use student_t::DiagonalStudentT;

use crate::autodiff::Var;
use crate::error::Result;
use crate::nn::Pass;
use crate::ops::random;
use crate::parameters::{Builder, Parameters};
use crate::random::{Key, Stream};
use crate::tensor::Tensor;

/// The distribution that a network maps to that of the targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum BaseDistribution {
    /// Independent normal variables.
    Normal(DiagonalNormal),
    /// A multivariate Student t with diagonal scale.
    StudentT(DiagonalStudentT),
    /// A mixture of distributions.
    Mixture(Mixture),
}

impl Default for BaseDistribution {
    fn default() -> Self {
        BaseDistribution::Normal(DiagonalNormal::default())
    }
}

impl From<DiagonalNormal> for BaseDistribution {
    fn from(distribution: DiagonalNormal) -> Self {
        BaseDistribution::Normal(distribution)
    }
}

impl From<DiagonalStudentT> for BaseDistribution {
    fn from(distribution: DiagonalStudentT) -> Self {
        BaseDistribution::StudentT(distribution)
    }
}

impl From<Mixture> for BaseDistribution {
    fn from(distribution: Mixture) -> Self {
        BaseDistribution::Mixture(distribution)
    }
}

impl BaseDistribution {
    /// The distribution of `dimension` variables.
    pub fn build(&self, builder: &Builder, dimension: usize) -> Result<BuiltDistribution> {
        let kind = match self {
            BaseDistribution::Normal(normal) => Kind::Normal(normal.build(builder, dimension)?),
            BaseDistribution::StudentT(student) => Kind::StudentT(student.build(builder, dimension)?),
            BaseDistribution::Mixture(mixture) => Kind::Mixture(mixture.build(builder, dimension)?),
        };
        Ok(BuiltDistribution { kind, dimension })
    }
}

/// A base distribution of a fixed number of variables.
#[derive(Debug, Clone)]
pub struct BuiltDistribution {
    kind: Kind,
    dimension: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    Normal(BuiltNormal),
    StudentT(BuiltStudentT),
    Mixture(BuiltMixture),
}

/// Whether a log-density contains the terms that do not depend on the point: the constants and the logarithms of the scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constants {
    With,
    Without,
}

impl BuiltDistribution {
    /// Number of variables, `D`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// `ln p(z)` for `z` `[…, D]`, of shape `[…]`.
    pub fn log_prob<'t>(&self, pass: &Pass<'t>, z: Var<'t>) -> Var<'t> {
        self.log_density(pass, z, Constants::With)
    }

    /// The part of `ln p(z)` that depends on `z`: without constants and logarithms of scales.
    pub fn unnormalised_log_prob<'t>(&self, pass: &Pass<'t>, z: Var<'t>) -> Var<'t> {
        self.log_density(pass, z, Constants::Without)
    }

    fn log_density<'t>(&self, pass: &Pass<'t>, z: Var<'t>, constants: Constants) -> Var<'t> {
        match &self.kind {
            Kind::Normal(normal) => normal.log_density(pass, z, constants),
            Kind::StudentT(student) => student.log_density(pass, z, constants),
            Kind::Mixture(mixture) => mixture.log_density(pass, z, constants),
        }
    }

    /// Appends the draws with the numbers `first_row .. first_row + rows`, `[rows, D]`. A draw is a function of the key, its
    /// number and the weights alone.
    pub fn sample(
        &self,
        parameters: &Parameters,
        key: Key,
        first_row: u64,
        rows: usize,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        if let Kind::Normal(normal) = &self.kind {
            return normal.sample(parameters, key, first_row, rows, out);
        }
        let sampler = self.sampler(parameters)?;
        let start = out.len();
        out.resize(start + rows * self.dimension, 0.0);
        for (row, out) in out[start..].chunks_mut(self.dimension.max(1)).enumerate() {
            sampler.draw(&mut key.at(first_row.wrapping_add(row as u64)).stream(), out);
        }
        Ok(())
    }

    /// Fills a tensor `[rows, D]` with the draws of [`sample`](Self::sample) on its device, if that needs nothing else than standard
    /// normal numbers; false otherwise.
    pub fn fill(&self, key: Key, first_row: u64, to: &Tensor) -> Result<bool> {
        match &self.kind {
            Kind::Normal(normal) if normal.is_standard() => {
                random::fill_normal(to, key, first_row)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn sampler(&self, parameters: &Parameters) -> Result<Sampler> {
        match &self.kind {
            Kind::Normal(normal) => normal.sampler(parameters),
            Kind::StudentT(student) => student.sampler(parameters),
            Kind::Mixture(mixture) => mixture.sampler(parameters),
        }
    }
}

/// A distribution with all its numbers on the host.
enum Sampler {
    /// `location + scale · ε` with normal `ε`, times `√(ν/χ²)` for a Student t with `ν` degrees of freedom.
    LocationScale { location: Vec<f64>, scale: Vec<f64>, df: Option<f64> },
    /// Cumulative probabilities of the components.
    Mixture { cumulative: Vec<f64>, components: Vec<Sampler> },
}

impl Sampler {
    fn draw(&self, stream: &mut Stream, out: &mut [f32]) {
        match self {
            Sampler::LocationScale { location, scale, df } => {
                // χ²(ν) = 2 Gamma(ν/2, 1); the shape was found positive when the distribution was built.
                let shared = df.and_then(|df| Some((df, Gamma::new(0.5 * df, 2.0).ok()?)));
                let shared = shared.map_or(1.0, |(df, chi_squared)| (df / chi_squared.sample(stream)).sqrt());
                for ((out, location), scale) in out.iter_mut().zip(location).zip(scale) {
                    let normal: f64 = StandardNormal.sample(stream);
                    *out = (location + scale * normal * shared) as f32;
                }
            }
            Sampler::Mixture { cumulative, components } => {
                let u: f64 = stream.random();
                let index = cumulative.partition_point(|&c| c <= u).min(components.len().saturating_sub(1));
                if let Some(component) = components.get(index) {
                    component.draw(stream, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
