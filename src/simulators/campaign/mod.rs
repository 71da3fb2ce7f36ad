//! Campaigns: many simulations as shards in a folder, which any number of processes fill together.

mod claim;
mod plan;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::data::io::write_npz;
use crate::error::{Error, Result};
use crate::random::Key;
use crate::simulators::{Pool, Request, Simulator};

use claim::Claims;
pub use claim::STALE;
pub use plan::Plan;

/// Pause between two looks at shards that other processes are working on.
const POLL: Duration = Duration::from_millis(300);

/// A folder of shards `shard-000000.npz`, `shard-000001.npz`, … and a `campaign.toml` that says what they are.
///
/// Shard `i` holds the data sets `i × shard_size`, …; each depends on the seed and its index alone, so that a shard has
/// the same bytes whoever computes it. A shard appears whole or not at all. [`Campaign::run`] computes those that are missing:
/// after an interruption by anything, the same call goes on; a second process, also on another machine that
/// shares the folder, joins.
///
/// Who computes a shard holds a claim, a file that only one process can create and that it renews every ten seconds. A
/// claim is taken over when its process has died, or, on another machine, after [`STALE`] without renewal. Should two
/// processes compute one shard nevertheless, the second one replaces the file by an equal one.
#[derive(Debug, Clone)]
pub struct Campaign {
    folder: PathBuf,
    plan: Plan,
}

/// What a run of a campaign did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// Shards that this run computed.
    pub computed: usize,
    /// All shards of the campaign.
    pub total: usize,
}

impl Campaign {
    /// The campaign of a folder, which is made if it is missing.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the folder holds another campaign, or shards of unknown origin.
    pub fn open(folder: impl Into<PathBuf>, plan: Plan) -> Result<Self> {
        let folder = folder.into();
        plan.check()?;
        std::fs::create_dir_all(&folder).map_err(|error| {
            Error::file(&folder, format!("the folder cannot be made ({error}); choose another one"))
        })?;
        plan.store(&folder)?;
        Ok(Campaign { folder, plan })
    }

    /// Number of shards.
    pub fn shards(&self) -> usize {
        self.plan.count.div_ceil(self.plan.shard_size) as usize
    }

    /// The file of a shard.
    pub fn shard(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{}.npz", name(index)))
    }

    /// Computes the missing shards with several workers, each of them on one shard, and waits for those of other processes.
    ///
    /// `progress` gets the number of shards that are there and of all shards, whenever one more is there.
    pub fn run(
        &self,
        simulator: &dyn Simulator,
        workers: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Shards> {
        let total = self.shards();
        let pool = Pool::new(workers)?;
        let claims = Claims::new(&self.folder)?;
        let (there, computed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let stop = AtomicBool::new(false);
        let mut pending: Vec<usize> = (0..total).collect();
        claims.renewing(|| {
            while !pending.is_empty() {
                let next = AtomicUsize::new(0);
                let busy = Mutex::new(BTreeSet::new());
                let outcomes = pool.map(pool.threads(), |_| -> Result<()> {
                    while let Some(&index) = pending.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                        match self.fill(simulator, index, &claims) {
                            Ok(Some(is_new)) => {
                                computed.fetch_add(usize::from(is_new), Ordering::Relaxed);
                                progress(there.fetch_add(1, Ordering::Relaxed) + 1, total);
                            }
                            Ok(None) => drop(busy.lock().unwrap_or_else(PoisonError::into_inner).insert(index)),
                            Err(error) => {
                                stop.store(true, Ordering::Relaxed);
                                return Err(error);
                            }
                        }
                    }
                    Ok(())
                });
                outcomes.into_iter().collect::<Result<Vec<()>>>()?;
                pending = busy.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect();
                if !pending.is_empty() {
                    std::thread::sleep(POLL);
                }
            }
            Ok(())
        })?;
        self.tidy();
        Ok(Shards { computed: computed.into_inner(), total })
    }

    /// True when the shard was computed now, false when it was there, nothing when another process is at it.
    fn fill(&self, simulator: &dyn Simulator, index: usize, claims: &Claims) -> Result<Option<bool>> {
        let path = self.shard(index);
        if path.exists() {
            return Ok(Some(false));
        }
        let _claim = match claims.take(&name(index)) {
            Ok(Some(claim)) => claim,
            Ok(None) => return Ok(None),
            // Another process finished it, and the whole campaign, in the meantime.
            Err(_) if path.exists() => return Ok(Some(false)),
            Err(error) => return Err(error),
        };
        // Another process may have finished it since the first look.
        if path.exists() {
            return Ok(Some(false));
        }
        let first = index as u64 * self.plan.shard_size;
        let count = self.plan.shard_size.min(self.plan.count - first) as usize;
        let request = Request::new(count, Key::new(self.plan.seed).fork("simulate")).first(first);
        let record = simulator.sample(&request)?;
        match write_npz(&path, &record) {
            Err(_) if path.exists() => Ok(Some(false)),
            outcome => outcome.map(|()| Some(true)),
        }
    }

    /// Removes what killed processes left behind; nobody needs it once all shards are there.
    fn tidy(&self) {
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            let ours = file.starts_with("shard-") || file.starts_with(".shard-") || file.starts_with(".campaign");
            if ours && (file.ends_with(".claim") || file.ends_with(".partial")) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// True when a folder holds a campaign.
pub fn is_campaign(folder: &Path) -> bool {
    folder.join(plan::FILE).is_file()
}

fn name(index: usize) -> String {
    format!("shard-{index:06}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulators::{GaussianLinear, find};

    fn plan() -> Plan {
        Plan { simulator: "gaussian-linear".into(), prior: None, count: 25, shard_size: 10, seed: 3 }
    }

    fn bytes(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap()))
            .collect();
        files.sort();
        files
    }

    #[test]
    fn only_missing_shards_are_computed_and_have_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let campaign = Campaign::open(folder.path().join("c"), plan()).unwrap();
        let simulator = find("gaussian-linear").unwrap();
        let run = |workers| campaign.run(&simulator, workers, &|_, _| {}).unwrap();
        assert_eq!(run(1), Shards { computed: 3, total: 3 });
        let whole = bytes(&campaign.folder);
        let names: Vec<&str> = whole.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["campaign.toml", "shard-000000.npz", "shard-000001.npz", "shard-000002.npz"]);
        assert_eq!(run(2).computed, 0);
        std::fs::remove_file(campaign.shard(1)).unwrap();
        std::fs::write(campaign.folder.join(".shard-000001.npz.x.partial"), "half").unwrap();
        // The claim of a process that is gone, and of this process itself under another life.
        let claim = campaign.folder.join("shard-000001.claim");
        std::fs::write(&claim, format!("{} {}", claim::host(), std::process::id())).unwrap();
        assert_eq!(run(3).computed, 1);
        assert_eq!(bytes(&campaign.folder), whole);
        let all = GaussianLinear::default().simulate(25, 3).unwrap();
        let last = crate::data::io::read_npz(campaign.shard(2), &[]).unwrap();
        assert_eq!(last, all.select(&[20, 21, 22, 23, 24]).unwrap());
    }

    #[test]
    fn processes_that_run_at_once_share_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { count: 400, shard_size: 10, ..plan() };
        let campaign = Campaign::open(folder.path(), plan).unwrap();
        let simulator = find("gaussian-linear").unwrap();
        let computed: usize = std::thread::scope(|scope| {
            let runs: Vec<_> =
                (0..4).map(|_| scope.spawn(|| campaign.run(&simulator, 1, &|_, _| {}).unwrap().computed)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).sum()
        });
        assert!(computed >= 40, "{computed}");
        assert_eq!(bytes(folder.path()).len(), 41);
    }

    #[test]
    fn another_campaign_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Campaign::open(folder.path(), plan()).unwrap();
        Campaign::open(folder.path(), plan()).unwrap();
        let message = |plan| Campaign::open(folder.path(), plan).unwrap_err().to_string();
        assert!(message(Plan { seed: 4, ..plan() }).contains("its seed is 3, asked for is 4"));
        assert!(message(Plan { simulator: "sir".into(), ..plan() }).contains("its simulator is gaussian-linear"));
        assert!(message(Plan { prior: Some("a".into()), ..plan() }).contains("its prior is none, asked for is a"));
        assert!(message(Plan { shard_size: 0, ..plan() }).contains("shard size"));
        std::fs::write(folder.path().join("campaign.toml"), "seed = [").unwrap();
        assert!(message(plan()).contains("campaign.toml"));
        std::fs::remove_file(folder.path().join("campaign.toml")).unwrap();
        std::fs::write(folder.path().join("shard-000000.npz"), "").unwrap();
        assert!(message(plan()).contains("shards, but no campaign.toml"));
    }
}
