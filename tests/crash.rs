//! `kill -9` during training: the folder holds a complete checkpoint, and resuming ends with the same bits.

#[path = "cli_support/mod.rs"]
mod cli_support;

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use cli_support::{TINY, command, succeed};
use ferroflow::io::ModelFile;
use ferroflow::random::Key;
use ferroflow::workflow::Checkpoint;
use rand::RngExt;

/// Epochs of the run that is killed: short ones, so that many kills fall into the writing of a checkpoint.
const EPOCHS: &str = "12";

/// What the training of one model, or of an ensemble, leaves in its folder.
const SINGLE: &[&str] = &["."];
const ENSEMBLE: &[&str] = &["0", "1"];

fn arguments<'a>(out: &'a str, models: &[&str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--config", "tiny.toml", "--epochs", EPOCHS, "--validation", "8", "--out", out];
    if models.len() > 1 {
        arguments.extend(["--members", "2"]);
    }
    arguments
}

/// Kills `count` trainings at random times, some of them twice.
fn kill_and_resume(count: u64, models: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("tiny.toml"), TINY).unwrap();
    let began = Instant::now();
    succeed(dir, &arguments("whole", models));
    let whole = began.elapsed();
    let trained = |out: &str| -> Vec<Vec<u8>> {
        let read = |model: &&str| std::fs::read(dir.join(out).join(model).join("model.safetensors")).unwrap();
        models.iter().map(read).collect()
    };
    let expected = trained("whole");
    let mut interrupted = 0;
    for index in 0..count {
        let out = format!("killed-{index}");
        let mut stream = Key::new(index).fork("kill").stream();
        let mut start = arguments(&out, models);
        loop {
            let wait = whole.mul_f64(stream.random_range(0.0..1.0));
            let finished = run_and_kill(dir, &start, wait);
            for model in models {
                let model = dir.join(&out).join(model).join("model.safetensors");
                if model.exists() {
                    let file: ModelFile = ModelFile::load(&model).expect("a complete model file after kill -9");
                    let checkpoint = Checkpoint::from_file(&file).expect("a complete checkpoint");
                    interrupted += usize::from(!checkpoint.is_complete());
                }
            }
            let has_begun = dir.join(&out).join("config.toml").exists();
            if has_begun {
                start = vec!["train", "--resume", "--out", &out];
            }
            if finished || stream.random_bool(0.5) {
                break;
            }
        }
        succeed(dir, &start);
        assert!(
            trained(&out) == expected,
            "run {index}: the resumed weights differ from those of the run that was not killed"
        );
        assert!(dir.join(&out).join("report.html").exists());
        let remains = cli_support::listing(&dir.join(&out));
        assert!(remains.iter().all(|(path, _)| !path.to_string_lossy().ends_with(".partial")), "{remains:?}");
        let losses = |out: &str, model: &str| -> Vec<String> {
            let text = std::fs::read_to_string(dir.join(out).join(model).join("history.csv")).unwrap();
            text.lines().map(|l| l.rsplit_once(',').map_or("", |(all, _)| all).to_string()).collect()
        };
        for model in models {
            assert_eq!(losses(&out, model), losses("whole", model), "everything but the seconds");
        }
    }
    assert!(interrupted > 0, "no kill fell into the training; adapt its length");
}

/// True when the program ended by itself.
fn run_and_kill(dir: &Path, arguments: &[&str], wait: Duration) -> bool {
    let mut child = command(dir, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(wait);
    let finished = child.try_wait().unwrap().is_some();
    // SIGKILL on Unix; an error means that the program has just ended.
    let _ = child.kill();
    child.wait().unwrap();
    finished
}

#[test]
fn killed_five_times() {
    kill_and_resume(5, SINGLE);
}

#[test]
fn killed_ensembles() {
    kill_and_resume(3, ENSEMBLE);
}

#[test]
#[ignore = "on request; five kills run always"]
fn killed_fifty_times() {
    kill_and_resume(50, SINGLE);
}

/// Kills a campaign again and again, two processes at a time: no shard is lost, none is half, and all have the bytes of a
/// campaign that nobody disturbed.
#[test]
fn killed_campaigns_end_with_the_same_shards() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let arguments = |out: &'static str| {
        vec!["simulate", "lotka-volterra", "--count", "6000", "--shard-size", "50", "--threads", "1", "--out", out]
    };
    let began = Instant::now();
    succeed(dir, &arguments("whole/"));
    let whole = began.elapsed();
    let shards = |out: &str| -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(dir.join(out))
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name().into_string().unwrap(), std::fs::read(e.path()).unwrap_or_default()))
            .collect();
        files.sort();
        files
    };
    let expected = shards("whole");
    assert_eq!(expected.len(), 121);
    let mut stream = Key::new(7).fork("kill").stream();
    let (mut kills, mut seen) = (0, 0);
    for _ in 0..12 {
        let spawn = || command(dir, &arguments("killed/")).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut pair = [spawn(), spawn()];
        std::thread::sleep(whole.mul_f64(stream.random_range(0.0..0.25)));
        for child in &mut pair {
            kills += usize::from(child.try_wait().unwrap().is_none());
            let _ = child.kill();
            child.wait().unwrap();
        }
        if !dir.join("killed").exists() {
            continue;
        }
        let finished: Vec<_> = shards("killed").into_iter().filter(|(name, _)| name.ends_with(".npz")).collect();
        assert!(finished.len() >= seen, "a finished shard was lost");
        assert!(finished.iter().filter(|(name, _)| name.starts_with("shard")).all(|file| expected.contains(file)));
        seen = finished.len();
    }
    assert!(kills > 0, "no kill fell into the campaign; adapt its length");
    let last = succeed(dir, &arguments("killed/"));
    assert!(last.stdout.contains("in 120 shards"), "{}", last.stdout);
    assert!(shards("killed") == expected, "other files than those of the campaign that was not killed");
}
