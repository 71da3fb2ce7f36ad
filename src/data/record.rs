//! Records: named columns, one row per data set, in insertion order. What simulators produce and adapters transform.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::codecs::{Array, Values};
use crate::error::{Error, Result};

/// One column of a [`Record`].
///
/// * dense: `array` has shape `[datasets, …]` and `offsets` is `None`;
/// * ragged: `array` has shape `[elements, …]` and data set `i` owns the elements `offsets[i] .. offsets[i + 1]`;
/// * shared: `array` belongs to the whole batch (metadata such as a common design), there is no data-set axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The values of all data sets.
    pub array: Array,
    /// Where each data set starts when the sizes differ; `datasets + 1` numbers from 0, not decreasing.
    pub offsets: Option<Arc<[usize]>>,
    /// True for metadata of the whole batch.
    pub shared: bool,
}

impl Column {
    /// A column whose first axis is the data set.
    pub fn dense(array: Array) -> Self {
        Column { array, offsets: None, shared: false }
    }

    /// A column of sets or series whose sizes may differ.
    pub fn ragged(array: Array, offsets: impl Into<Arc<[usize]>>) -> Result<Self> {
        let offsets = offsets.into();
        check_offsets(&offsets, array.shape().first().copied().unwrap_or(0))?;
        Ok(Column { array, offsets: Some(offsets), shared: false })
    }

    /// Metadata of the whole batch, without a data-set axis.
    pub fn shared(array: Array) -> Self {
        Column { array, offsets: None, shared: true }
    }

    /// Number of data sets, or `None` for shared metadata and scalars.
    pub fn datasets(&self) -> Option<usize> {
        match &self.offsets {
            _ if self.shared => None,
            Some(offsets) => Some(offsets.len() - 1),
            None => self.array.shape().first().copied(),
        }
    }

    /// The data sets with the given indices, in that order; shared metadata is returned as it is.
    pub fn select(&self, datasets: &[usize]) -> Result<Column> {
        let Some(count) = self.datasets() else { return Ok(self.clone()) };
        if let Some(&bad) = datasets.iter().find(|&&i| i >= count) {
            return Err(Error::argument(
                "datasets",
                format!("index {bad} of {count} data sets; use indices below {count}"),
            ));
        }
        let row: usize = self.array.shape().iter().skip(1).product();
        let mut shape = self.array.shape().to_vec();
        let (ranges, offsets) = match &self.offsets {
            None => (datasets.iter().map(|&i| i..i + 1).collect::<Vec<_>>(), None),
            Some(offsets) => {
                let ranges: Vec<_> = datasets.iter().map(|&i| offsets[i]..offsets[i + 1]).collect();
                let mut starts = vec![0];
                starts.extend(ranges.iter().scan(0, |sum, r| {
                    *sum += r.len();
                    Some(*sum)
                }));
                (ranges, Some(Arc::from(starts)))
            }
        };
        shape[0] = ranges.iter().map(|r| r.len()).sum();
        fn gather<T: Copy>(values: &[T], ranges: &[std::ops::Range<usize>], row: usize) -> Vec<T> {
            let mut out = Vec::with_capacity(ranges.iter().map(|r| r.len()).sum::<usize>() * row);
            ranges.iter().for_each(|r| out.extend_from_slice(&values[r.start * row..r.end * row]));
            out
        }
        let values = match self.array.values() {
            Values::F64(v) => Values::F64(gather(v, &ranges, row)),
            Values::F32(v) => Values::F32(gather(v, &ranges, row)),
            Values::I64(v) => Values::I64(gather(v, &ranges, row)),
            Values::Bool(v) => Values::Bool(gather(v, &ranges, row)),
        };
        Ok(Column { array: Array::new(shape, values)?, offsets, shared: false })
    }
}

/// Offsets start at 0, do not decrease and end at the number of elements.
pub fn check_offsets(offsets: &[usize], elements: usize) -> Result<()> {
    let fault = match (offsets.first(), offsets.last()) {
        (Some(0), Some(&last)) if last == elements => offsets
            .windows(2)
            .position(|w| w[0] > w[1])
            .map(|i| format!("offset {} is smaller than the one before", i + 1)),
        (Some(0), Some(&last)) => Some(format!("the last offset is {last}, but there are {elements} elements")),
        (Some(&first), _) => Some(format!("the first offset is {first}")),
        _ => Some("there is no offset".to_string()),
    };
    match fault {
        None => Ok(()),
        Some(fault) => Err(Error::value(
            "offsets",
            format!(
                "{fault}; give datasets + 1 integers that start at 0, do not decrease and end at the number of elements"
            ),
        )),
    }
}

/// Named columns in insertion order. A nested record (a group of columns) is an entry of its own.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    entries: IndexMap<String, Entry>,
}

/// One entry of a [`Record`].
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// A column of values.
    Column(Column),
    /// A group of columns under one key.
    Group(Record),
}

impl Record {
    /// An empty record.
    pub fn new() -> Self {
        Record::default()
    }

    /// Adds or replaces a dense column `[datasets, …]`; for building records in one expression.
    pub fn with(mut self, key: impl Into<String>, array: Array) -> Self {
        self.insert(key, Column::dense(array));
        self
    }

    /// Adds or replaces a column; its place is the end if the key is new.
    pub fn insert(&mut self, key: impl Into<String>, column: Column) {
        self.entries.insert(key.into(), Entry::Column(column));
    }

    /// Adds or replaces a group.
    pub fn insert_group(&mut self, key: impl Into<String>, group: Record) {
        self.entries.insert(key.into(), Entry::Group(group));
    }

    /// Removes an entry and keeps the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.entries.shift_remove(key)
    }

    /// True when the key exists.
    pub fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The column of a key, or an error that lists the keys there are.
    pub fn column(&self, key: &str) -> Result<&Column> {
        match self.entries.get(key) {
            Some(Entry::Column(column)) => Ok(column),
            Some(Entry::Group(_)) => {
                Err(Error::key(key, "is a group of columns, a single column was expected; name one of its columns"))
            }
            None => Err(self.missing(key)),
        }
    }

    /// The group of a key, or an error.
    pub fn group(&self, key: &str) -> Result<&Record> {
        match self.entries.get(key) {
            Some(Entry::Group(group)) => Ok(group),
            Some(Entry::Column(_)) => Err(Error::key(key, "is a single column, a group was expected")),
            None => Err(self.missing(key)),
        }
    }

    /// The error for a key that is missing; it lists the keys there are.
    pub fn missing(&self, key: &str) -> Error {
        let keys: Vec<_> = self.keys().collect();
        Error::key(
            key,
            format!("is missing; the keys are: {}", if keys.is_empty() { "none".into() } else { keys.join(", ") }),
        )
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Keys and entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(k, e)| (k.as_str(), e))
    }

    /// Keys and columns in order; groups are skipped.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.iter().filter_map(|(k, e)| match e {
            Entry::Column(c) => Some((k, c)),
            Entry::Group(_) => None,
        })
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of data sets, which all columns that have one must share; `None` if no column has a data-set axis.
    pub fn datasets(&self) -> Result<Option<usize>> {
        let mut found: Option<(&str, usize)> = None;
        for (key, entry) in self.iter() {
            let count = match entry {
                Entry::Column(column) => column.datasets(),
                Entry::Group(group) => group.datasets()?,
            };
            match (count, found) {
                (Some(n), None) => found = Some((key, n)),
                (Some(n), Some((first, m))) if n != m => {
                    return Err(Error::shape(
                        key,
                        format!(
                            "has {n} data sets, but '{first}' has {m}; the first axis of every key is the data set"
                        ),
                    ));
                }
                _ => {}
            }
        }
        Ok(found.map(|(_, n)| n))
    }

    /// The data sets with the given indices, in that order.
    pub fn select(&self, datasets: &[usize]) -> Result<Record> {
        let mut out = Record::new();
        for (key, entry) in self.iter() {
            match entry {
                Entry::Column(column) => out.insert(key, column.select(datasets)?),
                Entry::Group(group) => out.insert_group(key, group.select(datasets)?),
            }
        }
        Ok(out)
    }
}
