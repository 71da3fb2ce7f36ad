//! Elementwise transforms without state: logarithm, root, multiple, shift, named functions.

use serde::{Deserialize, Serialize};

use crate::data::Record;
use crate::error::{Error, Result};

use super::constant::{Constant, spread};
use super::elementwise::Elementwise;
use super::function::NamedFunction;
use super::keys::{Keys, Selection, present};
use super::scalar_map::ScalarMap;

/// `ln x`, or `ln(1 + x)` with `p1`; back by `eᵘ` or `eᵘ − 1`; log-determinant `−Σ ln x` or `−Σ ln(1 + x)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The columns.
    pub keys: Keys,
    /// True for `ln(1 + x)`.
    #[serde(default)]
    pub p1: bool,
}

/// `√x`; back by `u²`; log-determinant `Σ(−½ ln x − ln 2)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sqrt {
    /// The columns.
    pub keys: Keys,
}

/// `a·x`; back by `u/a`; log-determinant `Σ ln |a|`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scale {
    /// The columns.
    pub keys: Keys,
    /// The factor, not zero.
    pub by: Constant,
}

/// `x + a`; back by `u − a`; no log-determinant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shift {
    /// The columns.
    pub keys: Keys,
    /// What is added.
    pub by: Constant,
}

/// A [`NamedFunction`]; back by its own inverse or another one; log-determinant `Σ ln |f′(x)|`. (The peer has no
/// log-determinant here, so that no density can be had through it.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The function.
    pub forward: NamedFunction,
    /// The function that undoes it, where it is not the inverse of [`Apply::forward`] itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inverse: Option<NamedFunction>,
}

impl Scale {
    pub(super) fn check(&self) -> Result<()> {
        match self.by.values().iter().find(|by| **by == 0.0 || !by.is_finite()) {
            Some(by) => Err(Error::argument(
                format!("scale '{}'", self.keys),
                format!("the factor {by} cannot be undone; give finite numbers other than 0"),
            )),
            None => Ok(()),
        }
    }
}

impl Elementwise for Log {
    fn name(&self) -> &'static str {
        if self.p1 { "log1p" } else { "log" }
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        present(&self.keys, record, strict)
    }

    fn maps(&self, _key: &str, _shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        let function = if self.p1 { NamedFunction::Log1p } else { NamedFunction::Log };
        Ok(vec![ScalarMap::Named { function, inverse: None }])
    }
}

impl Elementwise for Sqrt {
    fn name(&self) -> &'static str {
        "sqrt"
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        present(&self.keys, record, strict)
    }

    fn maps(&self, _key: &str, _shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        Ok(vec![ScalarMap::Named { function: NamedFunction::Sqrt, inverse: None }])
    }
}

impl Elementwise for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        present(&self.keys, record, strict)
    }

    fn maps(&self, key: &str, shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        spread("scale", key, shape, [&self.by], |[by]| ScalarMap::Scale { by })
    }
}

impl Elementwise for Shift {
    fn name(&self) -> &'static str {
        "shift"
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        present(&self.keys, record, strict)
    }

    fn maps(&self, key: &str, shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        spread("shift", key, shape, [&self.by], |[by]| ScalarMap::Shift { by })
    }
}

impl Elementwise for Apply {
    fn name(&self) -> &'static str {
        "apply"
    }

    fn keys(&self, record: &Record, strict: bool, _inverse: bool) -> Result<Vec<String>> {
        self.select.keys(record, strict)
    }

    fn maps(&self, _key: &str, _shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        Ok(vec![ScalarMap::Named { function: self.forward, inverse: self.inverse }])
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name(), self.keys)
    }
}

impl std::fmt::Display for Sqrt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sqrt {}", self.keys)
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "scale {} by {}", self.keys, self.by)
    }
}

impl std::fmt::Display for Shift {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "shift {} by {}", self.keys, self.by)
    }
}

impl std::fmt::Display for Apply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "apply {} to {}", self.forward.name(), self.select)?;
        self.inverse.map_or(Ok(()), |inverse| write!(f, ", back by {}", inverse.name()))
    }
}
