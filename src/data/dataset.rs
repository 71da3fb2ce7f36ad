//! Data sets for training: batches by their number.

use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};
use crate::random::{Key, Stream};

/// A source of training batches.
///
/// A batch is a pure function of the number of the training step, so that training resumes at any step, and a batch can
/// be made ahead of time by another thread, without changing a bit. Step `s` is batch `s % batches_per_epoch` of epoch
/// `s / batches_per_epoch`.
pub trait Dataset: Send + Sync {
    /// Number of batches of one epoch.
    fn batches_per_epoch(&self) -> usize;

    /// Number of rows of a batch; the last one of an epoch may hold fewer.
    fn batch_size(&self) -> usize;

    /// The batch of a training step, counted from 0 over all epochs.
    fn batch(&self, step: u64) -> Result<Record>;
}

impl<D: Dataset + ?Sized> Dataset for std::sync::Arc<D> {
    fn batches_per_epoch(&self) -> usize {
        (**self).batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        (**self).batch_size()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        (**self).batch(step)
    }
}

type Augmentation = Box<dyn Fn(Record, &mut Stream) -> Result<Record> + Send + Sync>;

/// Random changes to training batches, in the order in which they were added. Validation data go without.
///
/// The stream of a batch is named by its training step.
#[derive(Default)]
pub struct Augmentations {
    list: Vec<Augmentation>,
}

impl Augmentations {
    /// None yet.
    pub fn new() -> Self {
        Augmentations::default()
    }

    /// Adds a change to whole batches.
    pub fn whole(mut self, change: impl Fn(Record, &mut Stream) -> Result<Record> + Send + Sync + 'static) -> Self {
        self.list.push(Box::new(change));
        self
    }

    /// Adds a change to the column of one key; a batch without it is an error.
    pub fn of(
        self,
        key: impl Into<String>,
        change: impl Fn(Column, &mut Stream) -> Result<Column> + Send + Sync + 'static,
    ) -> Self {
        let key = key.into();
        self.whole(move |mut batch, rng| {
            let column = batch.column(&key)?.clone();
            let datasets = column.datasets();
            let changed = change(column, rng)?;
            if changed.datasets() != datasets {
                return Err(Error::user(
                    format!("augmentation of '{key}'"),
                    format!("{datasets:?} data sets became {:?}; keep their number", changed.datasets()),
                ));
            }
            batch.insert(key.as_str(), changed);
            Ok(batch)
        })
    }

    /// The changed batch of a training step.
    pub(super) fn apply(&self, batch: Record, key: Key, step: u64) -> Result<Record> {
        let mut stream = key.fork("augment").at(step).stream();
        self.list.iter().enumerate().try_fold(batch, |batch, (i, change)| {
            Error::catch(|| format!("augmentation {i}, step {step}"), || change(batch, &mut stream))
        })
    }
}

/// The number of rows of a record for training, or an error that says what is missing.
pub(super) fn rows_of(data: &Record) -> Result<usize> {
    match data.datasets()? {
        Some(0) => Err(Error::value("data", "there is no data set; give at least one")),
        Some(rows) => Ok(rows),
        None => {
            let shared = data.iter().filter(|(_, e)| matches!(e, Entry::Column(c) if c.shared)).count();
            Err(Error::value(
                "data",
                format!(
                    "none of the {} keys has an axis for the data sets ({shared} are shared metadata); give arrays whose \
                     first axis is the data set",
                    data.len()
                ),
            ))
        }
    }
}

/// An error for a count of zero.
pub(super) fn check_positive(name: &str, count: usize) -> Result<()> {
    match count {
        0 => Err(Error::argument(name, "0 was given; use at least 1")),
        _ => Ok(()),
    }
}
