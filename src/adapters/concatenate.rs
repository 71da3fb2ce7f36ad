//! Joining columns into one.

use serde::{Deserialize, Serialize};

use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{describe, inner_axis, rank, reshaped};
use super::joining::{LAST, as_vector, cut, join, last};
use super::keys::{Keys, take_column};
use super::names::refuse_overwriting;
use super::pass::{Context, LogDeterminants};

/// Joins columns along an axis into the column `into`; going back, cuts it at the widths learned in training, also with
/// further axes in front such as those of draws.
///
/// All parts must be of one kind: dense, ragged with equal offsets, or shared. They take a common type. One number per
/// data set, `[datasets]`, counts as `[datasets, 1]`. The log-determinants of the parts are added up. Other widths than
/// those learned are an error. (The peer cuts such data wrongly.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concatenate {
    /// The parts, in order.
    pub keys: Keys,
    /// The joint column.
    pub into: String,
    /// The axis, counted with the data sets as axis 0.
    #[serde(default = "last")]
    pub axis: isize,
    /// What the way back needs, learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Widths>,
}

/// How a joint column is made up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Widths {
    /// The width of each part.
    pub widths: Vec<usize>,
    /// The axis of the joint column, counted from the end.
    pub axis: isize,
    /// Number of axes of the joint column.
    pub rank: usize,
    /// The parts that had no axis but the data sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scalars: Vec<String>,
}

impl Concatenate {
    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::argument(format!("concatenate into '{}'", self.into), message));
        if self.keys.is_empty() {
            return fault("there is no key to join; name at least one".into());
        }
        match self.keys.iter().enumerate().find(|(i, key)| self.keys[..*i].contains(key)) {
            Some((_, key)) => fault(format!("the key '{key}' is named twice")),
            None => Ok(()),
        }
    }

    fn parts(&self, record: &Record) -> Result<Vec<(&str, Column)>> {
        self.keys.iter().map(|key| Ok((key.as_str(), as_vector(record.column(key)?)?))).collect()
    }

    fn widths(&self, record: &Record) -> Result<Widths> {
        let parts = self.parts(record)?;
        let (joint, place) = join("concatenate", &parts, self.axis)?;
        let scalar = |key: &&String| {
            record.column(key).is_ok_and(|c| c.array.shape().len() + usize::from(c.shared) == 1 && c.offsets.is_none())
        };
        Ok(Widths {
            widths: parts.iter().map(|(_, column)| column.array.shape()[place]).collect(),
            axis: place as isize - joint.array.shape().len() as isize,
            rank: rank(&joint),
            scalars: self.keys.iter().filter(scalar).cloned().collect(),
        })
    }

    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        if self.learned.is_none() && (context.strict || self.keys.iter().all(|key| record.contains(key))) {
            self.learned = Some(self.widths(record)?);
        }
        Ok(())
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        if !context.strict && self.learned.is_none() {
            return Err(self.unlearned());
        }
        if let Some(missing) = self.keys.iter().find(|key| !record.contains(key)) {
            if context.strict {
                return Err(record.missing(missing));
            }
            self.keys.iter().for_each(|key| drop(record.remove(key)));
            return Ok(());
        }
        let parts = self.parts(record)?;
        if let Some(learned) = &self.learned {
            let found = self.widths(record)?.widths;
            if found != learned.widths {
                return Err(Error::shape(
                    "concatenate",
                    format!(
                        "the parts {} of '{}' have widths {found:?}, but {:?} were learned in training; give data of those \
                         widths or fit a new adapter",
                        self.keys, self.into, learned.widths
                    ),
                ));
            }
        }
        let (joint, _) = join("concatenate", &parts, self.axis)?;
        self.keys.iter().for_each(|key| drop(record.remove(key)));
        refuse_overwriting("concatenate", &self.into, record)?;
        record.insert(self.into.as_str(), joint);
        match log_det {
            Some(log_det) => self.keys.iter().try_for_each(|key| log_det.move_entry(key, &self.into)),
            None => Ok(()),
        }
    }

    fn unlearned(&self) -> Error {
        Error::argument(
            format!("concatenate into '{}'", self.into),
            "the widths of the parts are not known yet; fit the adapter on training data first",
        )
    }

    pub(super) fn inverse(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        let learned = self.learned.as_ref().ok_or_else(|| self.unlearned())?;
        if !record.contains(&self.into) {
            return if context.strict { Err(record.missing(&self.into)) } else { Ok(()) };
        }
        if log_det.is_some_and(|log_det| log_det.contains(&self.into)) {
            return Err(Error::key(
                &self.into,
                "carries a log-determinant of its own, which cannot be attributed to the parts it is made of; put the \
                 elementwise transforms before the concatenation",
            ));
        }
        let joint = take_column(record, &self.into)?;
        let place = inner_axis("concatenate", &self.into, &joint, learned.axis)?;
        if joint.array.shape()[place] != learned.widths.iter().sum::<usize>() {
            return Err(Error::shape(
                "concatenate",
                format!(
                    "'{}' ({}) cannot be cut into {} of widths {:?}; give as many numbers as the adapter was fitted with",
                    self.into,
                    describe(&joint),
                    self.keys,
                    learned.widths
                ),
            ));
        }
        for (key, part) in self.keys.iter().zip(cut(&joint, place, &learned.widths)?) {
            let scalar = learned.scalars.contains(key) && rank(&part) == learned.rank;
            let shape = part.array.shape();
            let part = if scalar { reshaped(&part, shape[..shape.len() - 1].to_vec())? } else { part };
            record.insert(key.as_str(), part);
        }
        Ok(())
    }

    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        if !gradient.contains(&self.into) || self.keys.iter().any(|key| !before.contains(key)) {
            return Ok(());
        }
        let joint = take_column(gradient, &self.into)?;
        let widths = self.widths(before)?;
        let place = inner_axis("concatenate", &self.into, &joint, widths.axis)?;
        if joint.array.shape()[place] != widths.widths.iter().sum::<usize>() {
            return Err(Error::shape(
                "concatenate",
                format!(
                    "the gradient of '{}' ({}) does not fit the parts of widths {:?}",
                    self.into,
                    describe(&joint),
                    widths.widths
                ),
            ));
        }
        for (key, part) in self.keys.iter().zip(cut(&joint, place, &widths.widths)?) {
            let shape = before.column(key)?.array.shape().to_vec();
            gradient.insert(key.as_str(), reshaped(&part, shape)?);
        }
        Ok(())
    }
}

impl std::fmt::Display for Concatenate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "concatenate {} into {}", self.keys, self.into)?;
        if self.axis != LAST {
            write!(f, " along axis {}", self.axis)?;
        }
        self.learned.as_ref().map_or(Ok(()), |learned| write!(f, " (widths {:?})", learned.widths))
    }
}
