//! The rule of a multivariate normal distribution: its negative log-density.

use rand_distr::{Distribution, StandardNormal};

use super::link::select;
use super::score::{BuiltScore, Density, PointDensity};
use super::{Head, Link, Transformation};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::Pass;
use crate::parameters::Parameters;
use crate::random::Stream;

/// `ln p(θ) = −½ ‖L(θ − μ)‖² + Σ ln Lᵢᵢ − ½ D ln 2π`, with the precision `LᵀL`; draws are `μ + L⁻¹ε`.
pub(super) struct MvNormal {
    heads: [Head; 2],
    dimension: usize,
}

impl MvNormal {
    pub(super) fn new(dimension: usize) -> Self {
        let mean = Head {
            name: "mean".into(),
            shape: vec![dimension],
            link: Link::default(),
            transformation: Transformation::LocationScale,
        };
        let factor = Head {
            name: "precision_cholesky_factor".into(),
            shape: vec![dimension, dimension],
            link: Link::CholeskyFactor,
            transformation: Transformation::RightSideScaleInverse,
        };
        MvNormal { heads: [mean, factor], dimension }
    }

    fn constant(&self) -> f64 {
        -0.5 * self.dimension as f64 * std::f64::consts::TAU.ln()
    }
}

impl BuiltScore for MvNormal {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn scores<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        -self.log_prob(pass, estimates, targets)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Density for MvNormal {
    fn log_prob<'t>(&self, _: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        let (d, [mean, factor]) = (self.dimension, [estimates[0], estimates[1]]);
        let centred = targets - mean;
        let rows = centred.shape().rows();
        let residual = (factor * centred.reshape([rows, 1, d])).sum_last();
        let diagonal = select(factor.reshape([factor.shape().elements() / (d * d), d * d]), d, |i| i * (d + 1));
        let log_det = diagonal.map(Function::Log).sum_last();
        residual.map(Function::Square).sum_last().affine(-0.5, self.constant()) + log_det
    }

    fn at(&self, _: &Parameters, estimates: &[&[f64]]) -> Result<Box<dyn PointDensity>> {
        let d = self.dimension;
        match *estimates {
            [mean, factor] if mean.len() == d && factor.len() == d * d => {
                let log_det: f64 = (0..d).map(|i| factor[i * (d + 1)].ln()).sum();
                let (mean, factor) = (mean.to_vec(), factor.to_vec());
                Ok(Box::new(AtPoint { mean, factor, constant: self.constant() + log_det }))
            }
            _ => {
                let message =
                    format!("estimates of {d} variables are a mean [{d}] and a factor [{d}, {d}]; give these two");
                Err(Error::shape("mv-normal", message))
            }
        }
    }
}

struct AtPoint {
    mean: Vec<f64>,
    /// `L`, row-major.
    factor: Vec<f64>,
    constant: f64,
}

impl PointDensity for AtPoint {
    fn log_prob(&self, x: &[f64]) -> f64 {
        let centred: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        let residual = |row: &[f64]| -> f64 { row.iter().zip(&centred).map(|(l, c)| l * c).sum() };
        let squares: f64 = self.factor.chunks(self.mean.len()).map(|row| residual(row).powi(2)).sum();
        self.constant - 0.5 * squares
    }

    /// Solves `L y = ε` from the first row on.
    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let d = self.mean.len();
        for i in 0..d {
            let row = &self.factor[i * d..][..d];
            let normal: f64 = StandardNormal.sample(stream);
            let known: f64 = row[..i].iter().zip(&*out).map(|(l, y)| l * y).sum();
            out[i] = (normal - known) / row[i];
        }
        out.iter_mut().zip(&self.mean).for_each(|(y, mean)| *y += mean);
    }
}
