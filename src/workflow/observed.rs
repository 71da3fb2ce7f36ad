//! Reading what was observed: the keys, shapes and values that a model needs.

use std::path::Path;

use super::basic::Workflow;
use super::roles::repeated;
use crate::adapters::{Adapter, Transform};
use crate::approximators::Approximator;
use crate::codecs::{Values, read_arrays};
use crate::data::io::record_from_arrays;
use crate::data::{Column, Record};
use crate::error::{Error, Result, nearest};
use crate::io::VariableInfo;

impl<A: Approximator> Workflow<A> {
    /// The data and conditions in a file of arrays ([`read_arrays`]), with the parameters if `with_parameters`. Other keys are left out. One
    /// observation may come without the axis of the data sets.
    ///
    /// # Errors
    /// Keys that are missing, shapes that differ from those of the training, values that are not finite.
    pub fn read(&self, path: &Path, with_parameters: bool) -> Result<Record> {
        let in_file = |e: Error| Error::file(path, e.to_string());
        let parameters = if self.sets().is_empty() { self.parameters() } else { self.sets() };
        let needed: Vec<&VariableInfo> =
            parameters.iter().filter(|_| with_parameters).chain(self.data_variables()).collect();
        let mut arrays = read_arrays(path, |_| true)?;
        for variable in &needed {
            if !arrays.contains_key(&variable.name) {
                return Err(in_file(missing(&variable.name, &needed, arrays.keys().map(String::as_str))));
            }
        }
        arrays.retain(|key, _| needed.iter().any(|variable| belongs(key, &variable.name)));
        let axes: Vec<(&str, usize)> = needed.iter().map(|v| (v.name.as_str(), v.axes)).collect();
        let read = record_from_arrays(arrays, &axes).map_err(in_file)?;
        let datasets = read.datasets().map_err(in_file)?.unwrap_or(1);
        let mut record = Record::new();
        for variable in needed {
            let column = repeated(read.column(&variable.name)?, datasets)?;
            check_shape(variable, &column).map_err(in_file)?;
            record.insert(variable.name.as_str(), column);
        }
        check_finite(self.adapter(), &record, 0).map_err(in_file)?;
        Ok(record)
    }
}

/// True for the array of a name, its offsets and its mask.
pub(super) fn belongs(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|ending| ["", ".offsets", "_mask"].contains(&ending))
}

fn missing<'a>(key: &str, needed: &[&VariableInfo], found: impl Iterator<Item = &'a str>) -> Error {
    let found: Vec<&str> = found.collect();
    let hint = nearest(key, found.iter().copied()).map(|k| format!("rename '{k}'? ")).unwrap_or_default();
    let names: Vec<&str> = needed.iter().map(|v| v.name.as_str()).collect();
    let keys = if found.is_empty() { "none".to_string() } else { found.join(", ") };
    Error::key(key, format!("is missing; {hint}the model needs: {}; the file holds: {keys}", names.join(", ")))
}

/// The number of values of each data set, or of each element of a set, is that of the training.
fn check_shape(variable: &VariableInfo, column: &Column) -> Result<()> {
    let VariableInfo { name, dimension, axes } = variable;
    let shape = column.array.shape();
    let found_axes = shape.len() + usize::from(column.offsets.is_some());
    // A last axis of size one may be left out or added.
    let width = |outer: usize| shape.iter().skip(outer).product::<usize>();
    let fits = match (&column.offsets, *axes) {
        (Some(_), 0..=1) => false,
        (Some(_), _) => width(1) == *dimension,
        (None, 0..=2) if found_axes <= 2 && *dimension > 1 => width(1) == *dimension,
        (None, 0..=1) => width(1) == *dimension,
        // Vectors have the width of the training; sets may have any number of elements.
        (None, 2) => width(1) == *dimension || (*dimension == 1 && (found_axes == 2 || width(2) == 1)),
        (None, _) => found_axes == *axes && (width(2) == *dimension || width(1) == *dimension),
    };
    if fits {
        return Ok(());
    }
    let ragged = if column.offsets.is_some() { " (ragged)" } else { "" };
    Err(Error::shape(
        name,
        format!(
            "has the shape {shape:?}{ragged}, the model was trained with {axes} axes and {dimension} values for each data \
             set or element; give arrays of the same form"
        ),
    ))
}

/// An error for the first value that is not finite in a column whose missing values the adapter does not treat. `first` is the
/// number of the first data set.
pub(super) fn check_finite(adapter: &Adapter, record: &Record, first: usize) -> Result<()> {
    let treated: Vec<&String> = adapter
        .iter()
        .flat_map(|transform| match transform {
            Transform::NanToNum(t) => &t.keys[..],
            Transform::DropMissing(t) => &t.keys[..],
            _ => &[],
        })
        .collect();
    if treated.iter().any(|key| !record.contains(key)) {
        // They have another name in the data; what reaches the networks is checked later.
        return Ok(());
    }
    for (key, column) in record.columns().filter(|(key, _)| !treated.iter().any(|k| k == key)) {
        let Some((at, value)) = first_not_finite(column.array.values()) else { continue };
        let rows = column.array.shape().first().copied().unwrap_or(1).max(1);
        let row = at / (column.array.len() / rows).max(1);
        let dataset = match &column.offsets {
            Some(offsets) => offsets.partition_point(|&o| o <= row) - 1,
            None => row,
        };
        let message = format!(
            "is {value} in data set {}; remove the data set, or train with '{key}' named as missing (--missing {key}) if \
             NaN means that it was not measured",
            first + dataset
        );
        return Err(Error::value(key, message));
    }
    Ok(())
}

fn first_not_finite(values: &Values) -> Option<(usize, f64)> {
    match values {
        Values::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
        Values::F32(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(v[i]))),
        Values::I64(_) | Values::Bool(_) => None,
    }
}
