//! Options of `ferroflow evidence`.

use std::path::PathBuf;

use clap::Args;

use super::Place;
use super::values::{at_least_two, seed, simulator};

/// Log evidence of observed data sets, from a posterior and a likelihood.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ferroflow train two-moons --learn joint --out runs/joint
  ferroflow evidence --posterior runs/joint/posterior/model.safetensors \\
      --likelihood runs/joint/likelihood/model.safetensors --data observed.npz --out evidence.npz

The evidence p(x) is the mean of p(θ) q(x | θ)/q(θ | x) over draws θ of the posterior; the prior p(θ) is the simulator's. Without
--likelihood, q(x | θ) is the simulator's as well, where it has one. The output holds log_evidence, log_evidence_error and k_hat
[datasets]; with --held-out also log_predictive_density and log_predictive_density_error [datasets]. Natural logarithms.")]
pub struct Evidence {
    /// A model.safetensors of a posterior
    #[arg(long, value_name = "FILE")]
    pub posterior: PathBuf,
    /// A model.safetensors of a likelihood, of the same simulations [default: the likelihood of the simulator]
    #[arg(long, value_name = "FILE")]
    pub likelihood: Option<PathBuf>,
    /// An .npz file with the observed data; the first axis is the data set, and one observation may come without it
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// An .npz file with a later data set for each observed one: how well the posterior predicts it (expected log predictive
    /// density, by the learned likelihood)
    #[arg(long, value_name = "FILE", requires = "likelihood")]
    pub held_out: Option<PathBuf>,
    /// Number of draws for each data set
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = at_least_two, allow_negative_numbers = true)]
    pub draws: usize,
    /// A built-in simulator whose prior is used [default: that of the training]
    #[arg(long, value_name = "NAME", value_parser = simulator)]
    pub simulator: Option<String>,
    /// Seed of the draws [default: the seed of the training]
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    #[command(flatten)]
    pub place: Place,
    /// The .npz file to write [default: none]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}
