//! Options of `ferroflow simulate`.

use std::path::PathBuf;

use clap::Args;

use super::values::{positive, retries, seconds, seed, simulator, simulators_help, threads};

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
    #[arg(long, value_name = "NAME|EXPRESSION", num_args = 1.., conflicts_with = "parameters")]
    pub prior: Vec<String>,
    /// An .npz file with parameters, one row for each data set
    #[arg(long, value_name = "FILE")]
    pub parameters: Option<PathBuf>,
    /// Data sets of one run of the program [default: 100]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub batch: Option<usize>,
    /// Programs that run at once [default: all cores]
    #[arg(long, value_name = "J", value_parser = threads, allow_negative_numbers = true)]
    pub jobs: Option<usize>,
    /// Seconds that one run may take; then the program and all that it started are killed [default: no limit]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub time_limit: Option<f64>,
    /// How often a run that fails is repeated
    #[arg(long, value_name = "K", default_value_t = 0, value_parser = retries, allow_negative_numbers = true)]
    pub retries: usize,
    /// Keys that the program must write, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub expect: Vec<String>,
}

impl Program {
    /// The first option besides the program itself that was given. (What conflicts with a simulator cannot be required beside one.)
    pub fn first_option(&self) -> Option<&'static str> {
        let given = [
            ("--prior", !self.prior.is_empty()),
            ("--parameters", self.parameters.is_some()),
            ("--batch", self.batch.is_some()),
            ("--jobs", self.jobs.is_some()),
            ("--time-limit", self.time_limit.is_some()),
            ("--retries", self.retries > 0),
            ("--expect", !self.expect.is_empty()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(option, _)| option)
    }
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
