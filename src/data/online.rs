//! Batches that are simulated when they are needed.

use std::sync::Arc;

use crate::data::Record;
use crate::data::dataset::{Augmentations, Dataset, check_positive};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::simulators::{Pool, Request, Simulator};

/// Fresh simulations for every step: row `r` of step `s` is simulation `s · batch_size + r` of the stream "simulate"
/// below the key.
///
/// Two data sets with the same key share their simulations: give the one for validation a key of its own, such as
/// `key.fork("validation")`.
pub struct OnlineDataset {
    simulator: Arc<dyn Simulator>,
    batch_size: usize,
    batches_per_epoch: usize,
    key: Key,
    pool: Pool,
    augmentations: Augmentations,
}

impl OnlineDataset {
    /// Batches of a simulator under a key.
    pub fn new(simulator: Arc<dyn Simulator>, batch_size: usize, batches_per_epoch: usize, key: Key) -> Result<Self> {
        check_positive("batch_size", batch_size)?;
        check_positive("batches_per_epoch", batches_per_epoch)?;
        let (pool, augmentations) = (Pool::inline(), Augmentations::new());
        Ok(OnlineDataset { simulator, batch_size, batches_per_epoch, key, pool, augmentations })
    }

    /// Sets the threads that simulate.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = pool.clone();
        self
    }

    /// Sets the changes to each batch.
    pub fn augment(mut self, augmentations: Augmentations) -> Self {
        self.augmentations = augmentations;
        self
    }
}

impl Dataset for OnlineDataset {
    fn batches_per_epoch(&self) -> usize {
        self.batches_per_epoch
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn batch(&self, step: u64) -> Result<Record> {
        let first = step.checked_mul(self.batch_size as u64).ok_or_else(|| {
            Error::argument("step", format!("{step} steps of {} simulations exceed 2^64", self.batch_size))
        })?;
        let request = Request::new(self.batch_size, self.key.fork("simulate")).first(first).pool(&self.pool);
        self.augmentations.apply(self.simulator.sample(&request)?, self.key, step)
    }
}
