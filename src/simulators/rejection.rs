//! Simulations in chunks: until a predicate has accepted enough, or until a large request is met.

use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::{Request, Simulator};

/// How candidates are drawn for [`rejection_sample`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// Candidates that are simulated at once.
    pub chunk: usize,
    /// Candidates after which the search is given up.
    pub most_candidates: u64,
}

impl Default for Rejection {
    fn default() -> Self {
        Rejection { chunk: 1000, most_candidates: 10_000_000 }
    }
}

/// The first `request.count` candidates that `accept` takes, in the order of their indices `request.first, …`.
///
/// `accept` sees a chunk and answers once for each of its data sets. The result does not depend on the size of the
/// chunks, unless the simulator's meta function or the predicate does. Fixed quantities must be shared or of one row.
/// Unlike the peer, the result has exactly the size that was asked for, and the number of candidates is bounded.
pub fn rejection_sample(
    simulator: &dyn Simulator,
    request: &Request,
    rejection: Rejection,
    accept: impl Fn(&Record) -> Result<Vec<bool>>,
) -> Result<Record> {
    request.check()?;
    if rejection.chunk == 0 {
        return Err(Error::argument("chunk", "0 candidates at once; use at least one"));
    }
    let mut accepted = Vec::new();
    let (mut found, mut tried) = (0, 0);
    while found < request.count {
        let count = rejection.chunk.min(usize::try_from(rejection.most_candidates - tried).unwrap_or(usize::MAX));
        if count == 0 {
            return Err(Error::value(
                simulator.name(),
                format!(
                    "{found} of {tried} candidates were accepted, {} are needed; accept more or raise `most_candidates`",
                    request.count
                ),
            ));
        }
        let chunk = simulator.sample(&Request { count, first: request.first + tried, ..request.clone() })?;
        let verdicts = accept(&chunk)?;
        if verdicts.len() != count {
            return Err(Error::shape(
                "accept",
                format!("{} answers for {count} candidates; answer once for each data set", verdicts.len()),
            ));
        }
        let mut keep: Vec<usize> = (0..count).filter(|&i| verdicts[i]).collect();
        keep.truncate(request.count - found);
        if !keep.is_empty() {
            accepted.push(chunk.select(&keep)?);
        }
        found += keep.len();
        tried += count as u64;
    }
    Record::concatenate(&accepted)
}

/// The data sets of a request, simulated `size` at a time; for simulators that need much memory for a batch.
///
/// Equal to one call unless the meta function is called per batch. The result has exactly the size that was asked for
/// (the peer rounds up to whole batches).
pub fn sample_batched(simulator: &dyn Simulator, request: &Request, size: usize) -> Result<Record> {
    request.check()?;
    if size == 0 {
        return Err(Error::argument("size", "0 data sets at a time; use at least one"));
    }
    let batches = (0..request.count)
        .step_by(size)
        .map(|start| simulator.sample(&request.part(start..request.count.min(start + size))?));
    Record::concatenate(&batches.collect::<Result<Vec<_>>>()?)
}
