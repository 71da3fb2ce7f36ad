//! A folder of files with simulations, each a part of one large data set.

use std::path::PathBuf;

use indexmap::IndexMap;

use crate::codecs::{Dtype, Form, KNOWN_FORMATS, array_forms, holds_arrays, read_arrays};
use crate::data::Record;
use crate::data::io::{MASK, OFFSETS, record_from_arrays};
use crate::error::{Error, Result};

/// A file of the folder, known from its header.
#[derive(Debug, Clone, PartialEq)]
pub struct Shard {
    /// The file.
    pub path: PathBuf,
    /// Number of data sets in it.
    pub datasets: usize,
    /// Bytes that its arrays take in memory.
    pub bytes: usize,
    forms: IndexMap<String, Form>,
}

/// The files of a folder in the order of their names: `.npz` as [`read_npz`](crate::data::io::read_npz) takes it, or
/// `.safetensors` with the same keys, or, with the feature `hdf5`, `.h5` and `.hdf5` with arrays of these names at the root. Other files, those whose name begins with a dot among them, are passed over.
#[derive(Debug, Clone, PartialEq)]
pub struct Shards {
    folder: PathBuf,
    keys: Option<Vec<String>>,
    list: Vec<Shard>,
}

impl Shards {
    /// Reads the headers of all files of a folder. With `keys`, other arrays are not read.
    ///
    /// Fails when there is no file, a file lacks a key, or the files do not fit each other.
    pub fn open(folder: impl Into<PathBuf>, keys: Option<&[&str]>) -> Result<Self> {
        let keys = keys.map(|keys| keys.iter().map(|key| key.to_string()).collect());
        let mut shards = Shards { folder: folder.into(), keys, list: Vec::new() };
        shards.refresh()?;
        match shards.list.is_empty() {
            true => {
                let message = format!("holds no {KNOWN_FORMATS} file; write simulations there, or name their folder");
                Err(Error::file(&shards.folder, message))
            }
            false => Ok(shards),
        }
    }

    /// Takes in files that have arrived since. Those that were there keep their place; new ones follow in the order of their
    /// names.
    pub fn refresh(&mut self) -> Result<()> {
        let mut paths = Vec::new();
        let fault = |e| Error::file(&self.folder, format!("the folder cannot be read ({e}); check the path"));
        for entry in std::fs::read_dir(&self.folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            let is_hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            if holds_arrays(&path) && !is_hidden && !self.list.iter().any(|shard| shard.path == path) {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            let shard = Shard::read(path, self.keys.as_deref())?;
            if let Some(first) = self.list.first() {
                shard.expect_like(first)?;
            }
            self.list.push(shard);
        }
        Ok(())
    }

    /// The files.
    pub fn list(&self) -> &[Shard] {
        &self.list
    }

    /// Number of data sets in all files.
    pub fn datasets(&self) -> usize {
        self.list.iter().map(|shard| shard.datasets).sum()
    }

    /// The data sets of a file.
    pub fn read(&self, shard: usize) -> Result<Record> {
        let Some(shard) = self.list.get(shard) else {
            let message = format!("shard {shard} of {} was asked for", self.list.len());
            return Err(Error::file(&self.folder, message));
        };
        let arrays = read_arrays(&shard.path, |key| shard.forms.contains_key(key))?;
        let record = record_from_arrays(arrays, &[]).map_err(|e| Error::file(&shard.path, e.to_string()))?;
        match record.datasets()? {
            Some(datasets) if datasets == shard.datasets => Ok(record),
            found => {
                let message = format!(
                    "holds {} data sets now and held {} before; leave files alone while they are trained on",
                    found.unwrap_or(0),
                    shard.datasets
                );
                Err(Error::file(&shard.path, message))
            }
        }
    }

    /// Lets the system fetch a file in the background, so that reading it later waits less. It costs the process no memory.
    pub(super) fn announce(&self, shard: usize) {
        #[cfg(target_os = "linux")]
        if let Some(file) = self.list.get(shard).and_then(|shard| std::fs::File::open(&shard.path).ok()) {
            // Only a hint: where it does nothing, reading takes as long as without.
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::WillNeed);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = shard;
    }

    /// The first data sets of the folder, from as many files as it takes.
    pub fn first(&self, count: usize) -> Result<Record> {
        let (mut parts, mut found) = (Vec::new(), 0);
        for shard in 0..self.list.len() {
            if found >= count {
                break;
            }
            let record = self.read(shard)?;
            let rows: Vec<usize> = (0..self.list[shard].datasets.min(count - found)).collect();
            found += rows.len();
            parts.push(record.select(&rows)?);
        }
        Record::concatenate(&parts)
    }
}

/// The key whose offsets or mask this is, if there is such a key.
fn companion_of<'a>(key: &'a str, forms: &IndexMap<String, Form>) -> Option<&'a str> {
    [OFFSETS, MASK].iter().find_map(|ending| key.strip_suffix(ending)).filter(|main| forms.contains_key(*main))
}

impl Shard {
    fn read(path: PathBuf, keys: Option<&[String]>) -> Result<Self> {
        let all = array_forms(&path)?;
        let mut forms = all.clone();
        if let Some(keys) = keys {
            if let Some(missing) = keys.iter().find(|key| !all.contains_key(*key)) {
                let there: Vec<&str> = all.keys().map(String::as_str).collect();
                let message = format!("the key '{missing}' is missing; the keys are: {}", there.join(", "));
                return Err(Error::file(&path, message));
            }
            let wanted = |key: &str| keys.iter().any(|k| k == key);
            forms.retain(|key, _| wanted(key) || companion_of(key, &all).is_some_and(wanted));
        }
        let bytes = forms.values().map(Form::bytes).sum();
        let mut shard = Shard { path, datasets: 0, bytes, forms };
        shard.datasets = shard.count()?;
        Ok(shard)
    }

    /// The number of data sets that all keys share.
    fn count(&self) -> Result<usize> {
        let mut found: Option<(&str, usize)> = None;
        for (key, form) in self.mains() {
            let Some(count) = self.datasets_of(key, form) else { continue };
            match found {
                Some((first, before)) if before != count => {
                    let message =
                        format!("'{key}' has {count} data sets, but '{first}' has {before}; write the file again");
                    return Err(Error::file(&self.path, message));
                }
                _ => found = Some((key, count)),
            }
        }
        match found {
            Some((_, 0)) | None => Err(Error::file(&self.path, "holds no data set; remove the file or write it again")),
            Some((_, count)) => Ok(count),
        }
    }

    /// The keys that are no offsets and no masks.
    fn mains(&self) -> impl Iterator<Item = (&str, &Form)> {
        self.forms
            .iter()
            .map(|(key, form)| (key.as_str(), form))
            .filter(|(key, _)| companion_of(key, &self.forms).is_none())
    }

    fn datasets_of(&self, key: &str, form: &Form) -> Option<usize> {
        match self.forms.get(&format!("{key}{OFFSETS}")) {
            Some(offsets) => Some(offsets.shape.first()?.saturating_sub(1)),
            None => form.shape.first().copied(),
        }
    }

    /// Type and shape of what belongs to one element of a set, or to one data set where there are no sets.
    fn inner(&self, key: &str) -> Option<(Dtype, bool, &[usize])> {
        let form = self.forms.get(key)?;
        let has = |ending: &str| self.forms.contains_key(&format!("{key}{ending}"));
        let (axes, is_set) = match form.shape.len() {
            _ if has(OFFSETS) => (1, true),
            rank if has(MASK) || rank >= 3 => (2, true),
            _ => (1, false),
        };
        Some((form.dtype, is_set, form.shape.get(axes..).unwrap_or(&[])))
    }

    fn expect_like(&self, first: &Shard) -> Result<()> {
        let name = first.path.file_name().unwrap_or_default().to_string_lossy();
        let keys = |shard: &Shard| shard.mains().map(|(key, _)| key.to_string()).collect::<Vec<_>>();
        let (own, others) = (keys(self), keys(first));
        if let Some(key) = others.iter().find(|key| !own.contains(key)) {
            let message = format!("the key '{key}', which {name} has, is missing; its keys are: {}", own.join(", "));
            return Err(Error::file(&self.path, message));
        }
        if let Some(key) = own.iter().find(|key| !others.contains(key)) {
            let message = format!("the key '{key}' is not in {name}; give all files the same keys");
            return Err(Error::file(&self.path, message));
        }
        match own.iter().find(|key| self.inner(key) != first.inner(key)) {
            None => Ok(()),
            Some(key) => {
                let form =
                    |shard: &Shard| shard.forms.get(key).map(|form| format!("{:?} {:?}", form.dtype, form.shape));
                let message = format!(
                    "'{key}' is {}, but {} in {name}; only the numbers of data sets and of elements may differ",
                    form(self).unwrap_or_default(),
                    form(first).unwrap_or_default()
                );
                Err(Error::file(&self.path, message))
            }
        }
    }
}
