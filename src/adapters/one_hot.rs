//! Labels as indicator vectors.

use serde::{Deserialize, Serialize};

use crate::codecs::{Array, Values};
use crate::data::Record;
use crate::error::{Error, Result};

use super::columns::{describe, place, rank, with_array};
use super::keys::{Keys, find, present, replace};
use super::pass::Context;

/// Turns labels `0 … num_classes − 1` into vectors with a one at the label, f32, along a new last axis; going back, the
/// position of the largest entry, an integer.
///
/// A last axis of size one is replaced: labels `[datasets, 1]` become `[datasets, classes]`. (The peer keeps it, giving
/// `[datasets, 1, classes]`; so does `peer_compatible`.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneHot {
    /// The columns.
    pub keys: Keys,
    /// Number of classes.
    pub num_classes: usize,
    /// The columns whose last axis was replaced, learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub squeezed: Vec<String>,
}

impl OneHot {
    fn replaces_last(column: &crate::data::Column) -> bool {
        let own = usize::from(!column.shared);
        rank(column) > own
            && column.array.shape().len() > usize::from(!column.shared)
            && column.array.shape().last() == Some(&1)
    }

    pub(super) fn check(&self) -> Result<()> {
        match self.num_classes {
            0 => Err(Error::argument(format!("one_hot '{}'", self.keys), "num_classes is 0; give at least 1")),
            _ => Ok(()),
        }
    }

    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            if !context.peer && OneHot::replaces_last(find(record, &key)?) && !self.squeezed.contains(&key) {
                self.squeezed.push(key);
            }
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = find(record, &key)?;
            let labels = column.array.to_f64();
            let mut out = vec![0f32; labels.len() * self.num_classes];
            for (i, &label) in labels.iter().enumerate() {
                if label.fract() != 0.0 || !(0.0..self.num_classes as f64).contains(&label) {
                    return Err(Error::value(
                        &key,
                        format!(
                            "the value {label}{} is no label; one_hot takes whole numbers from 0 to {}",
                            place(column, i),
                            self.num_classes - 1
                        ),
                    ));
                }
                out[i * self.num_classes + label as usize] = 1.0;
            }
            let mut shape = column.array.shape().to_vec();
            if !context.peer && OneHot::replaces_last(column) {
                shape.pop();
            }
            shape.push(self.num_classes);
            let column = with_array(column, Array::new(shape, Values::F32(out))?);
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = find(record, &key)?;
            let mut shape = column.array.shape().to_vec();
            if shape.last() != Some(&self.num_classes) {
                return Err(Error::shape(
                    "one_hot",
                    format!("the last axis of '{key}' ({}) is not {} classes", describe(column), self.num_classes),
                ));
            }
            let scores = column.array.to_f64();
            let labels = scores
                .chunks(self.num_classes)
                .map(|row| row.iter().enumerate().fold(0, |best, (i, x)| if *x > row[best] { i } else { best }) as i64)
                .collect();
            shape.pop();
            if self.squeezed.contains(&key) {
                shape.push(1);
            }
            let column = with_array(column, Array::new(shape, Values::I64(labels))?);
            replace(record, &key, column)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for OneHot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "one_hot {}, {} classes", self.keys, self.num_classes)
    }
}
