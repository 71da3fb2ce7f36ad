//! Batches of data in a folder of files, of which only a few are in memory.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::dataset::{Augmentations, Dataset, check_positive};
use crate::data::shuffle::{Place, Round, WindowShuffle};
use crate::data::{Record, Shards};
use crate::error::{Error, Result};
use crate::random::Key;

/// Bytes that the data in memory may take, unless another number is given.
const MEMORY: usize = 512 << 20;
/// Windows that are in memory at once: a batch may begin in one and end in the next.
const WINDOWS: usize = 2;
/// Rounds that an epoch of a growing folder may use.
const ROUNDS_OF_EPOCH: u64 = 1 << 24;

/// What looks at the content of a file.
type Check = Box<dyn Fn(&Record) -> Result<()> + Send + Sync>;

/// The simulations of a folder of files, cut into batches in another order for each epoch, with bounded memory however many
/// there are.
///
/// A window of files is in memory; its data sets are shuffled among themselves, and the files are shuffled before. The order of an
/// epoch is a pure function of the key, the number of the epoch, the sizes of the files and the window.
pub struct DiskDataset {
    batch_size: usize,
    key: Key,
    memory: usize,
    /// Data sets at the front of the folder that are left out.
    skipped: usize,
    /// Batches of an epoch while files still arrive; none when all are there.
    growing: Option<usize>,
    augmentations: Augmentations,
    check: Option<Check>,
    state: Mutex<State>,
}

struct State {
    shards: Shards,
    shuffle: WindowShuffle,
    /// The epoch whose files are known, when they still arrive.
    epoch: Option<u64>,
    round: Option<(u64, Arc<Round>)>,
    loaded: VecDeque<Window>,
}

/// A window in memory.
struct Window {
    round: u64,
    number: usize,
    places: Vec<Place>,
    records: Vec<(usize, Record)>,
}

impl DiskDataset {
    /// Shuffled batches of a folder under a key.
    pub fn new(shards: Shards, batch_size: usize, key: Key) -> Result<Self> {
        check_positive("batch_size", batch_size)?;
        let shuffle = WindowShuffle::new(Vec::new(), 1);
        let state = State { shards, shuffle, epoch: None, round: None, loaded: VecDeque::new() };
        let mut dataset = DiskDataset {
            batch_size,
            key,
            memory: MEMORY,
            skipped: 0,
            growing: None,
            augmentations: Augmentations::new(),
            check: None,
            state: Mutex::new(state),
        };
        dataset.arrange();
        Ok(dataset)
    }

    /// Sets the bytes that the data in memory may take, 512 MiB by default. At least two files are in memory.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self.arrange();
        self
    }

    /// Leaves out the first data sets of the folder, for validation with [`Shards::first`].
    pub fn skip(mut self, datasets: usize) -> Result<Self> {
        let all = self.state().shards.datasets();
        if datasets >= all {
            let message = format!("{datasets} of {all} data sets cannot be left out; leave at least one for training");
            return Err(Error::argument("validation", message));
        }
        self.skipped = datasets;
        self.arrange();
        Ok(self)
    }

    /// Takes in files that arrive while training. An epoch has the given number of batches and uses the files that were there
    /// when it began, over and over if they are few. Only once all files are there is training a function of the seed alone.
    pub fn growing(mut self, batches_per_epoch: usize) -> Result<Self> {
        check_positive("batches_per_epoch", batches_per_epoch)?;
        self.growing = Some(batches_per_epoch);
        Ok(self)
    }

    /// Sets the changes to each batch.
    pub fn augment(mut self, augmentations: Augmentations) -> Self {
        self.augmentations = augmentations;
        self
    }

    /// Looks at the content of each file when it is read; an error is reported with the name of the file.
    pub fn check(mut self, check: impl Fn(&Record) -> Result<()> + Send + Sync + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }

    /// Number of data sets that are known, those left out not counted.
    pub fn rows(&self) -> usize {
        self.state().shuffle.rows()
    }

    /// The order of visiting, which [`OfflineDataset::windows`](crate::data::OfflineDataset::windows) takes too.
    pub fn order(&self) -> WindowShuffle {
        self.state().shuffle.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Every field is replaced as a whole: a poisoned lock holds a usable state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arrange(&mut self) {
        let (memory, skipped) = (self.memory, self.skipped);
        self.state().arrange(memory, skipped);
    }

    /// The rows of a round, from the windows they lie in.
    fn rows_of_round(&self, state: &mut State, number: u64, rows: Range<usize>) -> Result<Record> {
        let round = state.round(self.key, number);
        let mut parts = Vec::new();
        let mut at = rows.start;
        while at < rows.end {
            let (window, first) = round.find(at);
            let loaded = state.window(&round, (number, window), self.skipped, self.check.as_deref())?;
            let count = (rows.end - at).min(loaded.places.len() - first);
            parts.push(loaded.gather(first..first + count)?);
            at += count;
        }
        joined(parts)
    }
}

/// The records one after the other; a single one as it is.
fn joined(mut parts: Vec<Record>) -> Result<Record> {
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Record::concatenate(&parts),
    }
}

impl State {
    fn arrange(&mut self, memory: usize, skipped: usize) {
        let mut left = skipped;
        let mut sizes = Vec::with_capacity(self.shards.list().len());
        for shard in self.shards.list() {
            let out = left.min(shard.datasets);
            left -= out;
            sizes.push(shard.datasets - out);
        }
        let largest = self.shards.list().iter().map(|shard| shard.bytes).max().unwrap_or(1);
        self.shuffle = WindowShuffle::new(sizes, memory / WINDOWS / largest.max(1));
        (self.round, self.loaded) = (None, VecDeque::new());
    }

    fn round(&mut self, key: Key, number: u64) -> Arc<Round> {
        match &self.round {
            Some((known, round)) if *known == number => round.clone(),
            _ => {
                let round = Arc::new(self.shuffle.round(key, number));
                self.round = Some((number, round.clone()));
                round
            }
        }
    }

    fn window(
        &mut self,
        round: &Round,
        (number, window): (u64, usize),
        skipped: usize,
        check: Option<&(dyn Fn(&Record) -> Result<()> + Send + Sync)>,
    ) -> Result<&Window> {
        let known = self.loaded.iter().position(|loaded| (loaded.round, loaded.number) == (number, window));
        let at = match known {
            Some(at) => at,
            None => {
                if self.loaded.len() >= WINDOWS {
                    self.loaded.pop_front();
                }
                let mut records = Vec::new();
                for &shard in round.shards_of(window) {
                    let record = self.shards.read(shard)?;
                    let path = &self.shards.list()[shard].path;
                    check.map_or(Ok(()), |check| check(&record)).map_err(|e| Error::file(path, e.to_string()))?;
                    records.push((shard, record));
                }
                round.shards_of(window + 1).iter().for_each(|&next| self.shards.announce(next));
                let mut places = self.shuffle.window(round, window);
                // Sizes do not count what is left out at the front of a file.
                for (shard, row) in &mut places {
                    let before: usize = self.shards.list()[..*shard].iter().map(|shard| shard.datasets).sum();
                    *row += skipped.saturating_sub(before).min(self.shards.list()[*shard].datasets);
                }
                self.loaded.push_back(Window { round: number, number: window, places, records });
                self.loaded.len() - 1
            }
        };
        Ok(&self.loaded[at])
    }
}

impl Window {
    /// The data sets of a range of places, in their order.
    fn gather(&self, range: Range<usize>) -> Result<Record> {
        let places = &self.places[range];
        let (mut parts, mut order) = (Vec::new(), vec![0; places.len()]);
        let mut found = 0;
        for (shard, record) in &self.records {
            let of_shard: Vec<usize> = (0..places.len()).filter(|&i| places[i].0 == *shard).collect();
            if of_shard.is_empty() {
                continue;
            }
            parts.push(record.select(&of_shard.iter().map(|&i| places[i].1).collect::<Vec<_>>())?);
            for i in of_shard {
                order[i] = found;
                found += 1;
            }
        }
        joined(parts)?.select(&order)
    }
}

impl Dataset for DiskDataset {
    fn batches_per_epoch(&self) -> usize {
        self.growing.unwrap_or_else(|| self.rows().div_ceil(self.batch_size))
    }

    fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn batch(&self, step: u64) -> Result<Record> {
        let batches = self.batches_per_epoch() as u64;
        let (epoch, start) = (step / batches, (step % batches) as usize * self.batch_size);
        let state = &mut *self.state();
        let batch = if self.growing.is_none() {
            let rows = state.shuffle.rows();
            self.rows_of_round(state, epoch, start..rows.min(start + self.batch_size))?
        } else {
            if state.epoch != Some(epoch) {
                let before = state.shards.list().len();
                state.shards.refresh()?;
                if state.shards.list().len() != before {
                    state.arrange(self.memory, self.skipped);
                }
                state.epoch = Some(epoch);
            }
            let rows = state.shuffle.rows();
            let (mut parts, mut at) = (Vec::new(), start);
            while at < start + self.batch_size {
                let count = (start + self.batch_size - at).min(rows - at % rows);
                let number = epoch * ROUNDS_OF_EPOCH + (at / rows) as u64;
                parts.push(self.rows_of_round(state, number, at % rows..at % rows + count)?);
                at += count;
            }
            joined(parts)?
        };
        self.augmentations.apply(batch, self.key, step)
    }
}
