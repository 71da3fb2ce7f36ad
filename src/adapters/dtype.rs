//! Element types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codecs::{Array, Dtype};
use crate::data::{Column, Record};
use crate::error::Result;

use super::columns::{cast, dtype_name};
use super::keys::{Keys, Selection, find, present, replace};
use super::pass::Context;

/// Casts columns of one type to another, and back.
///
/// Only columns of the type `from_dtype` are cast, and going back only columns of the type `to_dtype`. (The peer casts
/// whatever the type, so that integers and masks become floating point, and going back to `from_dtype`; so does
/// `peer_compatible`.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvertDtype {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The type in data space.
    pub from_dtype: Dtype,
    /// The type in network space.
    pub to_dtype: Dtype,
}

impl ConvertDtype {
    fn convert(&self, record: &mut Record, from: Dtype, to: Dtype, strict: bool, peer: bool) -> Result<()> {
        for key in self.select.keys(record, strict)? {
            let column = find(record, &key)?;
            if peer || column.array.dtype() == from {
                let column = cast(&key, column, to)?;
                replace(record, &key, column)?;
            }
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        self.convert(record, self.from_dtype, self.to_dtype, context.strict, context.peer)
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        self.convert(record, self.to_dtype, self.from_dtype, false, context.peer)
    }
}

/// Casts columns to a type whatever they were; going back restores the type that was seen in training. (The peer's
/// method of this name cannot be called.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapDtype {
    /// The columns.
    pub keys: Keys,
    /// The type in network space.
    pub to_dtype: Dtype,
    /// The types in data space, learned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, Dtype>,
}

impl MapDtype {
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let dtype = find(record, &key)?.array.dtype();
            self.learned.entry(key).or_insert(dtype);
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = cast(&key, find(record, &key)?, self.to_dtype)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            if let Some(&dtype) = self.learned.get(&key) {
                let column = cast(&key, find(record, &key)?, dtype)?;
                replace(record, &key, column)?;
            }
        }
        Ok(())
    }
}

/// Makes arrays of scalars: a record holds nothing but arrays, so that going forward nothing changes. Going back, a
/// column that was one number in training and still has one element becomes one number again. Columns never seen before
/// pass through. (In the peer they are an error.)
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToArray {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The columns that were one number, learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scalars: Vec<String>,
}

impl ToArray {
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        for key in self.select.keys(record, context.strict)? {
            if find(record, &key)?.array.shape().is_empty() && !self.scalars.contains(&key) {
                self.scalars.push(key);
            }
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        self.select.keys(record, context.strict).map(drop)
    }

    pub(super) fn inverse(&self, record: &mut Record, _context: &Context) -> Result<()> {
        for key in self.select.keys(record, false)? {
            let column = find(record, &key)?;
            if self.scalars.contains(&key) && column.array.len() == 1 {
                let array = Array::new([], column.array.values().clone())?;
                replace(record, &key, Column::shared(array))?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for ConvertDtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "convert_dtype {} from {} to {}", self.select, dtype_name(self.from_dtype), dtype_name(self.to_dtype))
    }
}

impl std::fmt::Display for MapDtype {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "map_dtype {} to {}", self.keys, dtype_name(self.to_dtype))
    }
}

impl std::fmt::Display for ToArray {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "to_array {}", self.select)
    }
}
