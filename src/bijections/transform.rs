//! The maps of single numbers that couplings apply, with parameters from a network.

use serde::{Deserialize, Serialize};

use crate::autodiff::Var;
use crate::error::Result;
use crate::ops::{Direction, Spline};

/// `y = s x + b` with a positive `s` (Dinh et al. 2017, arXiv:1605.08803).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Affine {
    /// Whether the raw scale is bent by asinh first, so that the scale grows only logarithmically with it.
    pub clamp: bool,
}

impl Default for Affine {
    fn default() -> Self {
        Affine { clamp: true }
    }
}

/// Which map a coupling applies to each variable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Transform {
    /// Scale and shift.
    Affine(Affine),
    /// A monotone rational-quadratic spline.
    Spline(Spline),
}

impl Default for Transform {
    fn default() -> Self {
        Transform::Affine(Affine::default())
    }
}

impl From<Affine> for Transform {
    fn from(affine: Affine) -> Self {
        Transform::Affine(affine)
    }
}

impl From<Spline> for Transform {
    fn from(spline: Spline) -> Self {
        Transform::Spline(spline)
    }
}

impl Transform {
    /// Raw parameters per variable.
    pub fn parameters(&self) -> usize {
        match self {
            Transform::Affine(_) => 2,
            Transform::Spline(spline) => spline.parameters(),
        }
    }

    /// An error that names the first option that is out of range.
    pub fn check(&self) -> Result<()> {
        match self {
            Transform::Affine(_) => Ok(()),
            Transform::Spline(spline) => spline.check(),
        }
    }

    /// Applies the map to `x` `[…, n]` with raw parameters `[…, n · parameters]`: the result and the log-determinant `[…]`.
    pub fn apply<'t>(&self, x: Var<'t>, raw: Var<'t>, direction: Direction) -> (Var<'t>, Var<'t>) {
        match self {
            Transform::Affine(affine) => x.coupling_affine(raw, direction, affine.clamp),
            Transform::Spline(spline) => x.coupling_spline(raw, direction, spline),
        }
    }

    /// The name.
    pub fn name(&self) -> &'static str {
        match self {
            Transform::Affine(_) => "affine",
            Transform::Spline(_) => "spline",
        }
    }
}
