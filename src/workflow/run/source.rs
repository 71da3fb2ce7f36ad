//! Where the simulations of a training come from.

use std::path::{Path, PathBuf};

use super::{RunConfig, nothing_to_train_on};
use crate::adapters::{Adapter, Strictness};
use crate::approximators::Batch;
use crate::codecs::{array_forms, read_arrays};
use crate::data::{Augmentations, DiskDataset, Record, Shards, io::record_from_arrays};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::simulators::{Pool, Request, Simulator};
use crate::workflow::held_out::{drawn, usual};
use crate::workflow::likelihood::observations::{Owners, observations};
use crate::workflow::observed::{belongs, check_finite};
use crate::workflow::roles::Roles;

/// Data sets that are checked at once before training.
const CHECKED_AT_ONCE: usize = 1024;

/// Where the simulations come from.
pub(super) enum Source {
    /// Simulated for every batch.
    Online,
    /// In memory.
    Offline { training: Record, held_out: Option<Record> },
    /// In the files of a folder; the first data sets are held out.
    Folder { shards: Shards, roles: Option<Roles>, held_out: usize },
}

/// The simulations before some are held out.
#[derive(Clone)]
pub(super) enum Simulations {
    Online,
    Memory(Record),
    Folder(Shards),
}

impl Simulations {
    /// Makes or reads the simulations that exist before the training.
    pub(super) fn find(
        config: &RunConfig,
        roles: Option<&Roles>,
        simulator: Option<&dyn Simulator>,
        seed: u64,
        pool: &Pool,
    ) -> Result<Self> {
        let is_folder = config.data.as_deref().is_some_and(Path::is_dir);
        if config.growing && !is_folder {
            return Err(Error::argument("--growing", "files arrive in a folder only; give a folder with --data"));
        }
        let mut record = match (&config.data, config.budget, simulator) {
            (Some(folder), budget, _) if is_folder => return open(folder.clone(), roles, budget),
            (Some(path), _, _) => read(path, roles)?,
            (None, Some(budget), Some(simulator)) => {
                let request = Request::new(budget, Key::new(seed).fork("budget")).pool(pool);
                simulator.sample(&request)?
            }
            (None, None, Some(_)) => return Ok(Simulations::Online),
            (None, _, None) => return Err(nothing_to_train_on()),
        };
        if let (Some(budget), Some(_)) = (config.budget, &config.data) {
            let count = record.datasets()?.unwrap_or(0);
            if budget > count {
                let message =
                    format!("{budget} simulations were asked for, the data hold {count}; give a smaller number");
                return Err(Error::argument("--budget", message));
            }
            record = first(&record, budget)?;
        }
        Ok(Simulations::Memory(match roles {
            Some(roles) => roles.select(&record)?,
            None => record,
        }))
    }

    /// The first simulations; none where they are made for each batch.
    pub(super) fn first(&self, count: usize, roles: Option<&Roles>) -> Result<Option<Record>> {
        match (self, roles) {
            (Simulations::Online, _) => Ok(None),
            (Simulations::Memory(record), _) => first(record, count).map(Some),
            (Simulations::Folder(shards), None) => shards.first(count).map(Some),
            (Simulations::Folder(shards), Some(roles)) => roles.select(&shards.first(count)?).map(Some),
        }
    }

    /// All simulations, if they are in memory.
    pub(super) fn in_memory(&self) -> Option<&Record> {
        match self {
            Simulations::Memory(record) => Some(record),
            Simulations::Online | Simulations::Folder(_) => None,
        }
    }

    /// Refuses simulations that do not fit other roles than those they were read with.
    pub(super) fn check_roles(&self, roles: &Roles) -> Result<()> {
        match self {
            Simulations::Online => Ok(()),
            Simulations::Memory(record) => roles.select(record).map(drop),
            Simulations::Folder(shards) => roles.select(&shards.first(CHECKED_AT_ONCE)?).map(drop),
        }
    }

    /// Number of simulations that exist before the training.
    pub(super) fn count(&self) -> Result<usize> {
        match self {
            Simulations::Online => Ok(0),
            Simulations::Memory(record) => Ok(record.datasets()?.unwrap_or(0)),
            Simulations::Folder(shards) => Ok(shards.datasets()),
        }
    }

    /// Holds out data sets for validation and writes their number into the configuration.
    pub(super) fn divide(
        self,
        config: &mut RunConfig,
        roles: Option<&Roles>,
        seed: u64,
        notes: &mut Vec<String>,
    ) -> Result<Source> {
        match self {
            Simulations::Online => Ok(Source::Online),
            Simulations::Memory(whole) => {
                let rows = whole.datasets()?.unwrap_or(0);
                match held_out(rows, &mut config.validation, notes)? {
                    0 => Ok(Source::Offline { training: whole, held_out: None }),
                    count => {
                        let (held_out, training) = drawn(rows, count, seed);
                        let (held_out, training) = (whole.select(&held_out)?, whole.select(&training)?);
                        Ok(Source::Offline { training, held_out: Some(held_out) })
                    }
                }
            }
            Simulations::Folder(shards) => {
                let held_out = held_out(shards.datasets(), &mut config.validation, notes)?;
                Ok(Source::Folder { shards, roles: roles.cloned(), held_out })
            }
        }
    }
}

impl Source {
    pub(super) fn is_online(&self) -> bool {
        matches!(self, Source::Online)
    }

    /// Number of simulations to train on, if it is fixed.
    pub(super) fn rows(&self) -> Result<Option<usize>> {
        match self {
            Source::Online => Ok(None),
            Source::Offline { training, .. } => training.datasets(),
            Source::Folder { shards, held_out, .. } => Ok(Some(shards.datasets() - held_out)),
        }
    }

    /// Whether data sets are held out.
    pub(super) fn holds_out(&self) -> bool {
        match self {
            Source::Online => false,
            Source::Offline { held_out, .. } => held_out.is_some(),
            Source::Folder { held_out, .. } => *held_out > 0,
        }
    }

    /// The data sets that are held out.
    pub(super) fn held_out(&self) -> Result<Option<Record>> {
        match self {
            Source::Online => Ok(None),
            Source::Offline { held_out, .. } => Ok(held_out.clone()),
            Source::Folder { held_out: 0, .. } => Ok(None),
            Source::Folder { shards, roles, held_out } => {
                let record = shards.first(*held_out)?;
                roles.as_ref().map_or(Ok(record.clone()), |roles| roles.repeat(&record)).map(Some)
            }
        }
    }

    /// Sends all data sets that are in memory through the adapter once, so that what is wrong with them is found before the
    /// training. Those of a folder are looked at when their file is read. `elements` are the roles of sets whose elements are rows.
    pub(super) fn check(&self, adapter: &Adapter, elements: Option<&Roles>) -> Result<()> {
        if let Source::Offline { training, .. } = self {
            check_all(adapter, training, elements)?;
        }
        self.held_out()?.iter().try_for_each(|data| check_all(adapter, data, elements))
    }
}

/// The batches of a folder.
pub(super) fn folder_dataset(
    shards: &Shards,
    roles: &Option<Roles>,
    held_out: usize,
    adapter: &Adapter,
    (config, batch_size, batches_per_epoch): (&RunConfig, usize, usize),
    key: Key,
) -> Result<DiskDataset> {
    let (adapter, roles) = (adapter.clone(), roles.clone());
    let mut dataset =
        DiskDataset::new(shards.clone(), batch_size, key)?.check(move |record| check_finite(&adapter, record, 0));
    if let Some(mebibytes) = config.data_memory {
        dataset = dataset.memory(mebibytes << 20);
    }
    if let Some(roles) = roles {
        dataset = dataset.augment(Augmentations::new().whole(move |record, _| roles.repeat(&record)));
    }
    dataset = dataset.skip(held_out)?;
    if config.growing { dataset.growing(batches_per_epoch) } else { Ok(dataset) }
}

fn open(folder: PathBuf, roles: Option<&Roles>, budget: Option<usize>) -> Result<Simulations> {
    if budget.is_some() {
        let message = "counts simulations of one file or of a simulator; for a folder, leave files out instead";
        return Err(Error::argument("--budget", message));
    }
    let names: Option<Vec<&str>> = roles.map(|roles| roles.keys().collect());
    if names.as_ref().is_some_and(Vec::is_empty) {
        // The error for a missing role names the keys that there are.
        let example = Shards::open(&folder, None)?.first(1)?;
        roles.map_or(Ok(()), |roles| roles.check(&example))?;
    }
    Shards::open(folder, names.as_deref()).map(Simulations::Folder)
}

/// The arrays of a file that have a role; all of them when a role is missing, so that the message can name them.
fn read(path: &Path, roles: Option<&Roles>) -> Result<Record> {
    let names: Vec<&str> = roles.map_or_else(Vec::new, |roles| roles.keys().collect());
    let there = array_forms(path)?;
    let complete = !names.is_empty() && names.iter().all(|name| there.contains_key(*name));
    let arrays = read_arrays(path, |key| !complete || names.iter().any(|name| belongs(key, name)))?;
    record_from_arrays(arrays, &[]).map_err(|e| Error::file(path, e.to_string()))
}

/// The first data sets.
pub(super) fn first(record: &Record, count: usize) -> Result<Record> {
    match record.datasets()? {
        Some(all) if all > count => record.select(&(0..count).collect::<Vec<_>>()),
        _ => Ok(record.clone()),
    }
}

fn check_all(adapter: &Adapter, data: &Record, elements: Option<&Roles>) -> Result<()> {
    let rows = data.datasets()?.unwrap_or(0);
    let mut adapter = adapter.clone();
    for start in (0..rows).step_by(CHECKED_AT_ONCE) {
        let part = data.select(&(start..rows.min(start + CHECKED_AT_ONCE)).collect::<Vec<_>>())?;
        check_finite(&adapter, &part, start)?;
        let part = match elements {
            Some(roles) => observations(&part, roles, Owners::All)?.0,
            None => part,
        };
        let pass = Strictness::Strict.with_key(Key::new(0).fork("check"));
        Batch::from_record(&adapter.forward_learning(&part, pass)?)?;
    }
    Ok(())
}

/// How many of the data sets are held out.
fn held_out(rows: usize, validation: &mut Option<usize>, notes: &mut Vec<String>) -> Result<usize> {
    let count = *validation.get_or_insert(usual(rows));
    if count >= rows {
        let message = format!("{count} of {rows} simulations cannot be held out; leave at least one for training");
        return Err(Error::argument("--validation", message));
    }
    notes.push(match count {
        0 => format!("all {rows} simulations are trained on, none is held out"),
        _ => format!("{count} of {rows} simulations are held out for validation and diagnostics"),
    });
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_held_out_unless_a_number_is_given() {
        let mut validation = None;
        assert_eq!(held_out(200, &mut validation, &mut Vec::new()).unwrap(), 20);
        assert_eq!(validation, Some(20));
        assert!(held_out(200, &mut Some(200), &mut Vec::new()).is_err());
        assert_eq!(held_out(50, &mut None, &mut Vec::new()).unwrap(), 0);
    }
}
