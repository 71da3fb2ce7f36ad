//! The bench: the workloads that define the field, measured in rows of one schema, so that several programs merge into one
//! table.
//!
//! W1 and W2 are a coupling flow, affine and spline, of 10 variables given 64 conditions; W3 a deep set on sets of 100 × 2;
//! W4 a set transformer on such sets and, through 32 points, on sets of 1000; W5 the network and the transformer of time series
//! on series of 100 × 3; W7 the linear regression and W8 an epidemic of 160 days from simulator to draws. A floating point operation is a multiplication or addition of a matrix
//! product; a training step counts three times the forward pass; nothing else is counted. The bytes of a call are the least
//! that it has to move: inputs, outputs and weights once; in a training step the weights and the optimizer's state are read and
//! written, the gradients written and read. On several numbers of threads the repeats of a phase take turns.

mod against;
mod ceilings;
mod clock;
mod end_to_end;
mod flows;
mod row;
mod speedups;
mod summary;
mod traffic;

pub use against::{against, read_rows};
pub use ceilings::{Chains, ceilings, peak_of_multiply_adds};
pub use clock::{Clock, process_seconds};
pub use row::{Row, Versions};
pub use speedups::speedups;

use clock::{Work, measure};
use row::Subject;

use crate::device::Device;
use crate::error::{Error, Result};

/// What a bench runs on, and for how long.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// The device, as the command line names it.
    pub device: String,
    /// Numbers of threads.
    pub threads: Vec<usize>,
    /// Seconds for the repeats of a phase.
    pub budget: f64,
    /// Only phases whose name, with its batch (`log_prob@64`), contains one of these; all if empty.
    pub only: Vec<String>,
    /// Epochs of the training of W7 and W8; 15 in the definition.
    pub epochs: usize,
    /// Batches of each of these epochs; 200 in the definition.
    pub batches: usize,
    /// CPU seconds that the process used before its first workload: they count in W7's and W8's times from the start of the process.
    pub startup: f64,
}

impl Default for BenchOptions {
    fn default() -> Self {
        BenchOptions {
            device: "cpu".into(),
            threads: vec![1],
            budget: 2.0,
            only: Vec::new(),
            epochs: 15,
            batches: 200,
            startup: 0.0,
        }
    }
}

impl BenchOptions {
    /// A device for each number of threads.
    fn devices(&self) -> Result<Vec<Device>> {
        if self.threads.is_empty() {
            return Err(Error::argument("threads", "no number of threads was given; give at least one, such as 1"));
        }
        self.threads.iter().map(|&threads| Device::named(&self.device, threads)).collect()
    }

    fn wants(&self, phase: &str, batch: usize) -> bool {
        let name = format!("{phase}@{batch}");
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }

    /// Measures a phase, in turns over the numbers of threads: a work for each, a row for each. A work ends when the device has done it.
    fn measure(&self, subject: &Subject, works: Vec<Work>, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let device = subject.device;
        let mut finished: Vec<Work> = Vec::with_capacity(works.len());
        for mut work in works {
            finished.push(Box::new(move || {
                work()?;
                device.synchronise()
            }));
        }
        let all = measure(self.budget, &mut finished)?;
        self.threads.iter().zip(&all).try_for_each(|(&threads, times)| take(Row::new(subject, threads, times)))
    }
}

/// The names of the workloads.
pub const WORKLOADS: &[&str] = &["W1", "W2", "W3", "W4", "W5", "W7", "W8"];

/// Runs a workload; `take` gets each row as soon as it is measured.
pub fn run(workload: &str, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    match workload {
        "W1" => flows::run(flows::Kind::Affine, options, take),
        "W2" => flows::run(flows::Kind::Spline, options, take),
        "W3" | "W4" | "W5" => summary::run(workload, options, take),
        "W7" | "W8" => end_to_end::run(workload, options, take),
        _ => {
            let message = format!("'{workload}' was given; the workloads are {}", WORKLOADS.join(", "));
            Err(Error::argument("workload", message))
        }
    }
}
