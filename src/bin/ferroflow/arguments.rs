//! The commands and their options.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use ferroflow::networks::{InferenceChoice, SummaryChoice};
use ferroflow::simulators::{self, Kind};

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
    /// Train a posterior on simulations; writes model, history, pictures and a report
    Train(Box<Train>),
    /// Draw from the posterior of observed data sets
    Sample(Sample),
    /// Log posterior density of given parameters
    LogProb(LogProb),
    /// Examine a trained posterior: calibration, recovery, contraction
    Diagnose(Diagnose),
    /// Show what a model or an .npz file holds
    Inspect(Inspect),
    /// List the devices that networks can compute on
    Devices,
    /// Measure workloads, the machine, and the amortized posterior against the exact one
    Bench(Bench),
}

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

/// Draw parameters from the prior and simulate data sets.
#[derive(Args)]
#[command(after_help = SIMULATE)]
pub struct Simulate {
    /// A built-in simulator
    #[arg(value_name = "SIMULATOR", value_parser = simulator, long_help = simulators_help(),
        required_unless_present_any = ["list", "command"], conflicts_with = "command")]
    pub simulator: Option<String>,
    /// List the built-in simulators with one line each
    #[arg(long, exclusive = true)]
    pub list: bool,
    /// Number of data sets [default: all of --parameters]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true,
        required_unless_present_any = ["list", "parameters"])]
    pub count: Option<usize>,
    /// Seed of the random numbers
    #[arg(long, value_name = "S", default_value_t = 0, value_parser = seed, allow_negative_numbers = true)]
    pub seed: u64,
    /// Number of threads of a built-in simulator; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// The .npz file to write, one array per variable, the first axis is the data set; or a folder (FOLDER/) for a campaign
    #[arg(long, value_name = "FILE|FOLDER/", required_unless_present = "list")]
    pub out: Option<PathBuf>,
    /// Data sets of a shard of a campaign [default: 1000, with --command that of --batch]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub shard_size: Option<usize>,
    #[command(flatten)]
    pub program: Program,
}

/// A simulator that is a program.
#[derive(Args)]
#[command(next_help_heading = "Programs")]
pub struct Program {
    /// A program that simulates: it is started with two more arguments, an .npz file with parameters to read and an .npz file
    /// to write
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
    /// Where the parameters come from: a built-in simulator's prior, or a=normal(0,1) b[3]=uniform(0,2) with normal(mean,sd),
    /// uniform(lower,upper), lognormal(mean,sd), gamma(shape,scale), beta(a,b), exponential(rate)
    #[arg(long, value_name = "NAME|EXPRESSION", num_args = 1.., requires = "command", conflicts_with = "parameters")]
    pub prior: Vec<String>,
    /// An .npz file with parameters, one row for each data set
    #[arg(long, value_name = "FILE", requires = "command")]
    pub parameters: Option<PathBuf>,
    /// Data sets of one run of the program [default: 100]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true, requires = "command")]
    pub batch: Option<usize>,
    /// Programs that run at once [default: all cores]
    #[arg(long, value_name = "J", value_parser = threads, allow_negative_numbers = true, requires = "command")]
    pub jobs: Option<usize>,
    /// Seconds that one run may take; then the program and all that it started are killed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, requires = "command")]
    pub time_limit: Option<f64>,
    /// How often a run that fails is repeated
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = retries, allow_negative_numbers = true,
        requires = "command")]
    pub retries: usize,
    /// Keys that the program must write, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',', requires = "command")]
    pub expect: Vec<String>,
}

const SIMULATE: &str = "\
Examples:
  ferroflow simulate --list
  ferroflow simulate two-moons --count 1000 --seed 1 --out sims.npz
  ferroflow simulate sir --count 100000 --shard-size 1000 --out campaign/
  ferroflow simulate --command 'python3 simulate.py' --prior 'a=normal(0,1)' 'b=uniform(0,2)' --count 1000 --out sims.npz

Data set i of a seed is always the same, whatever the count and the number of threads.

A program reads its parameters, and an integer seed for each data set, from the .npz file that its first added argument
names, and writes arrays, whose first axis is the data set, to the second. A program that takes the random numbers of a
data set from its seed gives the same data whatever the batches.

A campaign is a folder of shards, shard-000000.npz and so on. The same command goes on after any interruption, and joins
the work when it is started again, on this or another machine that shares the folder. What another process is at is left
to it until it has died or, on another machine, not been heard of for 60 s.";

/// Train a posterior on simulations; writes model, history, pictures and a report.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ferroflow train linear-regression
  ferroflow train two-moons --budget 10000 --seed 3
  ferroflow train --data sims.npz --parameters a,b --data-variables x,y --kind set --lower b=0
  ferroflow train --config runs/linear-regression/config.toml
  ferroflow train --resume --out runs/linear-regression

Options on the command line go before those of --config, which go before the defaults. The complete configuration is
written to DIR/config.toml; training with it again gives the same model. Ctrl-C leaves the model of the last complete epoch
in DIR, and --resume goes on from there as if nothing had happened.")]
pub struct Train {
    /// A built-in simulator: its parameters are inferred from fresh simulations
    #[arg(value_name = "SIMULATOR", value_parser = simulator, long_help = simulators_help())]
    pub simulator: Option<String>,
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
    /// Device of the networks, as `ferroflow devices` lists them [default: cpu]
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

/// Draw from the posterior of observed data sets.
#[derive(Args)]
#[command(after_help = "\
Example:
  ferroflow sample --model model.safetensors --data observed.npz --draws 1000 --out draws.npz

The output holds [datasets, draws, dim] for each parameter. Draw k of data set i depends on the seed, i and k alone: draws 1000
to 1999 (--first-draw 1000 --draws 1000) continue draws 0 to 999.")]
pub struct Sample {
    /// A model.safetensors that `ferroflow train` wrote
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// An .npz file with the observed data; the first axis is the data set, and one observation may come without it
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Number of draws for each data set
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub draws: usize,
    /// Number of the first draw
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = seed, allow_negative_numbers = true)]
    pub first_draw: u64,
    /// Seed of the draws [default: the seed of the training]
    #[arg(long, value_name = "S", value_parser = seed, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Number of threads; the draws do not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// The .npz file to write
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// Log posterior density of given parameters, on their original scale.
#[derive(Args)]
#[command(after_help = "\
Example:
  ferroflow log-prob --model model.safetensors --data data.npz --out log_prob.npz

The data file holds the parameters beside the observed data. The output holds log_prob [datasets], natural logarithms.")]
pub struct LogProb {
    /// A model.safetensors that `ferroflow train` wrote
    #[arg(long, value_name = "FILE")]
    pub model: PathBuf,
    /// An .npz file with parameters and data; the first axis is the data set
    #[arg(long, value_name = "FILE")]
    pub data: PathBuf,
    /// Number of threads; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
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
    /// Number of threads; the result does not depend on it [default: all cores]
    #[arg(long, value_name = "T", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<usize>,
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

fn simulators_help() -> String {
    let list = simulators::list();
    let width = list.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> = list.iter().map(|(name, text)| format!("  {name:<width$}  {text}")).collect();
    format!("A built-in simulator:\n{}", lines.join("\n"))
}

fn simulator(name: &str) -> Result<String, String> {
    simulators::find(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

fn summary(name: &str) -> Result<String, String> {
    SummaryChoice::named(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

fn inference(name: &str) -> Result<String, String> {
    InferenceChoice::named(name).map(|_| name.to_string()).map_err(|e| e.to_string())
}

/// Counts beyond this are mistakes: nothing of that size can be stored or computed.
const MOST: usize = 1 << 48;
/// More threads than this help nowhere.
const MOST_THREADS: usize = 1024;

fn whole(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse::<i128>() {
        Ok(number) if number < least as i128 => Err(format!("give a whole number, {least} or more")),
        Ok(number) if number > most as i128 => Err(format!("give a whole number up to {most}")),
        Ok(number) => Ok(number as usize),
        Err(_) => Err(format!("give a whole number, {least} or more, in digits")),
    }
}

fn count(text: &str) -> Result<usize, String> {
    whole(text, 0, MOST)
}

fn positive(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST)
}

fn at_least_two(text: &str) -> Result<usize, String> {
    whole(text, 2, MOST)
}

fn threads(text: &str) -> Result<usize, String> {
    whole(text, 1, MOST_THREADS)
}

/// Seeds fit into the signed integers of TOML files.
fn seed(text: &str) -> Result<u64, String> {
    whole(text, 0, i64::MAX as usize).map(|seed| seed as u64)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("give a positive number, such as 0.0005".to_string()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e9 => Ok(seconds),
        _ => Err("give a positive number of seconds".to_string()),
    }
}

fn retries(text: &str) -> Result<usize, String> {
    whole(text, 0, 1000)
}

fn bound(text: &str) -> Result<(String, f64), String> {
    let expected = || "give a key and a number, such as sigma=0".to_string();
    let (key, number) = text.split_once('=').ok_or_else(expected)?;
    let bound: f64 = number.trim().parse().map_err(|_| expected())?;
    if key.trim().is_empty() || !bound.is_finite() {
        return Err(expected());
    }
    Ok((key.trim().to_string(), bound))
}
