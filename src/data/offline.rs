//! Batches of data in memory.

use std::sync::{Arc, Mutex, PoisonError};

use rand::seq::SliceRandom;

use crate::data::Record;
use crate::data::WindowShuffle;
use crate::data::dataset::{Augmentations, Dataset, check_positive, rows_of};
use crate::error::{Error, Result};
use crate::random::Key;

/// A record cut into batches, in another order for each epoch; the last batch of an epoch may be short.
///
/// The order of epoch `e` is a pure function of the key and `e`, whatever was asked for before.
pub struct OfflineDataset {
    data: Arc<Record>,
    rows: usize,
    batch_size: usize,
    key: Key,
    shuffle: Order,
    augmentations: Augmentations,
    order: Mutex<Option<(u64, Arc<[usize]>)>>,
}

/// How the rows of an epoch are ordered.
enum Order {
    AsGiven,
    Shuffled,
    Windows(WindowShuffle),
}

impl OfflineDataset {
    /// Shuffled batches of a record under a key; several data sets may share one record.
    pub fn new(data: impl Into<Arc<Record>>, batch_size: usize, key: Key) -> Result<Self> {
        check_positive("batch_size", batch_size)?;
        let data = data.into();
        let rows = rows_of(&data)?;
        let augmentations = Augmentations::new();
        Ok(OfflineDataset {
            data,
            rows,
            batch_size,
            key,
            shuffle: Order::Shuffled,
            augmentations,
            order: Mutex::new(None),
        })
    }

    /// Sets whether the order differs between epochs (the default) or is always that of the record.
    pub fn shuffle(mut self, shuffle: bool) -> Self {
        self.shuffle = if shuffle { Order::Shuffled } else { Order::AsGiven };
        self
    }

    /// Visits the rows in the order in which a [`DiskDataset`](crate::data::DiskDataset) visits the rows of its files, the first
    /// file's first: for the same batches without the files.
    pub fn windows(mut self, order: WindowShuffle) -> Result<Self> {
        if order.rows() != self.rows {
            let message = format!("an order of {} rows was given for {} data sets", order.rows(), self.rows);
            return Err(Error::argument("order", message));
        }
        self.shuffle = Order::Windows(order);
        Ok(self)
    }

    /// Sets the changes to each batch.
    pub fn augment(mut self, augmentations: Augmentations) -> Self {
        self.augmentations = augmentations;
        self
    }

    /// The record.
    pub fn data(&self) -> &Record {
        &self.data
    }

    /// Number of data sets.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The order of an epoch; the latest one is kept, because making it costs a pass over all rows.
    fn order(&self, epoch: u64) -> Arc<[usize]> {
        // A poisoned lock still holds a complete order: it is replaced as a whole.
        let mut latest = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some((of, order)) if *of == epoch || matches!(self.shuffle, Order::AsGiven) => order.clone(),
            _ => {
                let mut order: Vec<usize> = (0..self.rows).collect();
                match &self.shuffle {
                    Order::AsGiven => {}
                    Order::Shuffled => order.shuffle(&mut self.key.fork("shuffle").at(epoch).stream()),
                    Order::Windows(windows) => order = windows.rows_in_order(self.key, epoch),
                }
                let order: Arc<[usize]> = order.into();
                *latest = Some((epoch, order.clone()));
                order
            }
        }
    }
}

impl Dataset for OfflineDataset {
    fn batches_per_epoch(&self) -> usize {
        self.rows.div_ceil(self.batch_size)
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn batch(&self, step: u64) -> Result<Record> {
        let batches = self.batches_per_epoch() as u64;
        let order = self.order(step / batches);
        let start = (step % batches) as usize * self.batch_size;
        let batch = self.data.select(&order[start..self.rows.min(start + self.batch_size)])?;
        self.augmentations.apply(batch, self.key, step)
    }
}
