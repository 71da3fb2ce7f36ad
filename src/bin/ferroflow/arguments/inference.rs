//! Options of the commands that use a trained model.

use std::path::PathBuf;

use clap::Args;

use super::values::{at_least_two, positive, seed, simulator, threads};

/// Where networks compute.
#[derive(Args, Clone)]
pub struct Place {
    /// Device of the networks, as `ferroflow devices` lists them; cuda@tf32x3 and cuda@tf32 multiply matrices on
    /// tensor cores, as exactly as f32 and roughly [default: cpu]
    #[arg(long, value_name = "NAME")]
    pub device: Option<String>,
    /// Number of threads; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
}

/// Draw from the posterior of observed data sets.
#[derive(Args)]
#[command(after_help = "\
Example:
  ferroflow sample --model model.safetensors --data observed.npz --draws 1000 --out draws.npz

The output holds [datasets, draws, dim] for each parameter. Draw k of data set i depends on the seed, i and k alone: draws 1000
to 1999 (--first-draw 1000 --draws 1000) continue draws 0 to 999.")]
pub struct Sample {
    /// A model.safetensors that `ferroflow train` wrote; or the members of an ensemble, whose draws are merged
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub model: Vec<PathBuf>,
    /// An .npz file with the observed data; the first axis is the data set, and one observation may come without it
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Number of draws for each data set
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub draws: usize,
    /// Weigh the draws by prior and likelihood of the simulator, smooth the weights (PSIS), and resample: corrects a posterior that
    /// is nearly right, says where it cannot, and gives the log evidence
    #[arg(long, conflicts_with = "first_draw")]
    pub refine: bool,
    /// Draw by the No-U-Turn sampler from prior times likelihood of the simulator, with chains that start from the amortized draws: what
    /// to do where --refine cannot
    #[arg(long, conflicts_with_all = ["first_draw", "refine"])]
    pub exact: bool,
    /// A model.safetensors of a likelihood, of the same simulations, for --refine and --exact [default: the likelihood of the
    /// simulator]
    #[arg(long, value_name = "FILE")]
    pub likelihood: Option<PathBuf>,
    /// Number of the first draw
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = seed, allow_negative_numbers = true)]
    pub first_draw: u64,
    /// Seed of the draws [default: the seed of the training]
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub place: Place,
    /// The .npz file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Log posterior density of given parameters, on their original scale.
#[derive(Args)]
#[command(after_help = "\
Example:
  ferroflow log-prob --model model.safetensors --data data.npz --out log_prob.npz

The data file holds the parameters beside the observed data. The output holds log_prob [datasets], natural logarithms; of a
likelihood that was trained on sets, the sum over the elements of each set.")]
pub struct LogProb {
    /// A model.safetensors that `ferroflow train` wrote; or the members of an ensemble, whose densities or ratios are averaged
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub model: Vec<PathBuf>,
    /// An .npz file with parameters and data; the first axis is the data set
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    #[command(flatten)]
    pub place: Place,
    /// The .npz file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Point estimates and quantiles of observed data sets, in one pass.
#[derive(Args)]
#[command(after_help = "\
Example:
  ferroflow train linear-regression --learn estimates
  ferroflow estimate --model runs/linear-regression/model.safetensors --data observed.npz --out estimates.npz

The output holds VARIABLE/RULE, or VARIABLE/RULE/HEAD where a rule has several heads: [datasets, dim] for means,
[datasets, levels, dim] for quantiles. Of several models these are the means of their estimates, and members/K/VARIABLE/RULE are
the estimates of model K.")]
pub struct Estimate {
    /// A model.safetensors that `ferroflow train --learn estimates` wrote; or the members of an ensemble
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub model: Vec<PathBuf>,
    /// An .npz file with the observed data; the first axis is the data set, and one observation may come without it
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    #[command(flatten)]
    pub place: Place,
    /// The .npz file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Examine a trained posterior on data sets whose parameters are known.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ferroflow diagnose --model model.safetensors --out checks
  ferroflow diagnose --model model.safetensors --data test.npz --out checks

Writes report.html, metrics.json and the pictures. Without --simulator and --data, the simulator of the training is used.")]
pub struct Diagnose {
    /// A model.safetensors that `ferroflow train` wrote
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// A built-in simulator that makes the test data [default: that of the training]
    #[arg(long, value_name = "NAME", value_parser = simulator, conflicts_with = "data")]
    pub simulator: Option<String>,
    /// Number of data sets to simulate; hundreds tell something
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = at_least_two, allow_negative_numbers = true,
        conflicts_with = "data")]
    pub count: usize,
    /// An .npz file with parameters and data
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Number of draws for each data set
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_two, allow_negative_numbers = true)]
    pub draws: usize,
    #[command(flatten)]
    pub place: Place,
    /// The folder to write to; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Show what a model or an .npz file holds.
#[derive(Args)]
pub struct Inspect {
    /// A model.safetensors or an .npz file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}
