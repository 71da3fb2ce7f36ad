//! Options of `ferroflow bench`.

use std::path::PathBuf;

use clap::Args;

use super::values::{positive, rate, threads};

/// Measure workloads, the machine, and the amortized posterior against the exact one.
#[derive(Args)]
#[command(after_help = BENCH)]
pub struct Bench {
    /// What to measure: W1 and W2 (coupling flow, affine and spline), W3 (deep set), W4 (set transformer), W5
    /// (networks of time series), W7 and W8 (linear regression and an epidemic from simulator to draws), ceilings (of the machine), exact-regression and sbibm (posteriors against exact ones and against the
    /// reference draws of the benchmark) [default: all W]
    #[arg(value_name = "WORKLOAD", value_parser = ["W1", "W2", "W3", "W4", "W5", "W7", "W8", "ceilings", "exact-regression", "sbibm"])]
    pub workloads: Vec<String>,
    /// Number of threads; results do not depend on it. Several numbers, such as 1,2, measure each phase on all of them in
    /// turns and print wall time on the first divided by wall time on the others
    #[arg(long, value_name = "T,…", value_delimiter = ',', default_value = "1", value_parser = threads)]
    pub threads: Vec<usize>,
    /// Device of the networks, as `ferroflow devices` lists them; cuda@tf32x3 and cuda@tf32 multiply matrices on
    /// tensor cores, as exactly as f32 and roughly [default: cpu]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Only phases whose name and batch, such as log_prob@64, contain this, or only this task of sbibm; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub only: Vec<String>,
    /// Seconds for the repeats of a phase
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = rate, allow_negative_numbers = true)]
    pub budget: f64,
    /// Append the rows to this file, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Rows of other programs in the same schema: print one table with ratios, the share of the machine's peak and the bytes
    /// moved
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// Times the article's budget of 15 epochs × 200 batches × 32 data sets (W7, W8, exact-regression)
    #[arg(long, value_name = "F", default_value_t = 1, value_parser = positive)]
    pub factor: usize,
    /// Epochs of the fit of W7 and W8 [default: 15 × factor]
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "factor", allow_negative_numbers = true)]
    pub epochs: Option<usize>,
    /// Batches of each epoch of the fit of W7 and W8
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = positive, allow_negative_numbers = true)]
    pub batches: usize,
    /// Seeds of the trainings (exact-regression, sbibm)
    #[arg(long, value_name = "S,…", value_delimiter = ',', default_value = "1,2,3")]
    pub seeds: Vec<u64>,
    /// Seeds of the held-out data sets, 1000 for each (exact-regression)
    #[arg(long, value_name = "S,…", value_delimiter = ',', default_value = "1,2,3")]
    pub test_seeds: Vec<u64>,
    /// Folder with a folder of observations and reference draws for each task (sbibm)
    #[arg(long, value_name = "DIR")]
    pub reference: Option<PathBuf>,
    /// A run.toml with other networks and options of training than the defaults (sbibm)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Measure this trained model instead of training (exact-regression)
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub json: bool,
}

const BENCH: &str = "\
Rows are JSON objects, one a line, with times in seconds. Programs are compared by the smallest CPU time of the process on \
one thread and by the smallest wall time on several; a ratio above 1 says that ferroflow is faster.

Of peak: operations of the matrix products (a training step counts three times the forward pass) per second, divided by the \
rate of fused multiply-adds in registers that the same run measured.

Bytes moved: the least that the work has to move. Inputs, outputs and weights once; in a training step each weight and each \
number of the optimizer's state is read and written, each gradient written and read. Numbers have four bytes.

benches/compare.py runs ferroflow and other programs in turns and makes one table.

Examples:
  ferroflow bench W1 W2 W3 W7 --out rows.jsonl
  ferroflow bench W1 --only log_prob --against peers.jsonl
  ferroflow bench W1 W3 --threads 1,2";
