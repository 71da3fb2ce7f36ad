//! The bench: the workloads that define the field, measured in rows of one schema, so that several programs merge into one
//! table.
//!
//! W1 and W2 are a coupling flow, affine and spline, of 10 variables given 64 conditions; W3 a deep set on sets of 100 × 2;
//! W7 the linear regression from simulator to draws. A floating point operation is a multiplication or addition of a matrix
//! product; a training step counts three times the forward pass; nothing else is counted.

mod against;
mod ceilings;
mod clock;
mod deep_set;
mod flows;
mod regression;
mod row;

pub use against::{against, read_rows};
pub use ceilings::{Chains, ceilings};
pub use clock::Clock;
pub use row::{Row, Versions};

use crate::device::Device;
use crate::error::{Error, Result};

/// What a bench runs on, and for how long.
#[derive(Debug, Clone)]
pub struct BenchOptions {
    /// Number of threads.
    pub threads: usize,
    /// Seconds of CPU time for the repeats of a phase.
    pub budget: f64,
    /// Only phases whose name, with its batch (`log_prob@64`), contains one of these; all if empty.
    pub only: Vec<String>,
    /// Epochs of the training of W7; 15 in the definition.
    pub epochs: usize,
}

impl BenchOptions {
    fn device(&self) -> Result<Device> {
        Device::cpu_with_threads(self.threads)
    }

    fn wants(&self, phase: &str, batch: usize) -> bool {
        let name = format!("{phase}@{batch}");
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part.as_str()))
    }
}

/// The names of the workloads.
pub const WORKLOADS: &[&str] = &["W1", "W2", "W3", "W7"];

/// Runs a workload; `take` gets each row as soon as it is measured.
pub fn run(workload: &str, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    match workload {
        "W1" => flows::run(flows::Kind::Affine, options, take),
        "W2" => flows::run(flows::Kind::Spline, options, take),
        "W3" => deep_set::run(options, take),
        "W7" => regression::run(options, take),
        _ => {
            let message = format!("'{workload}' was given; the workloads are {}", WORKLOADS.join(", "));
            Err(Error::argument("workload", message))
        }
    }
}
