//! The commands and their options.

mod bench;
mod compare;
mod evidence;
mod inference;
mod simulate;
mod train;
mod values;

pub use bench::Bench;
use clap::{Parser, Subcommand};
pub use compare::Compare;
pub use evidence::Evidence;
pub use inference::{Diagnose, Estimate, Inspect, LogProb, Place, Sample};
pub use simulate::{Program, Simulate};
pub use train::Train;

/// Amortized Bayesian inference: train neural networks on simulations once, then draw from the posterior of any new data set
/// in milliseconds.
#[derive(Parser)]
#[command(name = "ferroflow", version, max_term_width = 110, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  ferroflow train linear-regression
  ferroflow simulate linear-regression --count 5 --seed 7 --out observed.npz
  ferroflow sample --model runs/linear-regression/model.safetensors --data observed.npz --draws 1000 --out draws.npz

Exit status: 0, or 1 with one sentence on standard error, or 2 for wrong usage.";

#[derive(Subcommand)]
pub enum Command {
    /// Draw parameters from the prior and simulate data sets
    Simulate(Box<Simulate>),
    /// Train a posterior, likelihood, both, estimates or ratio on simulations; writes model, history, pictures and a report
    Train(Box<Train>),
    /// Draw from the posterior of observed data sets
    Sample(Sample),
    /// Log posterior density of given parameters
    LogProb(LogProb),
    /// Point estimates and quantiles of observed data sets
    Estimate(Estimate),
    /// Log evidence of observed data sets, from a posterior and a likelihood
    Evidence(Evidence),
    /// Train a comparison of models, or use one: posterior model probabilities and Bayes factors
    Compare(Box<Compare>),
    /// Examine a trained posterior: calibration, recovery, contraction
    Diagnose(Diagnose),
    /// Show what a model or an .npz file holds
    Inspect(Inspect),
    /// List the devices that networks can compute on
    Devices,
    /// Measure workloads, the machine, and the amortized posterior against the exact one
    Bench(Bench),
}
