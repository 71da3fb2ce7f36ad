//! What is asked of a simulator: how many data sets, from which random numbers, with which quantities fixed.

use crate::data::Record;
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
}

impl Request {
    /// The first `count` data sets of a key, on the caller's thread, with nothing fixed.
    pub fn new(count: usize, key: Key) -> Self {
        Request { count, key, first: 0, pool: Pool::inline(), given: Record::new() }
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
