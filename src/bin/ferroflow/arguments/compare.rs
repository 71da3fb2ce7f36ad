//! Options of `ferroflow compare`.

use std::path::PathBuf;

use clap::Args;

use super::train::Length;

/// Train a comparison of models, or use one: posterior model probabilities and Bayes factors.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ferroflow compare --simulators gaussian-linear,gaussian-linear-uniform --out runs/prior
  ferroflow compare --simulators a.npz,b.npz,c.npz --data-variables x --data observed.npz --out runs/abc
  ferroflow compare --resume --out runs/abc
  ferroflow compare --model runs/abc/model.safetensors --data observed.npz --out predictions/

Models are built-in simulators that make the same data, or .npz files with the simulations of one model each. All are equally
probable beforehand. Training writes config.toml, model.safetensors, history.csv, metrics.json, report.html and the pictures to DIR; Ctrl-C leaves the
model of the last complete epoch, from which --resume goes on. With --data, probabilities.npz holds model_probabilities [datasets, models] and log_bayes_factors [datasets, models] against the most probable
model.")]
pub struct Compare {
    /// The models, separated by commas: built-in simulators, or .npz files with simulations
    #[arg(
        long,
        value_name = "MODELS",
        value_delimiter = ',',
        required_unless_present_any = ["model", "resume"],
        conflicts_with = "model"
    )]
    pub simulators: Vec<String>,
    /// A model.safetensors that `ferroflow compare` wrote, instead of training
    #[arg(long, value_name = "FILE", requires = "data")]
    pub model: Option<PathBuf>,
    /// An .npz file with observed data sets to compare the models on
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Keys of .npz files that are observed, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub data_variables: Vec<String>,
    /// Keys of .npz files that are known beside the data, separated by commas
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub conditions: Vec<String>,
    /// Folder to write to; it is made if it is missing
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Go on with the interrupted comparison in --out; ends with the same bits as one without interruption
    #[arg(long, conflicts_with = "model")]
    pub resume: bool,
    #[command(flatten)]
    pub length: Length,
}
