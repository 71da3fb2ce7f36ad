//! Names: rename, drop, keep, group, ungroup.

use serde::{Deserialize, Serialize};

use crate::data::{Entry, Record};
use crate::error::{Error, Result};

use super::keys::Keys;
use super::pass::{Context, LogDeterminants};

/// Gives an entry another name; going back, the old one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// The name in data space.
    pub from_key: String,
    /// The name in network space.
    pub to_key: String,
}

/// Removes entries, if they are there. Going back, nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drop {
    /// The entries to remove.
    pub keys: Keys,
}

/// Removes all entries but those named. Going back, nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// The entries to retain, if they are there.
    pub keys: Keys,
}

/// Moves entries into the group `into`, under their names without `prefix`; an existing group is extended. Going back,
/// the entries get their names again and an emptied group goes. The log-determinant of an entry moves with it, under
/// the name `into/entry`. (The peer makes nested maps of log-determinants.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The entries.
    pub keys: Keys,
    /// The group.
    pub into: String,
    /// What the names lose; each of them must begin with it.
    #[serde(default)]
    pub prefix: String,
}

/// Moves the entries of the group `key` out of it, under `prefix` and their names. Going back, those seen in training are
/// gathered again; the group is made only if one of them is there. (The peer always makes it.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ungroup {
    /// The group.
    pub key: String,
    /// What the names gain.
    #[serde(default)]
    pub prefix: String,
    /// The names inside of the group, sorted, learned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<String>,
}

/// The error of a transform that would overwrite an entry.
pub(super) fn refuse_overwriting(transform: &str, key: &str, record: &Record) -> Result<()> {
    match record.contains(key) {
        true => Err(Error::key(key, format!("exists already and {transform} would overwrite it; drop or rename one"))),
        false => Ok(()),
    }
}

fn insert_entry(record: &mut Record, key: &str, entry: Entry) {
    match entry {
        Entry::Column(column) => record.insert(key, column),
        Entry::Group(group) => record.insert_group(key, group),
    }
}

/// Moves an entry; false if there was none.
fn move_entry(record: &mut Record, from: &str, to: &str) -> Result<bool> {
    if !record.contains(from) {
        return Ok(false);
    }
    if from != to {
        refuse_overwriting("rename", to, record)?;
    }
    if let Some(entry) = record.remove(from) {
        insert_entry(record, to, entry);
    }
    Ok(true)
}

/// Takes an entry out of a group, which goes when it is empty.
fn take_from_group(record: &mut Record, group: &str, name: &str) -> Result<Option<Entry>> {
    if !record.contains(group) {
        return Ok(None);
    }
    let mut inner = record.group(group)?.clone();
    let entry = inner.remove(name);
    match inner.is_empty() {
        true => drop(record.remove(group)),
        false => record.insert_group(group, inner),
    }
    Ok(entry)
}

fn put_into_group(record: &mut Record, group: &str, name: &str, entry: Entry) -> Result<()> {
    let mut inner = match record.contains(group) {
        true => record.group(group)?.clone(),
        false => Record::new(),
    };
    refuse_overwriting("group", name, &inner)?;
    insert_entry(&mut inner, name, entry);
    record.insert_group(group, inner);
    Ok(())
}

impl Rename {
    pub(super) fn forward(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        if !move_entry(record, &self.from_key, &self.to_key)? && context.strict {
            return Err(record.missing(&self.from_key));
        }
        log_det.map_or(Ok(()), |log_det| log_det.move_entry(&self.from_key, &self.to_key))
    }

    pub(super) fn inverse(
        &self,
        record: &mut Record,
        log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        if !move_entry(record, &self.to_key, &self.from_key)? && context.strict {
            return Err(record.missing(&self.to_key));
        }
        log_det.map_or(Ok(()), |log_det| log_det.move_entry(&self.to_key, &self.from_key))
    }
}

impl Drop {
    pub(super) fn forward(&self, record: &mut Record, log_det: Option<&mut LogDeterminants>) {
        for key in self.keys.iter() {
            record.remove(key);
        }
        if let Some(log_det) = log_det {
            log_det.retain(|key| !self.keys.iter().any(|k| k == key));
        }
    }
}

impl Keep {
    pub(super) fn forward(&self, record: &mut Record, log_det: Option<&mut LogDeterminants>) {
        let gone: Vec<String> =
            record.keys().filter(|key| !self.keys.iter().any(|k| k == key)).map(String::from).collect();
        for key in gone {
            record.remove(&key);
        }
        if let Some(log_det) = log_det {
            log_det.retain(|key| self.keys.iter().any(|k| k == key));
        }
    }
}

impl Group {
    pub(super) fn check(&self) -> Result<()> {
        match self.keys.iter().find(|key| !key.starts_with(&self.prefix)) {
            Some(key) => Err(Error::argument(
                format!("group into '{}'", self.into),
                format!("the key '{key}' does not begin with the prefix '{}'; change one of them", self.prefix),
            )),
            None => Ok(()),
        }
    }

    fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        self.keys.iter().map(|key| (key.as_str(), key.strip_prefix(self.prefix.as_str()).unwrap_or(key)))
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for (key, name) in self.names() {
            match record.remove(key) {
                Some(entry) => put_into_group(record, &self.into, name, entry)?,
                None if context.strict => return Err(record.missing(key)),
                None => continue,
            }
            if let Some(log_det) = log_det.as_deref_mut() {
                log_det.move_entry(key, &format!("{}/{name}", self.into))?;
            }
        }
        Ok(())
    }

    pub(super) fn inverse(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for (key, name) in self.names() {
            if context.strict {
                record.group(&self.into).and_then(|group| match group.contains(name) {
                    true => Ok(()),
                    false => Err(group.missing(name)),
                })?;
            }
            if let Some(entry) = take_from_group(record, &self.into, name)? {
                refuse_overwriting("the inverse of group", key, record)?;
                insert_entry(record, key, entry);
            }
            if let Some(log_det) = log_det.as_deref_mut() {
                log_det.move_entry(&format!("{}/{name}", self.into), key)?;
            }
        }
        Ok(())
    }
}

impl Ungroup {
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        if !context.strict && !record.contains(&self.key) {
            return Ok(());
        }
        for name in record.group(&self.key)?.keys() {
            if let Err(place) = self.learned.binary_search_by(|known| known.as_str().cmp(name)) {
                self.learned.insert(place, name.to_owned());
            }
        }
        Ok(())
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        if !record.contains(&self.key) {
            return if context.strict { Err(record.missing(&self.key)) } else { Ok(()) };
        }
        let group = record.group(&self.key)?.clone();
        record.remove(&self.key);
        for (name, entry) in group.iter() {
            let key = format!("{}{name}", self.prefix);
            refuse_overwriting("ungroup", &key, record)?;
            insert_entry(record, &key, entry.clone());
            if let Some(log_det) = log_det.as_deref_mut() {
                log_det.move_entry(&format!("{}/{name}", self.key), &key)?;
            }
        }
        Ok(())
    }

    pub(super) fn inverse(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for name in &self.learned {
            let key = format!("{}{name}", self.prefix);
            match record.remove(&key) {
                Some(entry) => put_into_group(record, &self.key, name, entry)?,
                None if context.strict => return Err(record.missing(&key)),
                None => continue,
            }
            if let Some(log_det) = log_det.as_deref_mut() {
                log_det.move_entry(&key, &format!("{}/{name}", self.key))?;
            }
        }
        if context.peer && !record.contains(&self.key) {
            record.insert_group(self.key.as_str(), Record::new());
        }
        Ok(())
    }

    /// Gathers the gradients of the entries that were in the group.
    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record) -> Result<()> {
        let Ok(group) = before.group(&self.key) else { return Ok(()) };
        for name in group.keys() {
            if let Some(entry) = gradient.remove(&format!("{}{name}", self.prefix)) {
                put_into_group(gradient, &self.key, name, entry)?;
            }
        }
        Ok(())
    }
}

impl std::fmt::Display for Rename {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rename {} to {}", self.from_key, self.to_key)
    }
}

impl std::fmt::Display for Drop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "drop {}", self.keys)
    }
}

impl std::fmt::Display for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "keep {}", self.keys)
    }
}

impl std::fmt::Display for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "group {} into {}", self.keys, self.into)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, ", without the prefix {}", self.prefix) }
    }
}

impl std::fmt::Display for Ungroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ungroup {}", self.key)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, ", with the prefix {}", self.prefix) }
    }
}
