//! What is asked of a simulator: how many data sets, from which random numbers, with which quantities fixed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::{Entry, Record};
use crate::error::{Error, Result};
use crate::random::{Key, Stream};
use crate::simulators::Pool;

/// A request for data sets `first .. first + count` of the family that `key` names.
///
/// Data set `first + i` uses the stream `key.at(first + i)` and no other, so that a large request and many small ones
/// give the same data sets.
#[derive(Debug, Clone)]
pub struct Request {
    /// Number of data sets.
    pub count: usize,
    /// Name of the random numbers.
    pub key: Key,
    /// Index of the first data set.
    pub first: u64,
    /// Threads that simulate.
    pub pool: Pool,
    /// Fixed quantities: columns of one row for each data set, of a single row for all, or shared. A quantity that the
    /// simulator would draw is replaced and later parts see the fixed value; others are inputs that closures may read.
    pub given: Record,
    /// What a simulator that is a part of another one may read besides.
    pub context: Context,
}

impl Request {
    /// The first `count` data sets of a key, on the caller's thread, with nothing fixed.
    pub fn new(count: usize, key: Key) -> Self {
        let context = Context::default();
        Request { count, key, first: 0, pool: Pool::inline(), given: Record::new(), context }
    }

    /// Sets the index of the first data set.
    pub fn first(mut self, first: u64) -> Self {
        self.first = first;
        self
    }

    /// Sets the threads.
    pub fn pool(mut self, pool: &Pool) -> Self {
        self.pool = pool.clone();
        self
    }

    /// Fixes quantities.
    pub fn given(mut self, given: Record) -> Self {
        self.given = given;
        self
    }

    /// The generator of the `i`-th data set of this request.
    pub fn stream(&self, i: usize) -> Stream {
        self.key.at(self.first + i as u64).stream()
    }

    /// The request for a range of these data sets.
    pub fn part(&self, range: Range<usize>) -> Result<Request> {
        let inputs = rows(&self.context.inputs, self.count, range.clone())?;
        Ok(Request {
            count: range.len(),
            first: self.first + range.start as u64,
            given: rows(&self.given, self.count, range)?,
            context: Context { inputs, usage: self.context.usage.clone() },
            ..self.clone()
        })
    }

    /// An error when nothing is asked for or the indices run over.
    pub fn check(&self) -> Result<()> {
        if self.count == 0 {
            return Err(Error::argument("count", "0 data sets were asked for; ask for at least one"));
        }
        match self.first.checked_add(self.count as u64) {
            Some(_) => Ok(()),
            None => Err(Error::argument(
                "first",
                format!("{} and {} more data sets exceed 2^64; use a smaller first index", self.first, self.count),
            )),
        }
    }
}

/// What a simulator that consists of others hands to its parts: quantities that they may read, used or not. A part that
/// draws such a name keeps its own draw.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Columns as in [`Request::given`].
    pub inputs: Record,
    /// Where the parts report what they used of the fixed quantities; the whole judges.
    pub(super) usage: Option<Usage>,
}

impl Context {
    pub(super) fn new(inputs: Record, usage: &Usage) -> Self {
        Context { inputs, usage: Some(usage.clone()) }
    }
}

/// The names of the fixed quantities that some part drew or read.
#[derive(Debug, Clone, Default)]
pub(super) struct Usage {
    names: Arc<Mutex<BTreeSet<String>>>,
}

impl Usage {
    pub(super) fn report<'a>(&self, used: impl Iterator<Item = &'a str>) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).extend(used.map(str::to_string));
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the whole above, or finds the fixed quantity that no part used.
    pub(super) fn check(&self, request: &Request, drawn: &Record) -> Result<()> {
        let used = self.names();
        match &request.context.usage {
            Some(above) => {
                above.report(used.iter().map(String::as_str));
                Ok(())
            }
            None => match request.given.keys().find(|name| !used.contains(*name)) {
                None => Ok(()),
                Some(name) => Err(unused(name, &drawn.keys().collect::<Vec<_>>())),
            },
        }
    }
}

/// The error for a fixed quantity that nobody uses: most likely its name is misspelled.
pub(super) fn unused(name: &str, drawn: &[&str]) -> Error {
    Error::key(
        name,
        format!(
            "is given, but the simulator neither draws nor reads it; it draws: {}; correct the name or leave it out",
            drawn.join(", ")
        ),
    )
}

/// The rows of a range of `count` data sets; columns of one row and shared ones stay as they are.
fn rows(record: &Record, count: usize, range: Range<usize>) -> Result<Record> {
    pick(record, count, &range.collect::<Vec<_>>())
}

/// Each row of `count` data sets `times` times; columns of one row and shared ones stay as they are.
pub(super) fn repeat_rows(record: &Record, count: usize, times: usize) -> Result<Record> {
    pick(record, count, &(0..count * times).map(|i| i / times).collect::<Vec<_>>())
}

fn pick(record: &Record, count: usize, indices: &[usize]) -> Result<Record> {
    let mut out = Record::new();
    for (key, entry) in record.iter() {
        match entry {
            Entry::Column(column) if column.datasets() == Some(count) => out.insert(key, column.select(indices)?),
            Entry::Column(column) => out.insert(key, column.clone()),
            Entry::Group(group) => out.insert_group(key, group.clone()),
        }
    }
    Ok(out)
}
