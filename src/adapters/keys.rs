//! Which entries of a record a transform acts on.

use serde::{Deserialize, Serialize};

use crate::codecs::Dtype;
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};

/// A list of keys. One key may be given as a plain string, also in configuration files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMany", into = "Vec<String>")]
pub struct Keys(pub Vec<String>);

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Keys {
    fn from(keys: OneOrMany) -> Self {
        match keys {
            OneOrMany::One(key) => Keys(vec![key]),
            OneOrMany::Many(keys) => Keys(keys),
        }
    }
}

impl From<Keys> for Vec<String> {
    fn from(keys: Keys) -> Self {
        keys.0
    }
}

impl From<&str> for Keys {
    fn from(key: &str) -> Self {
        Keys(vec![key.to_owned()])
    }
}

impl From<String> for Keys {
    fn from(key: String) -> Self {
        Keys(vec![key])
    }
}

impl<S: Into<String>> From<Vec<S>> for Keys {
    fn from(keys: Vec<S>) -> Self {
        Keys(keys.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Keys {
    fn from(keys: [S; N]) -> Self {
        Keys(keys.into_iter().map(Into::into).collect())
    }
}

impl<S: AsRef<str>> From<&[S]> for Keys {
    fn from(keys: &[S]) -> Self {
        Keys(keys.iter().map(|key| key.as_ref().to_owned()).collect())
    }
}

impl std::ops::Deref for Keys {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl std::fmt::Display for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [key] => f.write_str(key),
            keys => write!(f, "[{}]", keys.join(", ")),
        }
    }
}

/// A property of a column by which a [`Selection`] picks it. The peer takes a function here; a closed list keeps adapters
/// plain data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// Floating-point values.
    Float,
    /// Integers.
    Integer,
    /// Booleans.
    Boolean,
    /// Sets or series whose sizes may differ.
    Ragged,
    /// Metadata of the whole batch.
    Shared,
    /// Keys that begin with a text.
    Prefix(String),
    /// Keys that end with a text.
    Suffix(String),
}

impl Predicate {
    fn holds(&self, key: &str, column: &Column) -> bool {
        match self {
            Predicate::Float => matches!(column.array.dtype(), Dtype::F64 | Dtype::F32),
            Predicate::Integer => column.array.dtype() == Dtype::I64,
            Predicate::Boolean => column.array.dtype() == Dtype::Bool,
            Predicate::Ragged => column.offsets.is_some(),
            Predicate::Shared => column.shared,
            Predicate::Prefix(text) => key.starts_with(text.as_str()),
            Predicate::Suffix(text) => key.ends_with(text.as_str()),
        }
    }
}

/// The columns that a transform acts on.
///
/// A column is selected unless it is excluded, and if it is included or the predicate holds; with neither an inclusion
/// nor a predicate, every column is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Keys to act on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub include: Option<Keys>,
    /// Keys to leave alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Keys>,
    /// A property by which columns are picked besides those included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Predicate>,
}

impl Selection {
    /// Every column.
    pub fn all() -> Self {
        Selection::default()
    }

    /// Every column for which a property holds.
    pub fn matching(predicate: Predicate) -> Self {
        Selection { predicate: Some(predicate), ..Selection::default() }
    }

    /// The same without the given keys.
    pub fn except(mut self, keys: impl Into<Keys>) -> Self {
        self.exclude = Some(keys.into());
        self
    }

    /// The same and every column for which a property holds.
    pub fn or(mut self, predicate: Predicate) -> Self {
        self.predicate = Some(predicate);
        self
    }

    /// True when neither inclusion nor predicate narrows the choice.
    pub(super) fn is_open(&self) -> bool {
        self.include.is_none() && self.predicate.is_none()
    }

    pub(super) fn contains(&self, key: &str, column: &Column) -> bool {
        let listed = |keys: &Option<Keys>| keys.as_ref().is_some_and(|keys| keys.iter().any(|k| k == key));
        !listed(&self.exclude)
            && (self.is_open()
                || listed(&self.include)
                || self.predicate.as_ref().is_some_and(|predicate| predicate.holds(key, column)))
    }

    /// The selected columns of a record in its order; when strict, every included key must exist. Columns inside of a
    /// group are named `group/column` and are selected with their group.
    pub(super) fn keys(&self, record: &Record, strict: bool) -> Result<Vec<String>> {
        if strict {
            require(self.include.iter().flat_map(|keys| keys.iter()), record)?;
        }
        let mut found = Vec::new();
        walk(record, "", &mut |path, column| {
            if self.contains(path.split('/').next().unwrap_or(path), column) || self.contains(path, column) {
                found.push(path.to_owned());
            }
        });
        Ok(found)
    }
}

impl<K: Into<Keys>> From<K> for Selection {
    fn from(keys: K) -> Self {
        Selection { include: Some(keys.into()), ..Selection::default() }
    }
}

impl std::fmt::Display for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let picked: Vec<String> = (self.include.iter().map(|keys| keys.to_string()))
            .chain(self.predicate.iter().map(|predicate| match predicate {
                Predicate::Prefix(text) => format!("'{text}…'"),
                Predicate::Suffix(text) => format!("'…{text}'"),
                other => format!("{other:?}").to_lowercase(),
            }))
            .collect();
        f.write_str(&if picked.is_empty() { "all".to_owned() } else { picked.join(" or ") })?;
        self.exclude.as_ref().map_or(Ok(()), |keys| write!(f, " except {keys}"))
    }
}

fn walk(record: &Record, prefix: &str, visit: &mut dyn FnMut(&str, &Column)) {
    for (key, entry) in record.iter() {
        let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}/{key}") };
        match entry {
            Entry::Column(column) => visit(&path, column),
            Entry::Group(group) => walk(group, &path, visit),
        }
    }
}

/// The column at a path such as `group/column`; a key that itself holds a slash wins.
pub(super) fn find<'a>(record: &'a Record, path: &str) -> Result<&'a Column> {
    match path.split_once('/') {
        Some((group, rest)) if !record.contains(path) => find(record.group(group)?, rest),
        _ => record.column(path),
    }
}

/// Replaces the column at a path, keeping its place.
pub(super) fn replace(record: &mut Record, path: &str, column: Column) -> Result<()> {
    match path.split_once('/') {
        Some((key, rest)) if !record.contains(path) => {
            let mut group = record.group(key)?.clone();
            replace(&mut group, rest, column)?;
            record.insert_group(key, group);
        }
        _ => record.insert(path, column),
    }
    Ok(())
}

/// The keys that exist; when strict, a missing one is an error that lists the keys there are.
pub(super) fn present(keys: &Keys, record: &Record, strict: bool) -> Result<Vec<String>> {
    if strict {
        require(keys.iter(), record)?;
    }
    Ok(keys.iter().filter(|key| find(record, key).is_ok() || record.contains(key)).cloned().collect())
}

fn require<'a>(keys: impl Iterator<Item = &'a String>, record: &Record) -> Result<()> {
    for key in keys {
        if find(record, key).is_err() && !record.contains(key) {
            return Err(record.missing(key));
        }
    }
    Ok(())
}

/// Removes a column, or says what is wrong with the key.
pub(super) fn take_column(record: &mut Record, key: &str) -> Result<Column> {
    record.column(key)?;
    match record.remove(key) {
        Some(Entry::Column(column)) => Ok(column),
        _ => Err(Error::key(key, "is a group of columns, a single column was expected")),
    }
}
