//! The canonical variables of a batch, as plain numbers on the host.

use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};

/// Rows of numbers: `[rows, columns]`, row-major.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Number of columns.
    pub columns: usize,
    /// The values.
    pub values: Vec<f64>,
}

impl Matrix {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.max(1)
    }
}

/// Sets or series of rows: data set `i` owns the rows `offsets[i] .. offsets[i + 1]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sets {
    /// The rows of all data sets.
    pub elements: Matrix,
    /// Where each data set starts; one more number than data sets.
    pub offsets: Vec<u32>,
}

/// The canonical variables of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Number of data sets.
    pub datasets: usize,
    /// What is to be inferred, `[datasets, D]`; absent when conditions are given only.
    pub inference_variables: Option<Matrix>,
    /// What the inference network is given directly, `[datasets, C]`.
    pub inference_conditions: Option<Matrix>,
    /// What the summary network reads.
    pub summary_variables: Option<Sets>,
    /// Weight of each data set in the loss, `[datasets]`.
    pub sample_weight: Option<Vec<f64>>,
}

impl Batch {
    /// The canonical variables of an adapted record; other keys are ignored. Values that are not finite and empty sets are
    /// errors that name the data set.
    pub fn from_record(record: &Record) -> Result<Batch> {
        let mut batch = Batch::default();
        let mut counted: Option<(&str, usize)> = None;
        let mut count = |key: &'static str, n: usize| match counted {
            Some((first, m)) if m != n => {
                Err(Error::shape(key, format!("has {n} data sets, but '{first}' has {m}; give as many of each")))
            }
            _ => {
                counted = Some((key, n));
                Ok(())
            }
        };
        for (key, slot) in [
            ("inference_variables", &mut batch.inference_variables),
            ("inference_conditions", &mut batch.inference_conditions),
        ] {
            if let Some(column) = column(record, key)? {
                let matrix = matrix(key, column)?;
                count(key, matrix.rows())?;
                *slot = Some(matrix);
            }
        }
        if let Some(column) = column(record, "summary_variables")? {
            let sets = sets("summary_variables", column)?;
            count("summary_variables", sets.offsets.len() - 1)?;
            batch.summary_variables = Some(sets);
        }
        if let Some(column) = column(record, "sample_weight")? {
            let weights = matrix("sample_weight", column)?;
            if weights.columns != 1 {
                return Err(Error::shape(
                    "sample_weight",
                    format!("has {} columns; give one weight per data set", weights.columns),
                ));
            }
            count("sample_weight", weights.rows())?;
            batch.sample_weight = Some(weights.values);
        }
        batch.datasets = counted.map_or(0, |(_, n)| n);
        Ok(batch)
    }
}

fn column<'a>(record: &'a Record, key: &str) -> Result<Option<&'a Column>> {
    match record.iter().find(|(k, _)| *k == key) {
        None => Ok(None),
        Some((_, Entry::Column(column))) => Ok(Some(column)),
        Some((_, Entry::Group(_))) => {
            Err(Error::key(key, "is a group of columns; concatenate it to one column, or use a fusion network"))
        }
    }
}

fn matrix(key: &str, column: &Column) -> Result<Matrix> {
    let shape = column.array.shape();
    if column.shared || column.offsets.is_some() || shape.is_empty() || shape.len() > 2 {
        let what = if column.offsets.is_some() {
            "ragged"
        } else if column.shared {
            "shared by the batch"
        } else {
            "not a table"
        };
        let message = format!(
            "a column of shape {shape:?} that is {what}; expected one row per data set, [datasets, features]; reshape it with the adapter (broadcast, squeeze, as_set for summary variables)"
        );
        return Err(Error::shape(key, message));
    }
    let matrix = Matrix { columns: shape.get(1).copied().unwrap_or(1), values: column.array.to_f64() };
    check_finite(key, &matrix, |row| row)?;
    Ok(matrix)
}

fn sets(key: &str, column: &Column) -> Result<Sets> {
    let shape = column.array.shape();
    let values = column.array.to_f64();
    let sets = match (&column.offsets, shape) {
        (Some(offsets), [_, rest @ ..]) if rest.len() <= 1 => Sets {
            elements: Matrix { columns: rest.first().copied().unwrap_or(1), values },
            offsets: offsets.iter().map(|&o| o as u32).collect(),
        },
        (None, &[datasets, size, features]) if !column.shared => Sets {
            elements: Matrix { columns: features, values },
            offsets: (0..=datasets).map(|i| (i * size) as u32).collect(),
        },
        _ => {
            let message = format!(
                "a column of shape {shape:?}; expected sets or series [datasets, elements, features], or ragged ones [elements, features]; use as_set in the adapter"
            );
            return Err(Error::shape(key, message));
        }
    };
    if sets.elements.columns == 0 {
        return Err(Error::shape(key, "has no feature; give at least one"));
    }
    if let Some(empty) = sets.offsets.windows(2).position(|w| w[0] == w[1]) {
        return Err(Error::value(
            key,
            format!("data set {empty} is an empty set; every set needs at least one element"),
        ));
    }
    check_finite(key, &sets.elements, |row| sets.offsets.partition_point(|&o| o as usize <= row) - 1)?;
    Ok(sets)
}

fn check_finite(key: &str, matrix: &Matrix, dataset_of: impl Fn(usize) -> usize) -> Result<()> {
    match matrix.values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let (value, dataset) = (matrix.values[index], dataset_of(index / matrix.columns.max(1)));
            let remedy = match value.is_nan() {
                true => "remove the data set, or mark missing values with nan_to_num in the adapter",
                false => "remove the data set, or make the bound inclusive if a value lies on a bound of constrain",
            };
            let message = format!("is {value} in data set {dataset}; {remedy}");
            Err(Error::value(key, message))
        }
    }
}
