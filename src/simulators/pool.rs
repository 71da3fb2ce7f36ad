//! A fixed number of threads for work that is cut by index.

use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, Result};

/// Threads that map a function over indices, results in the order of the indices. One thread is the caller's own:
/// nothing is started.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    workers: Option<Arc<rayon::ThreadPool>>,
}

impl Pool {
    /// No threads: work is done by the caller.
    pub fn inline() -> Self {
        Pool::default()
    }

    /// A pool of the given number of threads; one means [`Pool::inline`].
    pub fn new(threads: usize) -> Result<Self> {
        match threads {
            0 => Err(Error::argument("threads", "0 was given; give the number of threads to use, 1 or more")),
            1 => Ok(Pool::inline()),
            _ => rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .thread_name(|i| format!("simulator-{i}"))
                .build()
                .map(|workers| Pool { workers: Some(Arc::new(workers)) })
                .map_err(|e| Error::argument("threads", format!("{threads} could not be started ({e}); give fewer"))),
        }
    }

    /// Number of threads that work at once.
    pub fn threads(&self) -> usize {
        self.workers.as_ref().map_or(1, |workers| workers.current_num_threads())
    }

    /// `f(0), …, f(count - 1)` in this order, computed by the threads of the pool.
    pub fn map<T: Send>(&self, count: usize, f: impl Fn(usize) -> T + Sync) -> Vec<T> {
        match &self.workers {
            None => (0..count).map(f).collect(),
            Some(workers) => workers.install(|| (0..count).into_par_iter().map(&f).collect()),
        }
    }
}
