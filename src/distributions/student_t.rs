//! The multivariate Student t.

use serde::{Deserialize, Serialize};

use super::normal::{minus_log_scale, standardised};
use super::per_dimension::Numbers;
use super::{Constants, PerDimension, Sampler};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::{Function, ln_gamma};
use crate::nn::Pass;
use crate::parameters::{Builder, Parameters};

/// A multivariate Student t with diagonal scale: heavy tails in every direction at once.
///
/// With `q = Σ ((z − μ)/s)²`:
/// `ln p(z) = −½(ν + D) ln(1 + q/ν) − ½ D ln(νπ) − ln Γ(ν/2) + ln Γ((ν + D)/2) − Σ ln |s|`; draws are `μ + s ε √(ν/χ²)` with one
/// `χ²` for all dimensions of a draw.
///
/// Location and scale are constants, or with `trainable_parameters` the weights `loc` and `scale` `[D]`. The degrees of
/// freedom are never trained. (Alexanderson & Henter 2020, arXiv:2006.06599)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiagonalStudentT {
    /// The degrees of freedom `ν`.
    pub df: f64,
    /// The location `μ`.
    pub loc: PerDimension,
    /// The scale `s`.
    pub scale: PerDimension,
    /// Whether training changes location and scale.
    pub trainable_parameters: bool,
}

impl Default for DiagonalStudentT {
    fn default() -> Self {
        DiagonalStudentT { df: 25.0, loc: 0.0.into(), scale: 1.0.into(), trainable_parameters: false }
    }
}

/// The distribution for a number of dimensions.
#[derive(Debug, Clone)]
pub(super) struct BuiltStudentT {
    df: f64,
    loc: Numbers,
    scale: Numbers,
    dimension: usize,
}

impl DiagonalStudentT {
    pub(super) fn build(&self, builder: &Builder, dimension: usize) -> Result<BuiltStudentT> {
        if !(self.df > 0.0 && self.df.is_finite()) {
            return Err(Error::argument("df", format!("{} was given; a finite number above 0 is expected", self.df)));
        }
        let weights = self.trainable_parameters.then_some(builder);
        Ok(BuiltStudentT {
            df: self.df,
            loc: Numbers::build(&self.loc, "loc", dimension, weights, Numbers::FINITE)?,
            scale: Numbers::build(&self.scale, "scale", dimension, weights, Numbers::POSITIVE)?,
            dimension,
        })
    }
}

impl BuiltStudentT {
    pub(super) fn log_density<'t>(&self, pass: &Pass<'t>, z: Var<'t>, constants: Constants) -> Var<'t> {
        let (df, dimension) = (self.df, self.dimension as f64);
        let squares = standardised(pass, z, &self.loc, &self.scale).map(Function::Square).sum_last();
        let tail = (squares * (1.0 / df)).map(Function::Log1p);
        let power = -0.5 * (df + dimension);
        match constants {
            Constants::Without => tail * power,
            Constants::With => {
                let constant = ln_gamma(0.5 * (df + dimension))
                    - ln_gamma(0.5 * df)
                    - 0.5 * dimension * (df * std::f64::consts::PI).ln();
                minus_log_scale(pass, tail.affine(power, constant), &self.scale)
            }
        }
    }

    pub(super) fn sampler(&self, parameters: &Parameters) -> Result<Sampler> {
        let location = self.loc.host(parameters)?;
        Ok(Sampler::LocationScale { location, scale: self.scale.host(parameters)?, df: Some(self.df) })
    }
}
