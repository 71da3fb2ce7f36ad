//! Parts of columns: given indices, random subsets.

use std::sync::Arc;

use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::random::Key;

use super::columns::{Axis, axis, describe, gather, scatter_add, with_array};
use super::keys::{Keys, Selection, find, present, replace};
use super::pass::{Context, LogDeterminants, Randomness};

fn last() -> isize {
    -1
}

/// Takes the given positions of an axis. Along the set axis of a ragged column every set must have them, and the result is
/// rectangular. Going back, nothing changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Take {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The positions; negative ones count from the end.
    pub indices: Positions,
    /// The axis, counted with the data sets as axis 0.
    #[serde(default = "last")]
    pub axis: isize,
}

/// Positions along an axis; a single one may be written as a number, and the axis stays.
pub type Positions = super::shape::Axes;

/// How many [`RandomSubsample`] takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SampleSize {
    /// So many.
    Count(usize),
    /// This fraction, between 0 and 1, rounded to the nearest number, halves to the even one.
    Fraction(f64),
}

impl From<usize> for SampleSize {
    fn from(count: usize) -> Self {
        SampleSize::Count(count)
    }
}

impl From<f64> for SampleSize {
    fn from(fraction: f64) -> Self {
        SampleSize::Fraction(fraction)
    }
}

/// Takes a random subset along an axis, in random order and the same for all data sets of the batch; along the set axis of
/// a ragged column one for each data set. Going back, nothing changes. Randomness comes from the key of the pass.
/// (In the peer a fraction is an error.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomSubsample {
    /// The column.
    pub key: String,
    /// How many to take.
    pub sample_size: SampleSize,
    /// The axis, counted with the data sets as axis 0.
    #[serde(default = "last")]
    pub axis: isize,
}

/// A part of a column, and for each of its elements the flat index it was taken from.
type Part = (Column, Vec<usize>);

/// Takes positions along an axis; `choose(data set, size)` says which, and is asked once for an axis that is not ragged.
/// If it always gives as many (`equal`), a ragged axis becomes rectangular.
fn part(
    operation: &str,
    key: &str,
    column: &Column,
    number: isize,
    equal: bool,
    choose: impl Fn(Option<usize>, usize) -> Result<Vec<usize>>,
) -> Result<Part> {
    let shape = column.array.shape();
    let (indices, shape, offsets) = match (axis(operation, key, column, number)?, &column.offsets) {
        (Axis::Inner(place), offsets) => {
            let inner: usize = shape[place + 1..].iter().product();
            let outer: usize = shape[..place].iter().product();
            let chosen = choose(None, shape[place])?;
            let indices: Vec<usize> = (0..outer)
                .flat_map(|i| {
                    chosen.iter().flat_map(move |j| (0..inner).map(move |k| (i * shape[place] + j) * inner + k))
                })
                .collect();
            let mut out = shape.to_vec();
            out[place] = chosen.len();
            (indices, out, offsets.clone())
        }
        (Axis::Elements, Some(offsets)) => {
            let row: usize = shape[1..].iter().product();
            let (mut rows, mut starts) = (Vec::new(), vec![0]);
            for (i, bounds) in offsets.windows(2).enumerate() {
                rows.extend(choose(Some(i), bounds[1] - bounds[0])?.into_iter().map(|j| bounds[0] + j));
                starts.push(rows.len());
            }
            let indices = rows.iter().flat_map(|r| r * row..(r + 1) * row).collect();
            let size = starts[1..].first().copied().unwrap_or(0);
            let out = match equal {
                true => [starts.len() - 1, size].into_iter().chain(shape[1..].iter().copied()).collect(),
                false => std::iter::once(rows.len()).chain(shape[1..].iter().copied()).collect(),
            };
            (indices, out, (!equal).then(|| Arc::from(starts)))
        }
        _ => {
            return Err(Error::shape(
                operation,
                format!("axis {number} of '{key}' ({}) is the data sets; name an axis behind it", describe(column)),
            ));
        }
    };
    let array = Array::new(shape, gather(column.array.values(), &indices))?;
    Ok((Column { array, offsets, shared: column.shared }, indices))
}

fn pull(key: &str, column: &Column, part: Part, gradient: &mut Record) -> Result<()> {
    let Ok(outer) = find(gradient, key) else { return Ok(()) };
    super::elementwise::check_shapes(key, &part.0, outer)?;
    let sums = scatter_add(&outer.array.to_f64(), &part.1, column.array.len());
    let inner = with_array(column, Array::f64(column.array.shape(), sums)?);
    replace(gradient, key, inner)
}

/// A log-determinant of the whole is not that of a part.
pub(super) fn forget(log_det: Option<&mut LogDeterminants>, key: &str, context: &Context, transform: &str) {
    if let Some(log_det) = log_det.filter(|log_det| log_det.contains(key) && !context.peer) {
        log_det.mark_unknown(key, format!("{transform} comes after a transform of it; choose first, then transform"));
    }
}

impl Take {
    fn part(&self, key: &str, column: &Column) -> Result<Part> {
        part("take", key, column, self.axis, true, |dataset, size| {
            let position = |&i: &isize| {
                usize::try_from(if i < 0 { i + size as isize } else { i }).ok().filter(|&i| i < size).ok_or_else(|| {
                    let place = dataset.map_or_else(String::new, |i| format!(" of data set {i}"));
                    Error::argument(
                        "take",
                        format!(
                            "index {i} does not exist in axis {} of '{key}'{place}, which has size {size}; use indices \
                             below it",
                            self.axis
                        ),
                    )
                })
            };
            self.indices.0.iter().map(position).collect()
        })
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for key in self.select.keys(record, context.strict)? {
            let (column, _) = self.part(&key, find(record, &key)?)?;
            forget(log_det.as_deref_mut(), &key, context, "take");
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        for key in self.select.keys(before, false)? {
            let column = find(before, &key)?;
            pull(&key, column, self.part(&key, column)?, gradient)?;
        }
        Ok(())
    }
}

/// The numbers below `size` in the order that a key draws.
fn permutation(key: Key, size: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..size).collect();
    order.shuffle(&mut key.stream());
    order
}

impl RandomSubsample {
    pub(super) fn check(&self) -> Result<()> {
        match self.sample_size {
            SampleSize::Fraction(f) if !(f > 0.0 && f < 1.0) => Err(Error::argument(
                format!("random_subsample '{}'", self.key),
                format!("the sample size {f} is neither a whole number nor a fraction between 0 and 1"),
            )),
            _ => Ok(()),
        }
    }

    fn part(&self, column: &Column, context: &Context) -> Result<Part> {
        let fault = |message: String| Error::argument(format!("random_subsample '{}'", self.key), message);
        let equal = matches!(self.sample_size, SampleSize::Count(_));
        part("random_subsample", &self.key, column, self.axis, equal, |dataset, size| {
            let place = dataset.map_or_else(String::new, |i| format!(" of data set {i}"));
            let count = match self.sample_size {
                SampleSize::Count(count) => count,
                SampleSize::Fraction(fraction) => (fraction * size as f64).round_ties_even() as usize,
            };
            if count == 0 {
                return Err(fault(format!("no element would be left of axis {}{place}, of size {size}", self.axis)));
            }
            if count > size {
                return Err(fault(format!(
                    "{count} were asked for, but axis {}{place} has only {size}; ask for fewer or for a fraction",
                    self.axis
                )));
            }
            let mut order = match &context.randomness {
                Randomness::Key(key) => {
                    let key = key.fork("random_subsample").fork(&self.key);
                    permutation(dataset.map_or(key, |i| key.at(i as u64)), size)
                }
                Randomness::Order(order) => {
                    let mut seen = vec![false; size];
                    let proper = order.len() == size
                        && order.iter().all(|&i| i < size && !std::mem::replace(&mut seen[i], true));
                    match proper {
                        true => order.clone(),
                        false => return Err(fault(format!("the given order is no permutation of {size} positions"))),
                    }
                }
                Randomness::None => {
                    return Err(fault("a random subset needs a key; pass strictness.with_key(key)".into()));
                }
            };
            order.truncate(count);
            Ok(order)
        })
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for key in present(&Keys::from(self.key.as_str()), record, context.strict)? {
            let (column, _) = self.part(find(record, &key)?, context)?;
            replace(record, &key, column)?;
        }
        forget(log_det, &self.key, context, "random_subsample");
        Ok(())
    }

    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record, context: &Context) -> Result<()> {
        let Ok(column) = find(before, &self.key) else { return Ok(()) };
        pull(&self.key, column, self.part(column, context)?, gradient)
    }
}

impl std::fmt::Display for Take {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "take {:?} of {} along axis {}", self.indices.0, self.select, self.axis)
    }
}

impl std::fmt::Display for RandomSubsample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.sample_size {
            SampleSize::Count(count) => write!(f, "random_subsample {count} of {}", self.key)?,
            SampleSize::Fraction(fraction) => write!(f, "random_subsample {}% of {}", 100.0 * fraction, self.key)?,
        }
        write!(f, " along axis {}", self.axis)
    }
}
