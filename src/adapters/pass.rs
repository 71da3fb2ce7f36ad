//! How an adapter is run, and the log-determinants it returns.

use indexmap::IndexMap;

use crate::error::{Error, Result};
use crate::random::Key;

/// What happens when a key that a transform refers to is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// It is an error that lists the keys there are. For training data, where everything must be present.
    Strict,
    /// The transform does what is possible with the keys present. For inference, where the parameters are missing, and
    /// for the way back, where the data are.
    Lenient,
}

impl Strictness {
    /// This strictness, with the key of random transforms (`random_subsample`).
    pub fn with_key(self, key: Key) -> Pass {
        Pass { strictness: self, randomness: Randomness::Key(key) }
    }

    /// This strictness, with the order that random transforms use instead of drawing one; for replaying a run.
    pub fn with_permutation(self, order: impl Into<Vec<usize>>) -> Pass {
        Pass { strictness: self, randomness: Randomness::Order(order.into()) }
    }
}

/// One run of an adapter: its strictness and its source of randomness. A [`Strictness`] is a pass without randomness.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    pub(super) strictness: Strictness,
    pub(super) randomness: Randomness,
}

impl From<Strictness> for Pass {
    fn from(strictness: Strictness) -> Self {
        Pass { strictness, randomness: Randomness::None }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Randomness {
    None,
    Key(Key),
    Order(Vec<usize>),
}

/// What each transform is told about the run it takes part in.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub strict: bool,
    pub peer: bool,
    pub randomness: Randomness,
}

/// `ln |∂out/∂in|` by key, summed over everything but the data sets: one number per data set.
///
/// Keys that no transform scaled have no entry, which means zero. A transform that has no log-determinant marks its key,
/// and asking for it is an error, so that a density is never silently wrong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LogDeterminants {
    entries: IndexMap<String, Contribution>,
}

#[derive(Debug, Clone, PartialEq)]
enum Contribution {
    Known(Vec<f64>),
    Unknown(String),
}

impl LogDeterminants {
    /// The log-determinant of a key per data set, `None` where nothing contributed (zero), or an error that names the
    /// transform which has none.
    pub fn get(&self, key: &str) -> Result<Option<&[f64]>> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Contribution::Known(values)) => Ok(Some(values)),
            Some(Contribution::Unknown(reason)) => {
                Err(Error::key(key, format!("has no log-determinant, because {reason}")))
            }
        }
    }

    /// The keys with a contribution.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// True when no transform contributed anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Adds `sign · values` to a key.
    pub(super) fn add(&mut self, key: &str, sign: f64, values: Vec<f64>) -> Result<()> {
        let signed = values.into_iter().map(|x| sign * x).collect();
        self.merge(key, Contribution::Known(signed))
    }

    /// Makes asking for a key an error with this reason and remedy.
    pub(super) fn mark_unknown(&mut self, key: &str, reason: impl Into<String>) {
        self.entries.insert(key.to_owned(), Contribution::Unknown(reason.into()));
    }

    /// Moves what `from` has to `into`, adding to what is there.
    pub(super) fn move_entry(&mut self, from: &str, into: &str) -> Result<()> {
        match self.entries.shift_remove(from) {
            Some(entry) if from == into => {
                self.entries.insert(into.to_owned(), entry);
                Ok(())
            }
            Some(entry) => self.merge(into, entry),
            None => Ok(()),
        }
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.entries.retain(|key, _| keep(key));
    }

    fn merge(&mut self, key: &str, entry: Contribution) -> Result<()> {
        match (self.entries.get_mut(key), entry) {
            (Some(Contribution::Known(sum)), Contribution::Known(values)) => {
                if sum.len() != values.len() {
                    return Err(Error::shape(
                        key,
                        format!(
                            "log-determinants of {} and {} data sets cannot be added; the first axis of every key is the \
                             data set",
                            sum.len(),
                            values.len()
                        ),
                    ));
                }
                sum.iter_mut().zip(values).for_each(|(s, x)| *s += x);
            }
            (Some(Contribution::Unknown(_)), _) => {}
            (_, entry) => {
                self.entries.insert(key.to_owned(), entry);
            }
        }
        Ok(())
    }
}
