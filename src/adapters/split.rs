//! Cutting one column into several.

use serde::{Deserialize, Serialize};

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{inner_axis, rank, with_array};
use super::joining::{LAST, cut, join, last};
use super::keys::{Keys, take_column};
use super::names::refuse_overwriting;
use super::pass::{Context, LogDeterminants};

/// Where [`Split`] cuts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Sections {
    /// Into so many equal parts.
    Equal(usize),
    /// Before these indices.
    At(Vec<usize>),
}

/// Cuts a column along an axis into several, equal ones if nothing else is said; going back, joins them.
///
/// A log-determinant of the whole stays under the old key, and those of the parts become unknown, because it cannot be
/// attributed to them: cut first, then transform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The column.
    pub key: String,
    /// The parts, in order.
    pub into: Keys,
    /// Where to cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices_or_sections: Option<Sections>,
    /// The axis, counted with the data sets as axis 0.
    #[serde(default = "last")]
    pub axis: isize,
    /// Number of axes of the column, learned; it tells the way back how many axes draws have put in front.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<usize>,
}

impl Split {
    fn widths(&self, column: &Column) -> Result<(usize, Vec<usize>)> {
        let place = inner_axis("split", &self.key, column, self.axis)?;
        let whole = column.array.shape()[place];
        let fault = |message: String| Err(Error::argument(format!("split '{}'", self.key), message));
        let widths: Vec<usize> = match &self.indices_or_sections {
            Some(Sections::At(indices)) => {
                let ends = indices.iter().chain([&whole]);
                let starts = [&0].into_iter().chain(indices);
                match starts.zip(ends).map(|(start, end)| end.checked_sub(*start)).collect::<Option<Vec<usize>>>() {
                    Some(widths) => widths,
                    None => {
                        return fault(format!(
                            "the indices {indices:?} are not increasing or exceed the size {whole} of axis {}",
                            self.axis
                        ));
                    }
                }
            }
            other => {
                let count = if let Some(Sections::Equal(count)) = other { *count } else { self.into.len() };
                if count == 0 || !whole.is_multiple_of(count) {
                    return fault(format!(
                        "axis {} of size {whole} cannot be cut into {count} equal parts; give the indices to cut at",
                        self.axis
                    ));
                }
                vec![whole / count; count]
            }
        };
        if widths.len() != self.into.len() {
            return fault(format!("{} parts are cut, but {} names were given", widths.len(), self.into.len()));
        }
        Ok((place, widths))
    }

    pub(super) fn learn(&mut self, record: &Record, _context: &Context) -> Result<()> {
        if self.learned.is_none() && record.contains(&self.key) {
            self.learned = Some(rank(record.column(&self.key)?));
        }
        Ok(())
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        if !record.contains(&self.key) {
            return if context.strict { Err(record.missing(&self.key)) } else { Ok(()) };
        }
        let column = take_column(record, &self.key)?;
        let (place, widths) = self.widths(&column)?;
        let unattributed = log_det.filter(|log_det| !context.peer && log_det.contains(&self.key));
        for (key, part) in self.into.iter().zip(cut(&column, place, &widths)?) {
            refuse_overwriting("split", key, record)?;
            record.insert(key.as_str(), part);
        }
        if let Some(log_det) = unattributed {
            let reason =
                format!("it was split off '{}' after a transform of it; split first, then transform", self.key);
            self.into.iter().for_each(|key| log_det.mark_unknown(key, reason.as_str()));
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        if let Some(missing) = self.into.iter().find(|key| !record.contains(key)) {
            if context.strict {
                return Err(record.missing(missing));
            }
            self.into.iter().for_each(|key| drop(record.remove(key)));
            return Ok(());
        }
        let parts: Vec<(&str, Column)> =
            self.into.iter().map(|key| Ok((key.as_str(), take_column(record, key)?))).collect::<Result<_>>()?;
        let axis = match self.learned {
            Some(rank) if self.axis >= 0 => self.axis - rank as isize,
            _ => self.axis,
        };
        let (column, _) = join("split", &parts, axis)?;
        record.insert(self.key.as_str(), column);
        Ok(())
    }

    /// Joins the gradients of the parts, zeros for those without.
    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        if !self.into.iter().any(|key| gradient.contains(key)) || !before.contains(&self.key) {
            return Ok(());
        }
        let column = before.column(&self.key)?;
        let (place, widths) = self.widths(column)?;
        let mut parts = Vec::with_capacity(widths.len());
        for (key, part) in self.into.iter().zip(cut(column, place, &widths)?) {
            let part = match gradient.contains(key) {
                true => take_column(gradient, key)?,
                false => with_array(&part, Array::f64(part.array.shape(), vec![0.0; part.array.len()])?),
            };
            parts.push((key.as_str(), part));
        }
        let (column, _) = join("split", &parts, self.axis)?;
        gradient.insert(self.key.as_str(), column);
        Ok(())
    }
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "split {} into {}", self.key, self.into)?;
        match &self.indices_or_sections {
            Some(Sections::At(indices)) => write!(f, " at {indices:?}")?,
            _ => write!(f, " equally")?,
        }
        if self.axis == LAST { Ok(()) } else { write!(f, " along axis {}", self.axis) }
    }
}
