//! Records in `.npz` files.
//!
//! The first axis of every key is the data set. Sets whose sizes differ: `KEY` holds the elements of all data sets, and
//! `KEY.offsets` (int64, `datasets + 1`) where each data set starts. Padded input is accepted too: `KEY`
//! `[datasets, longest, …]` with `KEY_mask` `[datasets, longest]` (1 = real). Metadata of the whole batch is repeated for
//! each data set when it is written.

use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::codecs::{Array, Values, npz};
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};

/// Ending of the key that holds where each data set of a ragged key starts.
pub(super) const OFFSETS: &str = ".offsets";
/// Ending of the key that says which elements of a padded key are real.
pub(super) const MASK: &str = "_mask";

/// The record in a file. `axes` as in [`record_from_arrays`].
pub fn read_npz(path: impl AsRef<Path>, axes: &[(&str, usize)]) -> Result<Record> {
    let path = path.as_ref();
    record_from_arrays(npz::read(path)?, axes).map_err(|e| Error::file(path, e.to_string()))
}

/// Writes a record to a file, all of it or nothing.
pub fn write_npz(path: impl AsRef<Path>, record: &Record) -> Result<()> {
    let arrays = record_to_arrays(record)?;
    npz::write(path, arrays.iter().map(|(key, array)| (key.as_str(), array)))
}

/// The columns that named arrays describe, checked.
///
/// `axes` tells for keys that are known how many axes they have with the data-set axis, a set's axis of elements included.
/// Where all of them have one axis less, the arrays are one observation, and the axis is added to every key. Without
/// `axes` the first axis is taken for the data set.
pub fn record_from_arrays(mut arrays: IndexMap<String, Array>, axes: &[(&str, usize)]) -> Result<Record> {
    let is_companion = |key: &str, ending: &str| key.strip_suffix(ending).is_some_and(|main| arrays.contains_key(main));
    let companions: Vec<String> =
        arrays.keys().filter(|key| is_companion(key, OFFSETS) || is_companion(key, MASK)).cloned().collect();
    if let Some(orphan) = arrays.keys().find(|key| key.ends_with(OFFSETS) && !companions.contains(key)) {
        let main = orphan.strip_suffix(OFFSETS).unwrap_or(orphan);
        return Err(Error::key(orphan, format!("belongs to '{main}', which is missing; add '{main}'")));
    }
    let mut taken = IndexMap::new();
    for key in companions {
        taken.extend(arrays.shift_remove_entry(&key));
    }
    if is_one_observation(&arrays, &taken, axes)? {
        for array in arrays.values_mut() {
            let (shape, values) = array.clone().into_parts();
            *array = Array::new([&[1], shape.as_slice()].concat(), values)?;
        }
    }
    let mut record = Record::new();
    for (key, array) in arrays {
        let offsets = taken.get(&format!("{key}{OFFSETS}"));
        let mask = taken.get(&format!("{key}{MASK}"));
        let column = match (offsets, mask) {
            (Some(_), Some(_)) => {
                return Err(Error::key(
                    key,
                    "has offsets and a mask; give offsets for elements one after the other, a mask for padded ones",
                ));
            }
            (Some(offsets), None) => ragged(&key, array, offsets)?,
            (None, Some(mask)) => padded(&key, array, mask)?,
            (None, None) if array.shape().is_empty() => Column::shared(array),
            (None, None) => dense(&key, array)?,
        };
        record.insert(key, column);
    }
    record.datasets()?;
    Ok(record)
}

/// True when every key that is known lacks the data-set axis.
fn is_one_observation(
    arrays: &IndexMap<String, Array>,
    companions: &IndexMap<String, Array>,
    axes: &[(&str, usize)],
) -> Result<bool> {
    let mut lacking = None;
    let mut complete = None;
    for (key, expected) in axes {
        let Some(array) = arrays.get(*key) else { continue };
        let is_ragged = companions.contains_key(&format!("{key}{OFFSETS}"));
        let is_scalar_metadata = array.shape().is_empty() && *expected == 1;
        if !is_ragged && array.shape().len() + 1 == *expected {
            if !is_scalar_metadata {
                lacking = Some((*key, array.shape()));
            }
        } else {
            complete = Some((*key, array.shape()));
        }
    }
    match (lacking, complete) {
        (Some((key, shape)), Some((other, other_shape))) => Err(Error::shape(
            key,
            format!(
                "has shape {shape:?} without an axis for the data set, but '{other}' has {other_shape:?} with one; give \
                 one observation with that axis left out of every key, or data sets with it in every key"
            ),
        )),
        (Some(_), None) if !companions.is_empty() => Err(Error::shape(
            "offsets, masks",
            "were given for one observation without an axis for the data set; leave them out",
        )),
        (lacking, _) => Ok(lacking.is_some()),
    }
}

fn dense(key: &str, array: Array) -> Result<Column> {
    match array.shape() {
        [0, ..] => Err(Error::value(key, "holds no data set; give at least one")),
        shape @ [_, rest @ ..] if rest.contains(&0) => {
            Err(Error::value(key, format!("has the shape {shape:?}, an empty set; every data set needs an element")))
        }
        _ => Ok(Column::dense(array)),
    }
}

fn ragged(key: &str, array: Array, offsets: &Array) -> Result<Column> {
    let name = format!("{key}{OFFSETS}");
    let (Values::I64(values), [_]) = (offsets.values(), offsets.shape()) else {
        return Err(Error::shape(
            name,
            format!("has shape {:?} of type {:?}; give datasets + 1 integers", offsets.shape(), offsets.dtype()),
        ));
    };
    let Some(&elements) = array.shape().first() else {
        return Err(Error::shape(key, "is a single number, but has offsets; its first axis counts the elements"));
    };
    if values.len() < 2 {
        return Err(Error::value(name, format!("holds {} numbers; give datasets + 1, at least 2", values.len())));
    }
    let starts: Vec<usize> = values
        .iter()
        .map(|&v| usize::try_from(v).map_err(|_| Error::value(&name, format!("holds {v}; offsets are 0 or more"))))
        .collect::<Result<_>>()?;
    let column = Column::ragged(array, starts).map_err(|e| Error::value(&name, e.to_string()))?;
    let offsets = column.offsets.as_deref().unwrap_or_default();
    match offsets.windows(2).position(|w| w[0] == w[1]) {
        Some(i) => Err(Error::value(
            key,
            format!("data set {i} is an empty set ({elements} elements in all); every data set needs an element"),
        )),
        None => Ok(column),
    }
}

/// Real elements of padded data sets. They must lie side by side, because a gap inside a series would shift time.
fn padded(key: &str, array: Array, mask: &Array) -> Result<Column> {
    let name = format!("{key}{MASK}");
    let [datasets, longest, inner @ ..] = array.shape() else {
        return Err(Error::shape(
            key,
            format!("has shape {:?} and a mask; a padded key has the axes [datasets, longest, …]", array.shape()),
        ));
    };
    let (datasets, longest) = (*datasets, *longest);
    if mask.shape() != [datasets, longest] {
        return Err(Error::shape(
            name,
            format!("has shape {:?}, '{key}' has {:?}; give [{datasets}, {longest}]", mask.shape(), array.shape()),
        ));
    }
    let flags = mask.to_f64();
    if let Some(bad) = flags.iter().find(|f| **f != 0.0 && **f != 1.0) {
        return Err(Error::value(name, format!("holds {bad}; 1 marks a real element, 0 padding")));
    }
    let mut rows = Vec::new();
    let mut offsets = vec![0];
    for i in 0..datasets {
        let real = |j: &usize| flags[i * longest + j] == 1.0;
        let (Some(first), Some(last)) = ((0..longest).find(real), (0..longest).rfind(real)) else {
            return Err(Error::value(name, format!("marks no element of data set {i} as real, an empty set")));
        };
        if let Some(gap) = (first..last).find(|j| !real(j)) {
            return Err(Error::value(
                name,
                format!(
                    "has a gap at element {gap} of data set {i}; padding stands before or after the real elements, so \
                     move them together"
                ),
            ));
        }
        rows.extend((first..=last).map(|j| i * longest + j));
        offsets.push(rows.len());
    }
    if datasets == 0 {
        return Err(Error::value(key, "holds no data set; give at least one"));
    }
    let flat = [&[datasets * longest], inner].concat();
    let elements = Column::dense(Array::new(flat, array.into_parts().1)?).select(&rows)?;
    Column::ragged(elements.array, Arc::<[usize]>::from(offsets))
}

/// The named arrays of a record, as a file holds them. A group's columns are named `group/key`.
pub fn record_to_arrays(record: &Record) -> Result<IndexMap<String, Array>> {
    let mut arrays = IndexMap::new();
    let datasets = record.datasets()?;
    add_arrays(record, "", datasets.unwrap_or(1), &mut arrays)?;
    Ok(arrays)
}

fn add_arrays(record: &Record, prefix: &str, datasets: usize, arrays: &mut IndexMap<String, Array>) -> Result<()> {
    let mut add = |key: String, array: Array| match arrays.insert(key.clone(), array) {
        None => Ok(()),
        Some(_) => {
            Err(Error::key(key, "would be written twice; rename the variable whose key ends like that of offsets"))
        }
    };
    for (key, column) in record.columns() {
        let key = format!("{prefix}{key}");
        let array = if column.shared { repeated(&column.array, datasets)? } else { column.array.clone() };
        add(key.clone(), array)?;
        if let Some(offsets) = &column.offsets {
            let starts = offsets.iter().map(|&o| o as i64).collect();
            add(format!("{key}{OFFSETS}"), Array::new([offsets.len()], Values::I64(starts))?)?;
        }
    }
    for (key, entry) in record.iter() {
        if let Entry::Group(group) = entry {
            add_arrays(group, &format!("{prefix}{key}/"), datasets, arrays)?;
        }
    }
    Ok(())
}

fn repeated(array: &Array, datasets: usize) -> Result<Array> {
    let shape = [&[datasets], array.shape()].concat();
    let values = match array.values() {
        Values::F64(v) => Values::F64(v.repeat(datasets)),
        Values::F32(v) => Values::F32(v.repeat(datasets)),
        Values::I64(v) => Values::I64(v.repeat(datasets)),
        Values::Bool(v) => Values::Bool(v.repeat(datasets)),
    };
    Array::new(shape, values)
}

#[cfg(test)]
#[path = "io_tests.rs"]
mod tests;
