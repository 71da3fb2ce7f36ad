//! Simulators that are programs, in the library: what they get, what they may write, how they fail.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ferroflow::data::Record;
use ferroflow::random::Key;
use ferroflow::simulators::{External, ParametersOf, Pool, Prior, Request, Simulator, Tabulated, find};

fn prior() -> Prior {
    Prior::parse(["mean=normal(0,1)", "sd=uniform(1,2)"]).unwrap()
}

fn request(count: usize) -> Request {
    Request::new(count, Key::new(1).fork("simulate"))
}

fn message(external: &External, count: usize) -> String {
    let error = external.sample(&request(count)).expect_err("an error was expected").to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn f64s(record: &Record, key: &str) -> Vec<f64> {
    record.column(key).unwrap().array.to_f64()
}

/// `cp` is a program that copies the parameters: no seeds, no data, but always there.
#[test]
fn a_program_that_copies() {
    let whole = External::new("cp", prior()).sample(&request(25)).unwrap();
    assert_eq!(whole, prior().sample(&request(25)).unwrap());
    for (batch, jobs) in [(1, 1), (7, 3), (100, 2)] {
        let cut = External::new("cp", prior()).batch(batch).jobs(jobs).sample(&request(25)).unwrap();
        assert_eq!(cut, whole, "{batch} {jobs}");
    }
    let part = External::new("cp", prior()).sample(&request(5).first(20)).unwrap();
    assert_eq!(part, whole.select(&[20, 21, 22, 23, 24]).unwrap());
    let table = Tabulated::new(whole.clone()).unwrap();
    assert_eq!(External::new("cp", table).sample(&request(25)).unwrap(), whole);
    let pool = Pool::new(2).unwrap();
    let parameters = ParametersOf::new(find("linear-regression").unwrap());
    let record = External::new("cp", parameters).sample(&request(5).pool(&pool)).unwrap();
    assert_eq!(record.keys().collect::<Vec<_>>(), ["N", "beta", "sigma"]);
}

#[test]
fn failures_tell_what_the_program_said() {
    let external = |command: &str| External::new(command, prior()).batch(10);
    for (command, expected) in [
        (
            "echo 'line one' >&2; echo 'out of rats' >&2; exit 3; :",
            "ended with status 3, its last words: line one | out of rats",
        ),
        ("no-such-program-at-all", "status 127"),
        ("true", "wrote no file to its second argument"),
        ("f() { echo garbage > \"$2\"; }; f", "wrote a file that is no .npz archive"),
        ("kill -9 $$; :", "was killed"),
        ("   ", "command"),
    ] {
        let text = message(&external(command), 30);
        assert!(text.contains(expected), "{command}: {text}");
    }
    let text = message(&external("false").retries(2), 30);
    assert!(text.contains("data sets 0 to 9") && text.contains("3 times"), "{text}");
    let text = message(&external("cp").expect(["x"]), 30);
    assert!(text.contains("wrote no array 'x'; the arrays are: mean, sd, seed"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let three = folder.path().join("three.npz");
    ferroflow::data::io::write_npz(&three, &prior().simulate(3, 1).unwrap()).unwrap();
    let text = message(&external(&format!("f() {{ cp {} \"$2\"; }}; f", three.display())), 10);
    assert!(text.contains("wrote 3 data sets for 10"), "{text}");
    let seeded = Prior::parse(["seed=normal(0,1)"]).unwrap();
    assert!(message(&External::new("cp", seeded), 3).contains("'seed'"));
    let table = Tabulated::new(prior().simulate(3, 1).unwrap()).unwrap();
    assert!(message(&External::new("cp", table), 4).contains("there are 3"));
}

/// A program fails for a while: retries help, and the data are those of a run without failures.
#[test]
fn retries() {
    let folder = tempfile::tempdir().unwrap();
    let flag = folder.path().join("flag");
    let command = format!("f() {{ test -e {0} || {{ touch {0}; exit 1; }}; cp \"$1\" \"$2\"; }}; f", flag.display());
    let record = External::new(command, prior()).retries(1).sample(&request(5)).unwrap();
    assert_eq!(record, prior().sample(&request(5)).unwrap());
}

/// The program and what it started are killed when the time is over.
#[test]
fn time_limit_kills_the_whole_group() {
    let folder = tempfile::tempdir().unwrap();
    let sign = folder.path().join("alive");
    let command = format!("(sleep 2; touch {}) & sleep 100; :", sign.display());
    let began = Instant::now();
    let external = External::new(command, prior()).time_limit(Duration::from_millis(300));
    let text = message(&external, 3);
    assert!(text.contains("was still running after 0.3 s"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(30));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!sign.exists(), "a child of the program went on");
}

fn python() -> bool {
    let found = Command::new("python3").args(["-c", "import numpy"]).output().is_ok_and(|out| out.status.success());
    if !found {
        eprintln!("SKIPPED: python3 with numpy is needed for examples/external_simulator.py");
    }
    found
}

#[test]
fn the_example_in_python() {
    if !python() {
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/external_simulator.py");
    let external =
        |batch| External::new(format!("python3 '{}'", script.display()), prior()).batch(batch).jobs(2).expect(["x"]);
    let whole = external(30).sample(&request(60)).unwrap();
    assert_eq!(whole.column("x").unwrap().array.shape(), [60, 20]);
    assert_eq!(external(13).sample(&request(60)).unwrap(), whole, "the data do not depend on the batches");
    let (mean, x) = (f64s(&whole, "mean"), f64s(&whole, "x"));
    let errors: Vec<f64> = x.chunks(20).zip(&mean).map(|(x, mean)| x.iter().sum::<f64>() / 20.0 - mean).collect();
    assert!(errors.iter().all(|e| e.abs() < 2.5) && errors.iter().any(|e| *e != 0.0), "{errors:?}");
}
