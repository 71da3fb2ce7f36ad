//! What a campaign is: the file that refuses to mix two.

use std::io::Write;
use std::path::Path;

use crate::error::{Error, Result};

/// Name of the file in the folder of a campaign.
pub(super) const FILE: &str = "campaign.toml";

/// What the shards of a campaign hold.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Name of the simulator, or the command line of a program.
    pub simulator: String,
    /// Where a program's parameters come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<String>,
    /// Data sets of all shards together.
    pub count: u64,
    /// Data sets of a shard; the last one may hold fewer.
    pub shard_size: u64,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Plan {
    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [("count", self.count), ("shard size", self.shard_size)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; use at least 1"));
            }
        }
        Ok(())
    }

    fn fields(&self) -> [(&'static str, String); 5] {
        [
            ("simulator", self.simulator.clone()),
            ("prior", self.prior.clone().unwrap_or_else(|| "none".to_string())),
            ("count", self.count.to_string()),
            ("shard size", self.shard_size.to_string()),
            ("seed", self.seed.to_string()),
        ]
    }

    /// Writes the file, or compares this plan with the one that is there.
    pub(super) fn store(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        if !path.exists() {
            let shards = std::fs::read_dir(folder).into_iter().flatten().flatten();
            if shards.map(|e| e.file_name()).any(|name| name.to_string_lossy().starts_with("shard-")) {
                return Err(Error::file(
                    folder,
                    format!("the folder holds shards, but no {FILE} that says what they are; use another folder"),
                ));
            }
            self.create(folder, &path)?;
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Error::file(&path, format!("the file cannot be read ({error}); use another folder")))?;
        let other: Plan = toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            Error::file(&path, format!("this is no description of a campaign ({message}); use another folder"))
        })?;
        match self.fields().into_iter().zip(other.fields()).find(|(ours, theirs)| ours != theirs) {
            None => Ok(()),
            Some(((name, ours), (_, theirs))) => Err(Error::file(
                &path,
                format!(
                    "the folder holds another campaign (its {name} is {}, asked for is {}); use another folder or the \
                     same options",
                    theirs.replace('\n', " "),
                    ours.replace('\n', " ")
                ),
            )),
        }
    }

    /// Whole or not at all, and only if there is none: of two processes that begin at once, one is first.
    fn create(&self, folder: &Path, path: &Path) -> Result<()> {
        let text = toml::to_string(self)
            .map_err(|error| Error::file(path, format!("the plan cannot be written ({error}); use a smaller seed")))?;
        let failed = |error: std::io::Error| {
            Error::file(path, format!("the file cannot be written ({error}); choose a folder that you may write to"))
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".campaign.").suffix(".partial");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let mut file = builder.tempfile_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(()),
            Err(_) if path.exists() => Ok(()),
            Err(error) => Err(failed(error.error)),
        }
    }
}
