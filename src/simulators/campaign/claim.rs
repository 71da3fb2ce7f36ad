//! Claims: which process is at which shard.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, Result};

/// A claim that was not renewed for so long is taken over.
pub const STALE: Duration = Duration::from_secs(60);
/// How often a claim is renewed.
const RENEWAL: Duration = Duration::from_secs(10);

/// A folder in which this process claims shards.
#[derive(Debug)]
pub(super) struct Claims {
    folder: PathBuf,
    /// Machine and process, the content of a claim.
    owner: String,
}

/// The claims of this process, in whichever folder.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A claim, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct Claim {
    path: PathBuf,
}

impl Claims {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let owner = format!("{} {}", host(), std::process::id());
        let folder = std::fs::canonicalize(folder)
            .map_err(|error| Error::file(folder, format!("the folder cannot be opened ({error}); check the path")))?;
        Ok(Claims { folder, owner })
    }

    /// Runs a function while all claims are renewed in time.
    pub(super) fn renewing<T>(&self, run: impl FnOnce() -> T) -> T {
        let (over, is_over) = channel::<()>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while is_over.recv_timeout(RENEWAL) == Err(RecvTimeoutError::Timeout) {
                    self.renew();
                }
            });
            let out = run();
            drop(over);
            out
        })
    }

    fn renew(&self) {
        for path in HELD.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(|p| p.starts_with(&self.folder)) {
            // Writing moves the time stamp by the clock of the folder's machine. A claim that is gone was taken over.
            let file = std::fs::OpenOptions::new().write(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(self.owner.as_bytes()));
        }
    }

    /// A claim on a name, unless somebody else is at it.
    pub(super) fn take(&self, name: &str) -> Result<Option<Claim>> {
        let path = self.folder.join(format!("{name}.claim"));
        // The second time after the claim of a dead process was removed. If two processes remove it, both may get a claim, one
        // after the other; they compute the same bytes.
        for _ in 0..2 {
            let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
            if self.create(name, &path)? {
                held.insert(path.clone());
                return Ok(Some(Claim { path }));
            }
            drop(held);
            if !self.is_abandoned(&path) {
                return Ok(None);
            }
            let _ = std::fs::remove_file(&path);
        }
        Ok(None)
    }

    /// Creates the file with its content, unless it exists.
    fn create(&self, name: &str, path: &Path) -> Result<bool> {
        let failed = |error: std::io::Error| {
            Error::file(path, format!("the claim of a shard cannot be written ({error}); check permissions and space"))
        };
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        let mut file = builder.prefix(&prefix).suffix(".partial").tempfile_in(&self.folder).map_err(failed)?;
        file.write_all(self.owner.as_bytes()).map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => Ok(true),
            Err(_) if path.exists() => Ok(false),
            // It was there a moment ago, and its owner has just finished.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(failed(error.error)),
        }
    }

    /// True when the owner has died or has not renewed its claim for long.
    fn is_abandoned(&self, path: &Path) -> bool {
        let Ok(owner) = std::fs::read_to_string(path) else { return false };
        if let Some((machine, process)) = owner.trim().rsplit_once(' ')
            && machine == host()
            && let Ok(process) = process.parse::<i32>()
        {
            if owner.trim() != self.owner {
                return !is_alive(process) || self.is_old(path);
            }
            // This process under another run, or an earlier one whose number came again.
            return !HELD.lock().unwrap_or_else(PoisonError::into_inner).contains(path);
        }
        self.is_old(path)
    }

    fn is_old(&self, path: &Path) -> bool {
        // Compared with a new file in the same folder, as machines may disagree about the time.
        let now = tempfile::tempfile_in(&self.folder).and_then(|file| file.metadata()?.modified());
        let then = std::fs::metadata(path).and_then(|meta| meta.modified());
        matches!((now, then), (Ok(now), Ok(then)) if now.duration_since(then).is_ok_and(|age| age > STALE))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        HELD.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Name of this machine.
pub(super) fn host() -> String {
    #[cfg(unix)]
    {
        rustix::system::uname().nodename().to_string_lossy().replace(char::is_whitespace, "-")
    }
    #[cfg(not(unix))]
    {
        std::env::var("COMPUTERNAME").unwrap_or_else(|_| "machine".to_string()).replace(char::is_whitespace, "-")
    }
}

#[cfg(unix)]
fn is_alive(process: i32) -> bool {
    // A process of another user exists, too.
    let pid = rustix::process::Pid::from_raw(process);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_process: i32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(folder: &Path) -> Claims {
        Claims::new(folder).unwrap()
    }

    #[test]
    fn one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (claims(folder.path()), claims(folder.path()));
        let claim = a.take("shard-000001").unwrap().unwrap();
        assert!(b.take("shard-000001").unwrap().is_none());
        assert!(b.take("shard-000002").unwrap().is_some());
        drop(claim);
        assert!(b.take("shard-000001").unwrap().is_some());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn claims_of_other_machines_end_with_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let ours = claims(folder.path());
        let path = folder.path().join("shard-000001.claim");
        std::fs::write(&path, "another-machine 17").unwrap();
        assert!(ours.take("shard-000001").unwrap().is_none());
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - 2 * STALE).unwrap();
        let claim = ours.take("shard-000001").unwrap().expect("a claim that is old");
        file.set_modified(std::time::SystemTime::now()).unwrap();
        drop(claim);
        // Renewal makes a claim young again.
        let claim = ours.take("shard-000003").unwrap().unwrap();
        let path = folder.path().join("shard-000003.claim");
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(std::time::SystemTime::now() - 2 * STALE).unwrap();
        ours.renew();
        assert!(!ours.is_old(&path));
        drop(claim);
    }

    #[cfg(unix)]
    #[test]
    fn claims_of_dead_processes_end_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let path = folder.path().join("shard-000001.claim");
        std::fs::write(&path, format!("{} {}", host(), child.id())).unwrap();
        assert!(claims(folder.path()).take("shard-000001").unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(claims(folder.path()).take("shard-000001").unwrap().is_some());
    }
}
