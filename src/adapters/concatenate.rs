//! Joining columns into one, and cutting one into several.

use serde::{Deserialize, Serialize};

use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{cast, common_dtype, describe, gather, inner_axis, rank, reshaped, with_array};
use super::keys::{Keys, take_column};
use super::names::refuse_overwriting;
use super::pass::{Context, LogDeterminants};

/// The axis of features.
const LAST: isize = -1;

fn last() -> isize {
    LAST
}

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

/// One number per data set as a column of width one.
fn as_vector(column: &Column) -> Result<Column> {
    match (column.array.shape(), &column.offsets) {
        ([], _) => reshaped(column, vec![1]),
        (&[n], None) if !column.shared => reshaped(column, vec![n, 1]),
        _ => Ok(column.clone()),
    }
}

/// Joins columns along an axis of the first.
fn join(operation: &str, parts: &[(&str, Column)], axis: isize) -> Result<(Column, usize)> {
    let Some((first_key, first)) = parts.first() else {
        return Err(Error::argument(operation, "there is no key to join; name at least one"));
    };
    let place = inner_axis(operation, first_key, first, axis)?;
    let fits = |column: &Column| {
        let (a, b) = (first.array.shape(), column.array.shape());
        a.len() == b.len() && a.iter().zip(b).enumerate().all(|(i, (a, b))| i == place || a == b)
    };
    for (key, column) in parts {
        let remedy = match (first.shared != column.shared, first.offsets.is_some() != column.offsets.is_some()) {
            (true, _) => Some("one of them is metadata of the whole batch; broadcast it first"),
            (_, true) => Some("one of them is ragged and the other is not; broadcast it first"),
            _ if first.offsets != column.offsets => {
                Some("their sets differ in size; keys of one set need equal offsets")
            }
            _ if !fits(column) => {
                Some("all axes but the joint one must agree; use as_set, expand_dims or broadcast first")
            }
            _ => None,
        };
        if let Some(remedy) = remedy {
            return Err(Error::shape(
                operation,
                format!(
                    "'{key}' ({}) cannot be joined with '{first_key}' ({}) along axis {axis}: {remedy}",
                    describe(column),
                    describe(first)
                ),
            ));
        }
    }
    let dtype = common_dtype(parts.iter().map(|(_, column)| column.array.dtype()));
    let cast_parts: Vec<Column> = parts.iter().map(|(key, column)| cast(key, column, dtype)).collect::<Result<_>>()?;
    let mut shape = first.array.shape().to_vec();
    let outer: usize = shape[..place].iter().product();
    let inner: usize = shape[place + 1..].iter().product();
    let blocks: Vec<usize> = cast_parts.iter().map(|column| column.array.shape()[place] * inner).collect();
    shape[place] = cast_parts.iter().map(|column| column.array.shape()[place]).sum();
    fn interleave<'a, T: Copy + 'a>(outer: usize, parts: &[(&'a [T], usize)]) -> Vec<T> {
        let mut out = Vec::with_capacity(parts.iter().map(|(values, _)| values.len()).sum());
        for i in 0..outer {
            parts.iter().for_each(|(values, block)| out.extend_from_slice(&values[i * block..(i + 1) * block]));
        }
        out
    }
    macro_rules! typed {
        ($variant:ident) => {{
            let slices: Vec<_> = cast_parts
                .iter()
                .zip(&blocks)
                .filter_map(|(column, &block)| match column.array.values() {
                    Values::$variant(values) => Some((values.as_slice(), block)),
                    _ => None,
                })
                .collect();
            Values::$variant(interleave(outer, &slices))
        }};
    }
    let values = match dtype {
        crate::codecs::Dtype::F64 => typed!(F64),
        crate::codecs::Dtype::F32 => typed!(F32),
        crate::codecs::Dtype::I64 => typed!(I64),
        crate::codecs::Dtype::Bool => typed!(Bool),
    };
    Ok((with_array(first, Array::new(shape, values)?), place))
}

/// Cuts a column along an axis of its array; the widths add up to the axis.
fn cut(column: &Column, place: usize, widths: &[usize]) -> Result<Vec<Column>> {
    let shape = column.array.shape();
    let outer: usize = shape[..place].iter().product();
    let inner: usize = shape[place + 1..].iter().product();
    let whole = shape[place] * inner;
    let mut start = 0;
    widths
        .iter()
        .map(|&width| {
            let rows = (0..outer).flat_map(|i| i * whole + start * inner..i * whole + (start + width) * inner);
            let indices: Vec<usize> = rows.collect();
            start += width;
            let mut part = shape.to_vec();
            part[place] = width;
            Ok(with_array(column, Array::new(part, gather(column.array.values(), &indices))?))
        })
        .collect()
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
                if count == 0 || whole % count != 0 {
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

impl std::fmt::Display for Concatenate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "concatenate {} into {}", self.keys, self.into)?;
        if self.axis != LAST {
            write!(f, " along axis {}", self.axis)?;
        }
        self.learned.as_ref().map_or(Ok(()), |learned| write!(f, " (widths {:?})", learned.widths))
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
