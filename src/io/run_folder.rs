//! The folder of a run: where training writes.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The folder that holds a run: the model, the history, the resolved configuration, pictures and the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// How many numbered folders are tried.
const MOST_NUMBERS: usize = 10_000;

impl RunFolder {
    /// A new folder for a run. When `path` holds a run, the next free number is appended: `runs/sir`, `runs/sir-2`, ….
    pub fn create(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let numbered = |n: usize| match n {
            1 => path.clone(),
            n => PathBuf::from(format!("{}-{n}", path.display())),
        };
        let free = (1..MOST_NUMBERS).map(numbered).find(|p| !RunFolder { path: p.clone() }.holds_a_run());
        let free = free.ok_or_else(|| {
            Error::file(&path, "and all its numbered successors hold runs; name another folder with --out")
        })?;
        std::fs::create_dir_all(&free)
            .map_err(|e| Error::file(&free, format!("the folder cannot be made ({e}); name another one with --out")))?;
        Ok(RunFolder { path: free })
    }

    /// The folder of a run that exists.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let folder = RunFolder { path: path.into() };
        if folder.holds_a_run() {
            return Ok(folder);
        }
        Err(Error::file(
            folder.path,
            "holds no run to resume (no model.safetensors); train without --resume, or name the folder of a run with --out",
        ))
    }

    fn holds_a_run(&self) -> bool {
        self.model().exists() || self.config().exists()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder in it that holds one of several models; training makes it.
    pub fn part(&self, name: &str) -> RunFolder {
        RunFolder { path: self.path.join(name) }
    }

    /// `model.safetensors`.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// `history.csv`.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// `config.toml`.
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }
}
