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

/// Sets, series or images as rows: data set `i` owns the rows `offsets[i] .. offsets[i + 1]`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sets {
    /// Which input of a fusion network this is; empty if there is only one input.
    pub name: String,
    /// The rows of all data sets.
    pub elements: Matrix,
    /// Where each data set starts; one more number than data sets.
    pub offsets: Vec<u32>,
    /// Height and width of every data set, if the rows are the pixels of images.
    pub grid: Option<[usize; 2]>,
}

impl Sets {
    /// Sets or series that are the only input.
    pub fn new(elements: Matrix, offsets: Vec<u32>) -> Self {
        Sets { elements, offsets, ..Sets::default() }
    }
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
    /// What the summary network reads: nothing, one input, or several in alphabetical order of their names.
    pub summary_variables: Vec<Sets>,
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
        batch.summary_variables = summary_variables(record)?;
        for sets in &batch.summary_variables {
            count("summary_variables", sets.offsets.len() - 1)?;
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

impl Batch {
    /// The first data set of each run of `run` neighbours; `None` where the summary variables differ within a run.
    pub(super) fn first_of_runs(&self, run: usize) -> Option<Batch> {
        if run == 0 || !self.datasets.is_multiple_of(run) {
            return None;
        }
        let of_sets = |sets: &Sets| {
            let width = sets.elements.columns;
            let rows = |i: usize| {
                &sets.elements.values[sets.offsets[i] as usize * width..sets.offsets[i + 1] as usize * width]
            };
            let mut values = Vec::new();
            let mut offsets = vec![0];
            for first in (0..self.datasets).step_by(run) {
                if (first + 1..first + run).any(|other| rows(other) != rows(first)) {
                    return None;
                }
                values.extend_from_slice(rows(first));
                offsets.push((values.len() / width) as u32);
            }
            let elements = Matrix { columns: width, values };
            Some(Sets { name: sets.name.clone(), elements, offsets, grid: sets.grid })
        };
        let conditions = |matrix: &Matrix| Matrix {
            columns: matrix.columns,
            values: matrix.values.chunks(matrix.columns.max(1)).step_by(run).flatten().copied().collect(),
        };
        Some(Batch {
            datasets: self.datasets / run,
            inference_variables: None,
            inference_conditions: self.inference_conditions.as_ref().map(conditions),
            summary_variables: self.summary_variables.iter().map(of_sets).collect::<Option<_>>()?,
            sample_weight: None,
        })
    }
}

fn column<'a>(record: &'a Record, key: &str) -> Result<Option<&'a Column>> {
    match record.iter().find(|(k, _)| *k == key) {
        None => Ok(None),
        Some((_, Entry::Column(column))) => Ok(Some(column)),
        Some((_, Entry::Group(_))) => {
            Err(Error::key(key, "is a group of columns, but a single one is expected; concatenate it in the adapter"))
        }
    }
}

/// The column `summary_variables`, or the columns of a group of this name.
fn summary_variables(record: &Record) -> Result<Vec<Sets>> {
    let key = "summary_variables";
    let mut inputs = match record.iter().find(|(k, _)| *k == key) {
        None => Vec::new(),
        Some((_, Entry::Column(column))) => vec![sets(key, column)?],
        Some((_, Entry::Group(group))) => {
            let mut inputs = Vec::new();
            for (name, entry) in group.iter() {
                let path = format!("{key}/{name}");
                let Entry::Column(column) = entry else {
                    return Err(Error::key(&path, "is a group within a group; ungroup it in the adapter"));
                };
                let sets = if is_vector(column) { vectors(&path, column)? } else { sets(&path, column)? };
                inputs.push(Sets { name: name.to_string(), ..sets });
            }
            inputs
        }
    };
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(inputs)
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

fn is_vector(column: &Column) -> bool {
    !column.shared && column.offsets.is_none() && matches!(column.array.shape().len(), 1 | 2)
}

/// Data sets of one element each.
fn vectors(key: &str, column: &Column) -> Result<Sets> {
    let elements = matrix(key, column)?;
    let offsets = (0..=elements.rows() as u32).collect();
    Ok(Sets::new(elements, offsets))
}

fn sets(key: &str, column: &Column) -> Result<Sets> {
    let shape = column.array.shape();
    let values = column.array.to_f64();
    let regular = |datasets: usize, size: usize| (0..=datasets).map(|i| (i * size) as u32).collect();
    let sets = match (&column.offsets, shape) {
        (Some(offsets), [_, rest @ ..]) if rest.len() <= 1 => Sets::new(
            Matrix { columns: rest.first().copied().unwrap_or(1), values },
            offsets.iter().map(|&o| o as u32).collect(),
        ),
        (None, &[datasets, size, features]) if !column.shared => {
            Sets::new(Matrix { columns: features, values }, regular(datasets, size))
        }
        (None, &[datasets, height, width, channels]) if !column.shared => Sets {
            grid: Some([height, width]),
            ..Sets::new(Matrix { columns: channels, values }, regular(datasets, height * width))
        },
        _ => {
            let message = format!(
                "a column of shape {shape:?}; expected sets or series [datasets, elements, features], ragged ones [elements, features], or images [datasets, height, width, channels]; use as_set in the adapter"
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
