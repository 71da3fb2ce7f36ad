//! Options of `ferroflow train`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ferroflow::simulators::Kind;
use ferroflow::workflow::Learn;

use super::values::{
    at_least_two, bound, count, inference, positive, rate, seed, simulator, simulators_help, summary, threads,
};

/// Train a posterior, likelihood, both, estimates or ratio on simulations; writes model, history, pictures and a report.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ferroflow train linear-regression
  ferroflow train two-moons --budget 10000 --seed 3
  ferroflow train --data sims.npz --parameters a,b --data-variables x,y --kind set --lower b=0
  ferroflow train two-moons --learn likelihood --out runs/two-moons-likelihood
  ferroflow train two-moons --learn joint --out runs/joint
  ferroflow train two-moons --members 4 --out runs/ensemble
  ferroflow train --config runs/linear-regression/config.toml
  ferroflow train --resume --out runs/linear-regression

Options on the command line go before those of --config, which go before the defaults. The complete configuration is
written to DIR/config.toml; training with it again gives the same model. Ctrl-C leaves the model of the last complete epoch
in DIR, and --resume goes on from there as if nothing had happened.")]
pub struct Train {
    /// A built-in simulator: its parameters are inferred from fresh simulations
    #[arg(value_name = "SIMULATOR", value_parser = simulator, long_help = simulators_help())]
    pub simulator: Option<String>,
    /// What is learned: the posterior; the likelihood of data given parameters (sample then simulates); estimates (means and
    /// quantiles); the ratio of posterior to prior; or posterior and likelihood, each into a folder of its own in DIR (joint)
    /// [default: posterior]
    #[arg(long, value_enum)]
    pub learn: Option<LearnName>,
    /// An .npz file with simulations to train on, or a folder of .npz and .safetensors files, of which a few are in memory at a time
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// Memory for simulations read from a folder, in MiB; more of it shuffles them better [default: 512]
    #[arg(long, value_name = "MIB", value_parser = positive, allow_negative_numbers = true)]
    pub data_memory: Option<usize>,
    /// Take in files that arrive in the folder of --data while training; each epoch has --batches-per-epoch batches of the files
    /// that were there when it began
    #[arg(long)]
    pub growing: bool,
    /// A run.toml, or the config.toml of an earlier run
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the run; when it holds a run, the next free number is appended [default: runs/SIMULATOR]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Go on with the interrupted run in --out; ends with the same bits as a run without interruption
    #[arg(long)]
    pub resume: bool,
    /// Train an ensemble of N networks from different starting weights side by side, each into a folder of its own in DIR
    #[arg(long, value_name = "N", value_parser = at_least_two, allow_negative_numbers = true)]
    pub members: Option<usize>,
    /// Metrics of the validation data after each epoch, separated by commas: the mean error of a draw, and the discrepancy between draws
    /// and true values, which takes time with the square of --validation; history.csv has a column for each
    #[arg(long, value_name = "NAMES", value_delimiter = ',',
        value_parser = ["root_mean_squared_error", "maximum_mean_discrepancy"])]
    pub metrics: Vec<String>,
    /// One JSON object per line on standard output instead of text
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub length: Length,
    #[command(flatten)]
    pub networks: Networks,
    #[command(flatten)]
    pub roles: RoleArguments,
}

#[derive(Args)]
#[command(next_help_heading = "Training")]
pub struct Length {
    /// Number of epochs [default: 15 for linear-regression, 50 for other simulators, 10 to 100 with a fixed number of
    /// simulations]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub epochs: Option<usize>,
    /// Batches of an epoch when every batch is simulated anew [default: 200]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub batches_per_epoch: Option<usize>,
    /// Data sets of a batch [default: 32]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub batch_size: Option<usize>,
    /// Train on N simulations made beforehand instead of fresh ones in every batch
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub budget: Option<usize>,
    /// Data sets for the validation loss: held out of --data or --budget [default: a tenth, at most 300], or simulated
    /// besides [default: 0]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub validation: Option<usize>,
    /// Stop when the validation loss has not improved for N epochs [default: never]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub patience: Option<usize>,
    /// Peak of the learning rate, which warms up during 5 % of the steps and then falls to 0 as a cosine [default: 0.0005]
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Device of the networks, as `ferroflow devices` lists them; cuda@tf32x3 and cuda@tf32 multiply matrices on
    /// tensor cores, as exactly as f32 and roughly [default: cpu]
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<String>,
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
}

#[derive(Args)]
#[command(next_help_heading = "Networks")]
pub struct Networks {
    /// Network that learns summary statistics [default: deep-set for sets, time-series-network for series,
    /// convolutional-network for images, none for vectors]
    #[arg(long, value_name = "NAME", value_parser = summary)]
    pub summary: Option<String>,
    /// Distribution that training draws learned summaries towards (normal, student-t), so that data unlike the simulations
    /// stand out [default: none]
    #[arg(long, value_name = "NAME", value_parser = ["normal", "student-t"])]
    pub summary_distribution: Option<String>,
    /// Network that represents the posterior [default: coupling-flow]
    #[arg(long, value_name = "NAME", value_parser = inference)]
    pub inference: Option<String>,
}

#[derive(Args)]
#[command(next_help_heading = "Roles of the arrays of --data")]
pub struct RoleArguments {
    /// Keys to infer, separated by commas: arrays [datasets] or [datasets, d]
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub parameters: Vec<String>,
    /// Keys that are observed, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub data_variables: Vec<String>,
    /// Keys that are known beside the data, separated by commas: arrays [datasets] or [datasets, d]
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub conditions: Vec<String>,
    /// Data variables and conditions in which NaN means that a value was not measured, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub missing: Vec<String>,
    /// How the elements of a data set are related [default: image if there are four axes, set if
    /// the sizes differ or there are three, else vector]
    #[arg(long, value_enum)]
    pub kind: Option<KindName>,
    /// Lower bounds of parameters, such as sigma=0; may be repeated
    #[arg(long, value_name = "KEY=NUMBER", value_delimiter = ',', value_parser = bound)]
    pub lower: Vec<(String, f64)>,
    /// Upper bounds of parameters, such as p=1; may be repeated
    #[arg(long, value_name = "KEY=NUMBER", value_delimiter = ',', value_parser = bound)]
    pub upper: Vec<(String, f64)>,
}

/// What is learned.
#[derive(Clone, Copy, ValueEnum)]
pub enum LearnName {
    /// The density of the parameters given the data
    Posterior,
    /// The density of the data given the parameters
    Likelihood,
    /// Means and quantiles of the parameters
    Estimates,
    /// The ratio of posterior to prior
    Ratio,
    /// Posterior and likelihood, from the same simulations
    Joint,
}

impl From<LearnName> for Learn {
    fn from(name: LearnName) -> Self {
        match name {
            LearnName::Posterior => Learn::Posterior,
            LearnName::Likelihood => Learn::Likelihood,
            LearnName::Estimates => Learn::Estimates,
            LearnName::Ratio => Learn::Ratio,
            LearnName::Joint => Learn::Joint,
        }
    }
}

/// The kinds of data.
#[derive(Clone, Copy, ValueEnum)]
pub enum KindName {
    /// Elements in any order
    Set,
    /// Elements in temporal order
    Series,
    /// Pixels: [datasets, height, width, channels]
    Image,
    /// A vector of fixed length
    Vector,
}

impl From<KindName> for Kind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Set => Kind::Set,
            KindName::Series => Kind::Series,
            KindName::Image => Kind::Image,
            KindName::Vector => Kind::Vector,
        }
    }
}
