//! Simulators that are programs.

mod process;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;

use crate::codecs::{Array, npz};
use crate::data::io::{record_from_arrays, record_to_arrays};
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::simulators::{Pool, Request, Simulator, Variable};

/// Key of the seeds in the input of a program.
const SEED: &str = "seed";

/// A simulator that is a program: anything that reads parameters from an `.npz` file and writes data to another.
///
/// The program is started for a batch of data sets with two more arguments, the path of the input and the path of the
/// output:
///
/// * the input holds an array `[datasets, …]` for each parameter, and `seed` (int64, `[datasets]`): a program that takes the
///   random numbers of a data set from its seed gives the same data whatever the batches;
/// * the output holds arrays whose first axis is the data set, in the same order. Sets of differing sizes: `KEY` with the
///   elements of all data sets, and `KEY.offsets` (int64, `[datasets + 1]`) with where each begins.
///
/// The record is that of the prior with the program's arrays; a key of both is the program's. A program that ends with a
/// status other than 0, runs too long or writes something else is started again `retries` times, then its last lines of
/// standard error are the error. `examples/external_simulator.py` is such a program in ten lines.
///
/// On Unix the command line is one of the shell, and the program has a process group of its own, which is killed when the time is
/// over.
pub struct External {
    command: String,
    prior: Box<dyn Simulator>,
    batch: usize,
    jobs: usize,
    limit: Option<Duration>,
    retries: usize,
    expected: Vec<String>,
    progress: Option<Box<dyn Fn(usize) + Send + Sync>>,
}

impl External {
    /// A command line, and what draws the parameters. Batches of 100 data sets, one at a time, no time limit, no retries.
    pub fn new(command: impl Into<String>, prior: impl Simulator + 'static) -> Self {
        External {
            command: command.into(),
            prior: Box::new(prior),
            batch: 100,
            jobs: 1,
            limit: None,
            retries: 0,
            expected: Vec::new(),
            progress: None,
        }
    }

    /// Sets the number of data sets of one run of the program.
    pub fn batch(mut self, datasets: usize) -> Self {
        self.batch = datasets;
        self
    }

    /// Sets how many programs run at once.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Sets how long one run may take.
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets how often a failing run is repeated.
    pub fn retries(mut self, retries: usize) -> Self {
        self.retries = retries;
        self
    }

    /// Sets keys that the output must hold; without them any will do.
    pub fn expect<T: Into<String>>(mut self, keys: impl IntoIterator<Item = T>) -> Self {
        self.expected = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Calls a function with the number of data sets that are finished, from whichever thread finished them.
    pub fn on_progress(mut self, progress: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    fn check(&self) -> Result<()> {
        if self.command.trim().is_empty() {
            return Err(Error::argument("command", "is empty; give the command line of a program"));
        }
        if self.limit.is_some_and(|limit| limit.is_zero()) {
            return Err(Error::argument("time limit", "is 0 s; give a positive number of seconds"));
        }
        match self.batch {
            0 => Err(Error::argument("batch", "0 data sets were given; use at least 1")),
            _ => Ok(()),
        }
    }

    /// One batch, with retries.
    fn simulate_batch(&self, parameters: &Record, request: &Request, stop: &AtomicBool) -> Result<Record> {
        let folder = tempfile::Builder::new().prefix("ferroflow-").tempdir().map_err(|error| {
            Error::file(std::env::temp_dir(), format!("no folder for the program's files can be made here ({error})"))
        })?;
        let (input, output) = (folder.path().join("input.npz"), folder.path().join("output.npz"));
        let errors = folder.path().join("errors.txt");
        let mut arrays = record_to_arrays(parameters)?;
        let key = request.key.fork("external");
        // Seeds are not negative, as some generators want it.
        let seed = |i: usize| (key.at(request.first + i as u64).stream().random::<u64>() >> 1) as i64;
        let seeds = Array::i64([request.count], (0..request.count).map(seed).collect())?;
        if arrays.insert(SEED.to_string(), seeds).is_some() {
            return Err(Error::key(SEED, "is a parameter, but names the seeds in the program's input; rename it"));
        }
        let bytes = npz::to_bytes(arrays.iter().map(|(key, array)| (key.as_str(), array)))?;
        std::fs::write(&input, bytes).map_err(|error| Error::file(&input, format!("cannot be written ({error})")))?;
        let mut attempt = 0;
        loop {
            let _ = std::fs::remove_file(&output);
            let outcome = process::run(&self.command, &input, &output, &errors, self.limit, stop)
                .and_then(|()| self.read(&output, &errors, request.count));
            attempt += 1;
            match outcome {
                Ok(record) => return Ok(record),
                Err(_) if attempt <= self.retries && !stop.load(Ordering::Relaxed) => {}
                Err(what) => {
                    stop.store(true, Ordering::Relaxed);
                    let last = request.first + request.count as u64 - 1;
                    let times = if attempt > 1 { format!(", {attempt} times") } else { String::new() };
                    let place = format!("the program '{}', data sets {} to {last}", self.command, request.first);
                    return Err(Error::user(place.replace('\n', " "), format!("{what}{times}")));
                }
            }
        }
    }

    /// The data of a run. An error is a part of a sentence.
    fn read(&self, output: &Path, errors: &Path, count: usize) -> std::result::Result<Record, String> {
        let words = || process::last_words(errors);
        if !output.exists() {
            return Err(format!("wrote no file to its second argument{}", words()));
        }
        let arrays = std::fs::read(output)
            .map_err(|error| error.to_string())
            .and_then(|bytes| npz::from_bytes(&bytes).map_err(|error| error.to_string()));
        let arrays = arrays.map_err(|error| format!("wrote a file that is no .npz archive: {error}{}", words()))?;
        let found =
            if arrays.is_empty() { "none".into() } else { arrays.keys().cloned().collect::<Vec<_>>().join(", ") };
        if arrays.is_empty() {
            return Err("wrote an archive without arrays; write at least one".to_string());
        }
        if let Some(missing) = self.expected.iter().find(|key| !arrays.contains_key(key.as_str())) {
            return Err(format!("wrote no array '{missing}'; the arrays are: {found}"));
        }
        let mut record = record_from_arrays(arrays, &[]).map_err(|error| format!("wrote unusable arrays: {error}"))?;
        match record.datasets().map_err(|error| format!("wrote unusable arrays: {error}"))? {
            Some(datasets) if datasets == count => {}
            Some(datasets) => {
                return Err(format!(
                    "wrote {datasets} data sets for {count}; write one row for each row of the parameters"
                ));
            }
            None => return Err("wrote single numbers only; the first axis of an array is the data set".to_string()),
        }
        record.remove(SEED);
        Ok(record)
    }
}

impl Simulator for External {
    fn name(&self) -> &str {
        "external"
    }

    fn description(&self) -> &str {
        &self.command
    }

    fn variables(&self) -> Vec<Variable> {
        Vec::new()
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        request.check()?;
        self.check()?;
        let mut record = self.prior.sample(request)?;
        let batches = request.count.div_ceil(self.batch);
        let pool = Pool::new(self.jobs.min(batches).max(1))?;
        let stop = AtomicBool::new(false);
        let finished = AtomicUsize::new(0);
        let outcomes = pool.map(batches, |b| {
            if stop.load(Ordering::Relaxed) {
                return None;
            }
            let range = b * self.batch..request.count.min((b + 1) * self.batch);
            let outcome = request.part(range.clone()).and_then(|part| {
                let rows: Vec<usize> = range.clone().collect();
                self.simulate_batch(&record.select(&rows)?, &part, &stop)
            });
            if outcome.is_ok() {
                let count = finished.fetch_add(range.len(), Ordering::Relaxed) + range.len();
                self.progress.iter().for_each(|progress| progress(count));
            } else {
                stop.store(true, Ordering::Relaxed);
            }
            Some(outcome)
        });
        // A run that was stopped because of another one is not the reason.
        let is_stopped = |e: &Error| matches!(e, Error::User { message, .. } if message.starts_with("was stopped"));
        let mut data = Vec::with_capacity(batches);
        let mut stopped = None;
        for outcome in outcomes.into_iter().flatten() {
            match outcome {
                Ok(batch) => data.push(batch),
                Err(error) if is_stopped(&error) => stopped = Some(error),
                Err(error) => return Err(error),
            }
        }
        if let Some(error) = stopped {
            return Err(error);
        }
        let columns: Vec<(String, Column)> =
            Record::concatenate(&data)?.columns().map(|(key, column)| (key.to_string(), column.clone())).collect();
        columns.into_iter().for_each(|(key, column)| record.insert(key, column));
        Ok(record)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        self.prior.log_prior(parameters)
    }
}
