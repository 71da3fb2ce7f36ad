//! Sets without their missing elements.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{describe, gather, scatter_add, with_array};
use super::keys::{Keys, find, present, replace};
use super::pass::{Context, LogDeterminants};
use super::select::forget;

/// Leaves out the missing elements of sets and the missing steps of series, so that each data set keeps its real ones:
/// `[datasets, n, …]` and ragged columns become ragged. The keys form one set: they have the same elements, and an element
/// is left out of all of them or of none.
///
/// A value is missing where it is NaN. A data set must keep at least one element. Going back, what was left out stays out; in a
/// lenient pass missing keys are skipped. The steps of a series that remain move together: give their times as a key, too,
/// where they matter. (The peer has no such transform.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DropMissing {
    /// The columns of the set.
    pub keys: Keys,
    /// Which elements are missing.
    #[serde(default)]
    pub how: How,
    /// A new column `[datasets, 1]` with the number of elements that remain, without which a network that averages over elements does
    /// not know how much was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
}

/// Which elements [`DropMissing`] leaves out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Those with a NaN.
    #[default]
    Any,
    /// Those with nothing but NaN.
    All,
}

/// The elements of a set that remain.
struct Kept {
    elements: Vec<usize>,
    offsets: Arc<[usize]>,
}

/// Where each data set of a column starts among its elements.
fn bounds(key: &str, column: &Column) -> Result<Vec<usize>> {
    match (&column.offsets, column.array.shape()) {
        (Some(offsets), _) => Ok(offsets.to_vec()),
        (None, &[datasets, size, ..]) if !column.shared => Ok((0..=datasets).map(|i| i * size).collect()),
        _ => Err(Error::shape(
            "drop_missing",
            format!(
                "'{key}' ({}) has no axis of elements; give sets [datasets, n, …], or use nan_to_num",
                describe(column)
            ),
        )),
    }
}

/// Numbers of one element of a set.
fn width(column: &Column) -> usize {
    column.array.shape().iter().skip(if column.offsets.is_some() { 1 } else { 2 }).product()
}

impl DropMissing {
    fn is_missing(&self, column: &Column, element: usize) -> bool {
        let range = element * width(column)..(element + 1) * width(column);
        fn holds<T: Copy>(how: How, values: &[T], is_nan: impl Fn(T) -> bool) -> bool {
            match how {
                How::Any => values.iter().any(|&x| is_nan(x)),
                How::All => values.iter().all(|&x| is_nan(x)),
            }
        }
        match column.array.values() {
            Values::F64(v) => holds(self.how, &v[range], f64::is_nan),
            Values::F32(v) => holds(self.how, &v[range], f32::is_nan),
            Values::I64(_) | Values::Bool(_) => false,
        }
    }

    fn kept(&self, keys: &[String], record: &Record) -> Result<Option<Kept>> {
        let Some(first) = keys.first() else { return Ok(None) };
        let bounds_of_first = bounds(first, find(record, first)?)?;
        let columns = keys.iter().map(|key| find(record, key)).collect::<Result<Vec<_>>>()?;
        for (key, column) in keys.iter().zip(&columns) {
            if bounds(key, column)? != bounds_of_first {
                let message = format!(
                    "'{key}' ({}) and '{first}' ({}) do not have the same elements; name the keys of one set only",
                    describe(column),
                    describe(columns[0])
                );
                return Err(Error::shape("drop_missing", message));
            }
        }
        let (mut elements, mut offsets) = (Vec::new(), vec![0]);
        for (dataset, ends) in bounds_of_first.windows(2).enumerate() {
            elements.extend((ends[0]..ends[1]).filter(|&element| {
                let mut missing = columns.iter().map(|column| self.is_missing(column, element));
                !match self.how {
                    How::Any => missing.any(|is| is),
                    How::All => missing.all(|is| is),
                }
            }));
            if offsets.last() == Some(&elements.len()) {
                let message = format!(
                    "all {} elements of data set {dataset} are missing, and drop_missing keeps none; remove the data set",
                    ends[1] - ends[0]
                );
                return Err(Error::value(self.keys.to_string(), message));
            }
            offsets.push(elements.len());
        }
        Ok(Some(Kept { elements, offsets: offsets.into() }))
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        let keys = present(&self.keys, record, context.strict)?;
        let Some(kept) = self.kept(&keys, record)? else { return Ok(()) };
        for key in keys {
            let column = part(find(record, &key)?, &kept)?.0;
            forget(log_det.as_deref_mut(), &key, context, "drop_missing");
            replace(record, &key, column)?;
        }
        if let Some(count) = &self.count {
            let sizes: Vec<f64> = kept.offsets.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
            let array = Array::f64([sizes.len(), 1], sizes)?;
            record.insert(count, Column { array, offsets: None, shared: false });
        }
        Ok(())
    }

    /// What was left out has no influence.
    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        if let Some(count) = &self.count {
            gradient.remove(count);
        }
        let keys = present(&self.keys, before, false)?;
        let Some(kept) = self.kept(&keys, before)? else { return Ok(()) };
        for key in keys {
            let Ok(outer) = find(gradient, &key) else { continue };
            let column = find(before, &key)?;
            let (after, indices) = part(column, &kept)?;
            super::elementwise::check_shapes(&key, &after, outer)?;
            let sums = scatter_add(&outer.array.to_f64(), &indices, column.array.len());
            let inner = with_array(column, Array::f64(column.array.shape(), sums)?);
            replace(gradient, &key, inner)?;
        }
        Ok(())
    }
}

/// The elements that remain of a column, and the flat index that each number was taken from.
fn part(column: &Column, kept: &Kept) -> Result<(Column, Vec<usize>)> {
    let (width, outer) = (width(column), if column.offsets.is_some() { 1 } else { 2 });
    let indices: Vec<usize> = kept.elements.iter().flat_map(|i| i * width..(i + 1) * width).collect();
    let shape: Vec<usize> =
        std::iter::once(kept.elements.len()).chain(column.array.shape().iter().skip(outer).copied()).collect();
    let array = Array::new(shape, gather(column.array.values(), &indices))?;
    Ok((Column { array, offsets: Some(kept.offsets.clone()), shared: false }, indices))
}

impl std::fmt::Display for DropMissing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let how = match self.how {
            How::Any => "any",
            How::All => "all",
        };
        write!(f, "drop_missing {}, where {how} is NaN", self.keys)?;
        self.count.iter().try_for_each(|count| write!(f, ", number of the others in {count}"))
    }
}
