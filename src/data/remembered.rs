//! Batches that several trainings share.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::data::dataset::Dataset;
use crate::data::{Entry, Record};
use crate::error::Result;

/// Most memory that remembered batches take when nothing else is asked for.
const MEMORY: usize = 1 << 30;

/// Another data set whose batches are kept once they were made, so that the next training on it need not simulate them again.
///
/// Batches are pure functions of their number: those that no longer fit into the memory are made again, with the same bits.
pub struct RememberedDataset<D> {
    dataset: D,
    memory: usize,
    /// How many of the latest batches are kept; none keeps those that were made first.
    latest: Option<u64>,
    kept: Mutex<(BTreeMap<u64, Record>, usize)>,
}

impl<D: Dataset> RememberedDataset<D> {
    /// Remembers up to a gibibyte of the batches of a data set.
    pub fn new(dataset: D) -> Self {
        RememberedDataset { dataset, memory: MEMORY, latest: None, kept: Mutex::default() }
    }

    /// Remembers the latest batches only, as many as given: for trainings that go on side by side.
    pub fn latest(mut self, batches: u64) -> Self {
        self.latest = Some(batches);
        self
    }

    /// Sets the bytes that remembered batches may take.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }
}

impl<D: Dataset> Dataset for RememberedDataset<D> {
    fn batches_per_epoch(&self) -> usize {
        self.dataset.batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        self.dataset.batch_size()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        // Held while the batch is made: who wants the same one waits for it.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(batch) = kept.0.get(&step) {
            return Ok(batch.clone());
        }
        let batch = self.dataset.batch(step)?;
        let bytes = bytes_of(&batch);
        if let Some(latest) = self.latest {
            let mut recent = kept.0.split_off(&(step + 1).saturating_sub(latest));
            std::mem::swap(&mut kept.0, &mut recent);
            kept.1 -= recent.values().map(bytes_of).sum::<usize>();
        }
        if kept.1 + bytes <= self.memory && kept.0.insert(step, batch.clone()).is_none() {
            kept.1 += bytes;
        }
        Ok(batch)
    }
}

fn bytes_of(record: &Record) -> usize {
    let entry = |(_, entry): (&str, &Entry)| match entry {
        Entry::Group(group) => bytes_of(group),
        Entry::Column(column) => {
            let offsets = column.offsets.as_ref().map_or(0, |offsets| offsets.len() * size_of::<usize>());
            column.array.len() * size_of::<f64>() + offsets
        }
    };
    record.iter().map(entry).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::codecs::Array;

    struct Counted(AtomicUsize);

    impl Dataset for Counted {
        fn batches_per_epoch(&self) -> usize {
            4
        }

        fn batch_size(&self) -> usize {
            2
        }

        fn batch(&self, step: u64) -> Result<Record> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Record::new().with("x", Array::vector(vec![step as f64; 2])))
        }
    }

    #[test]
    fn batches_are_made_once_as_long_as_they_fit() {
        let made = |memory: usize| {
            let dataset = RememberedDataset::new(Counted(AtomicUsize::new(0))).memory(memory);
            for step in (0..4).chain(0..4) {
                assert_eq!(dataset.batch(step).unwrap().column("x").unwrap().array.to_f64(), [step as f64; 2]);
            }
            dataset.dataset.0.load(Ordering::Relaxed)
        };
        assert_eq!((made(64), made(32), made(0)), (4, 6, 8));
    }

    /// Three trainings side by side, none further than two steps ahead: each batch is made once, and few are kept.
    #[test]
    fn the_latest_batches_serve_trainings_side_by_side() {
        let dataset = RememberedDataset::new(Counted(AtomicUsize::new(0))).latest(3);
        for step in 0..20 {
            for ahead in [2, 0, 1] {
                assert_eq!(
                    dataset.batch(step + ahead).unwrap().column("x").unwrap().array.to_f64()[0],
                    (step + ahead) as f64
                );
            }
            let kept = dataset.kept.lock().unwrap();
            assert!(kept.0.len() <= 3 && kept.1 == 16 * kept.0.len(), "{:?}", kept.1);
        }
        assert_eq!(dataset.dataset.0.load(Ordering::Relaxed), 22);
        dataset.batch(0).unwrap();
        assert_eq!(dataset.dataset.0.load(Ordering::Relaxed), 23, "what is long gone is made again");
    }
}
