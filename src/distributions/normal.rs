//! Independent normal variables.

use serde::{Deserialize, Serialize};

use super::per_dimension::Numbers;
use super::{Constants, PerDimension, Sampler};
use crate::autodiff::Var;
use crate::device::Device;
use crate::error::Result;
use crate::math::Function;
use crate::nn::Pass;
use crate::ops::random;
use crate::parameters::{Builder, Parameters};
use crate::random::Key;

/// `ln p(z) = −½ Σ ((z − μ)/s)² − ½ D ln 2π − Σ ln |s|`; draws are `μ + s ε`.
///
/// Mean and scale are constants, or with `trainable_parameters` the weights `mean` and `std` `[D]`. A trained scale has no
/// link to the positive numbers; its sign does not matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiagonalNormal {
    /// The mean `μ`.
    pub mean: PerDimension,
    /// The standard deviation `s`.
    pub std: PerDimension,
    /// Whether training changes them.
    pub trainable_parameters: bool,
}

impl Default for DiagonalNormal {
    fn default() -> Self {
        DiagonalNormal { mean: 0.0.into(), std: 1.0.into(), trainable_parameters: false }
    }
}

/// The distribution for a number of dimensions.
#[derive(Debug, Clone)]
pub(super) struct BuiltNormal {
    mean: Numbers,
    std: Numbers,
    dimension: usize,
}

impl DiagonalNormal {
    pub(super) fn build(&self, builder: &Builder, dimension: usize) -> Result<BuiltNormal> {
        let weights = self.trainable_parameters.then_some(builder);
        Ok(BuiltNormal {
            mean: Numbers::build(&self.mean, "mean", dimension, weights, Numbers::FINITE)?,
            std: Numbers::build(&self.std, "std", dimension, weights, Numbers::POSITIVE)?,
            dimension,
        })
    }
}

/// `(z − location) / scale`, where either may be absent from the formula.
pub(super) fn standardised<'t>(pass: &Pass<'t>, z: Var<'t>, location: &Numbers, scale: &Numbers) -> Var<'t> {
    let centred = if location.are_always(0.0) { z } else { z - location.var(pass) };
    if scale.are_always(1.0) { centred } else { centred / scale.var(pass) }
}

/// `value − Σ ln |scale|`.
pub(super) fn minus_log_scale<'t>(pass: &Pass<'t>, value: Var<'t>, scale: &Numbers) -> Var<'t> {
    if scale.are_always(1.0) {
        return value;
    }
    value - scale.var(pass).map(Function::Abs).map(Function::Log).sum()
}

impl BuiltNormal {
    pub(super) fn log_density<'t>(&self, pass: &Pass<'t>, z: Var<'t>, constants: Constants) -> Var<'t> {
        let squares = standardised(pass, z, &self.mean, &self.std).map(Function::Square).sum_last();
        match constants {
            Constants::Without => squares * -0.5,
            Constants::With => {
                let constant = -0.5 * self.dimension as f64 * std::f64::consts::TAU.ln();
                minus_log_scale(pass, squares.affine(-0.5, constant), &self.std)
            }
        }
    }

    /// Whether it is the standard normal distribution, whatever the weights.
    pub(super) fn is_standard(&self) -> bool {
        self.mean.are_always(0.0) && self.std.are_always(1.0)
    }

    /// By the device's generator of normal numbers.
    pub(super) fn sample(
        &self,
        parameters: &Parameters,
        key: Key,
        first_row: u64,
        rows: usize,
        out: &mut Vec<f32>,
    ) -> Result<()> {
        // Asking a GPU for so few numbers takes longer than drawing them.
        let device = parameters.device();
        let host = if device.computes_behind() { Device::cpu() } else { device.clone() };
        let draws = random::normal(&host, key, first_row, [rows, self.dimension])?.values()?;
        if self.is_standard() {
            out.extend(draws);
            return Ok(());
        }
        let (mean, std) = (self.mean.host(parameters)?, self.std.host(parameters)?);
        out.extend(draws.iter().enumerate().map(|(i, &draw)| {
            let column = i % self.dimension;
            (mean[column] + std[column] * f64::from(draw)) as f32
        }));
        Ok(())
    }

    pub(super) fn sampler(&self, parameters: &Parameters) -> Result<Sampler> {
        Ok(Sampler::LocationScale {
            location: self.mean.host(parameters)?,
            scale: self.std.host(parameters)?,
            df: None,
        })
    }
}
