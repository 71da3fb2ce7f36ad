//! Running the program, and a small model to run it with.
#![allow(dead_code, reason = "each suite uses a part")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// A training that takes a moment.
pub const TINY: &str = r#"
simulator = "linear-regression"
seed = 3
threads = 1

[training]
epochs = 2
batches_per_epoch = 4
batch_size = 8

[diagnostics]
datasets = 20
draws = 20

[summary_network]
kind = "deep-set"
summary_dim = 4
embed_dim = 8
depth = 1
mlp_widths = [8]
num_heads = 2
num_seeds = 1

[inference_network]
kind = "coupling-flow"
depth = 2

[inference_network.subnet]
widths = [16]
"#;

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Finished {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// The program with arguments, in a folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferroflow"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env_remove("RUST_BACKTRACE");
    command
}

/// Runs the program to its end.
pub fn ferroflow(folder: &Path, arguments: &[&str]) -> Finished {
    let output = command(folder, arguments).output().expect("the program starts");
    Finished {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the program, which must succeed.
pub fn succeed(folder: &Path, arguments: &[&str]) -> Finished {
    let finished = ferroflow(folder, arguments);
    assert_eq!(finished.status, Some(0), "{arguments:?}: {finished:?}");
    finished
}

/// Every file and folder below a folder, with the length of files.
pub fn listing(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let path = entry.path();
            let length = if path.is_dir() { 0 } else { entry.metadata().map_or(0, |m| m.len()) };
            if path.is_dir() {
                folders.push(path.clone());
            }
            found.push((path, length));
        }
    }
    found.sort();
    found
}

/// The folder of a small run, made once per test program.
pub fn tiny_run() -> &'static Path {
    static RUN: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("tiny.toml"), TINY).expect("a file");
        succeed(folder.path(), &["train", "--config", "tiny.toml", "--out", "run"]);
        folder
    });
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| folder.path().join("run"))
}
