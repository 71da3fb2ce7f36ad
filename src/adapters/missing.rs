//! Missing values.

use serde::{Deserialize, Serialize};

use crate::codecs::{Array, Values};
use crate::data::Record;
use crate::error::{Error, Result};

use super::columns::{map, with_array};
use super::keys::{Keys, find, present, replace};
use super::names::refuse_overwriting;
use super::pass::Context;

/// Replaces NaN by a number; with `return_mask` it adds the column `{mask_prefix}_{key}`, true where a value was observed.
///
/// Going back, NaN returns where the mask is false, or without `return_mask` wherever a value equals `default_value`. In a
/// lenient pass missing keys are skipped, and where the mask is missing the values stay. Infinities are left alone. (The peer replaces infinities by the largest finite
/// numbers, asks for every key, and also minds a column with the name of the mask if no mask is wanted; the first of
/// these is reproduced with `peer_compatible`.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NanToNum {
    /// The columns.
    pub keys: Keys,
    /// What stands for a missing value.
    #[serde(default)]
    pub default_value: f64,
    /// True to add the mask.
    #[serde(default)]
    pub return_mask: bool,
    /// What the name of the mask begins with.
    #[serde(default = "mask")]
    pub mask_prefix: String,
}

pub(super) fn mask() -> String {
    "mask".to_owned()
}

impl NanToNum {
    pub(super) fn mask_key(&self, key: &str) -> String {
        format!("{}_{key}", self.mask_prefix)
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.default_value.is_nan() {
            true => Err(Error::argument(
                format!("nan_to_num '{}'", self.keys),
                "the default value is NaN itself; give a number",
            )),
            false => Ok(()),
        }
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = find(record, &key)?;
            let out = match column.array.values() {
                Values::F64(_) | Values::F32(_) => map(column, |_, x| {
                    Ok(match x {
                        _ if x.is_nan() => self.default_value,
                        _ if context.peer => x.clamp(f64::MIN, f64::MAX),
                        _ => x,
                    })
                })?,
                _ => column.clone(),
            };
            if self.return_mask {
                let observed = column.array.to_f64().into_iter().map(|x| !x.is_nan()).collect();
                let mask = with_array(column, Array::new(column.array.shape(), Values::Bool(observed))?);
                refuse_overwriting("nan_to_num", &self.mask_key(&key), record)?;
                replace(record, &self.mask_key(&key), mask)?;
            }
            replace(record, &key, out)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, false)? {
            let column = find(record, &key)?;
            let out = if self.return_mask {
                let mask = match find(record, &self.mask_key(&key)) {
                    Err(_) if !context.strict => continue,
                    mask => mask?,
                };
                if mask.array.shape() != column.array.shape() {
                    return Err(Error::shape(
                        self.mask_key(&key),
                        format!("has the shape {:?}, but '{key}' has {:?}", mask.array.shape(), column.array.shape()),
                    ));
                }
                let observed = mask.array.to_f64();
                map(column, |i, x| Ok(if observed[i] == 0.0 { f64::NAN } else { x }))?
            } else {
                map(column, |_, x| Ok(if x == self.default_value { f64::NAN } else { x }))?
            };
            replace(record, &key, out)?;
        }
        Ok(())
    }

    /// A value that was replaced has no influence.
    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        for key in self.keys.iter() {
            if self.return_mask {
                gradient.remove(&self.mask_key(key));
            }
            let (Ok(column), Ok(outer)) = (find(before, key), find(gradient, key)) else { continue };
            super::elementwise::check_shapes(key, column, outer)?;
            let x = column.array.to_f64();
            let inner = map(outer, |i, g| Ok(if x[i].is_nan() { 0.0 } else { g }))?;
            replace(gradient, key, inner)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for NanToNum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nan_to_num {} by {}", self.keys, self.default_value)?;
        if self.return_mask { write!(f, ", with mask {}_…", self.mask_prefix) } else { Ok(()) }
    }
}
