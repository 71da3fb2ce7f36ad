//! Posterior and likelihood from the command line: trained together, evidence, exact draws, and metrics of the training.

#[path = "cli_support/mod.rs"]
mod cli_support;

use std::path::Path;

use cli_support::{TINY, ferroflow, listing, succeed};
use ferroflow::codecs::{Array, npz};
use indexmap::IndexMap;

/// All but the simulator: a training that takes a moment.
const SHORT: &str = r#"
threads = 1
seed = 3

[training]
epochs = 2
batches_per_epoch = 10
batch_size = 16

[diagnostics]
datasets = 20
draws = 20

[inference_network]
kind = "coupling-flow"
depth = 2

[inference_network.subnet]
widths = [16]
"#;

/// The same network for the likelihood.
fn joint() -> String {
    format!("learn = \"joint\"\n{SHORT}{}", network().replace("inference_network", "likelihood_network"))
}

fn network() -> &'static str {
    &SHORT[SHORT.find("[inference_network]").unwrap()..]
}

fn read(path: std::path::PathBuf) -> IndexMap<String, Array> {
    npz::read(&path).unwrap()
}

fn model(dir: &Path, run: &str) -> Vec<u8> {
    std::fs::read(dir.join(run).join("model.safetensors")).unwrap()
}

#[test]
fn both_come_from_one_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("joint.toml"), joint()).unwrap();
    std::fs::write(dir.join("alone.toml"), SHORT).unwrap();
    let shown = succeed(dir, &["train", "two-moons", "--config", "joint.toml", "--out", "j"]).stdout;
    for words in ["The posterior:", "The likelihood:", "ln q(x | θ) at the true parameters", "ferroflow evidence"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for name in ["report.html", "metrics.json", "config.toml", "posterior/history.csv", "likelihood/history.csv"] {
        assert!(dir.join("j").join(name).exists(), "{name}");
    }
    // Each is the one that is trained alone.
    for learn in ["posterior", "likelihood"] {
        succeed(dir, &["train", "two-moons", "--config", "alone.toml", "--learn", learn, "--out", learn]);
        assert!(model(dir, learn) == model(dir, &format!("j/{learn}")), "{learn}");
    }
    // What was resolved gives the same again, on another number of threads.
    let again = ["train", "--config", "j/config.toml", "--threads", "2", "--out", "again", "--json"];
    let events: Vec<serde_json::Value> =
        succeed(dir, &again).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((of("start"), of("epoch"), of("trained"), of("done")), (2, 4, 2, 1), "{events:?}");
    for part in ["posterior", "likelihood"] {
        assert!(model(dir, &format!("again/{part}")) == model(dir, &format!("j/{part}")), "{part}");
    }
    // Nothing is left, and then the second half is.
    let before = listing(dir);
    let resume = ["train", "--resume", "--out", "j"];
    assert!(succeed(dir, &resume).stdout.contains("complete; nothing is left"));
    assert_eq!(listing(dir), before);
    let expected = model(dir, "j/likelihood");
    std::fs::remove_dir_all(dir.join("j/likelihood")).unwrap();
    std::fs::remove_file(dir.join("j/report.html")).unwrap();
    let resumed = succeed(dir, &resume).stdout;
    assert!(resumed.contains("The posterior, after epoch 2:"), "{resumed}");
    assert!(model(dir, "j/likelihood") == expected);
    assert!(model(dir, "j/posterior") == model(dir, "posterior"));
    assert!(dir.join("j/report.html").exists());
    let other = ferroflow(dir, &[&resume[..], &["--seed", "9"]].concat());
    assert!(other.status == Some(2) && other.stderr.contains("seed = 9 is new"), "{other:?}");
    for (part, word) in [("posterior", "posterior of two-moons"), ("likelihood", "likelihood of two-moons")] {
        let shown = succeed(dir, &["inspect", &format!("j/{part}/model.safetensors")]).stdout;
        assert!(shown.contains(word), "{shown}");
    }
}

#[test]
fn evidence_and_corrected_draws() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("joint.toml"), joint()).unwrap();
    succeed(dir, &["train", "two-moons", "--config", "joint.toml", "--out", "j"]);
    succeed(dir, &["simulate", "two-moons", "--count", "3", "--seed", "5", "--out", "data.npz"]);
    let (posterior, likelihood) = ("j/posterior/model.safetensors", "j/likelihood/model.safetensors");
    let evidence = |more: &[&str]| {
        let command = ["evidence", "--posterior", posterior, "--likelihood", likelihood, "--data", "data.npz"];
        succeed(dir, &[&command[..], &["--draws", "200", "--out", "e.npz"], more].concat());
        read(dir.join("e.npz"))
    };
    let plain = evidence(&[]);
    assert_eq!(plain.keys().collect::<Vec<_>>(), ["log_evidence", "log_evidence_error", "k_hat"]);
    assert!(plain["log_evidence"].shape() == [3] && plain["log_evidence"].to_f64().iter().all(|e| e.is_finite()));
    let predicted = evidence(&["--held-out", "data.npz"]);
    assert_eq!(predicted["log_evidence"], plain["log_evidence"]);
    for key in ["log_predictive_density", "log_predictive_density_error"] {
        assert!(predicted[key].shape() == [3] && predicted[key].to_f64().iter().all(|e| e.is_finite()), "{key}");
    }
    assert_ne!(evidence(&["--seed", "9"])["log_evidence"], plain["log_evidence"]);
    // Without a file it only tells.
    let command = ["evidence", "--posterior", posterior, "--likelihood", likelihood, "--data", "data.npz"];
    let shown = succeed(dir, &[&command[..], &["--held-out", "data.npz"]].concat()).stdout;
    for words in ["data set 2: log evidence", "eliable", "data set 2: expected log predictive density"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }

    let sample = ["sample", "--model", posterior, "--data", "data.npz", "--likelihood", likelihood, "--out", "d.npz"];
    let shown = succeed(dir, &[&sample[..], &["--draws", "50", "--refine"]].concat()).stdout;
    assert!(shown.contains("data set 0: log evidence"), "{shown}");
    assert_eq!(read(dir.join("d.npz"))["parameters"].shape(), [3, 50, 2]);
    let data = read(dir.join("data.npz"));
    let first: Vec<(&str, Array)> = data.iter().map(|(key, array)| (key.as_str(), array.rows(0..1).unwrap())).collect();
    npz::write(dir.join("data.npz"), first.iter().map(|(key, array)| (*key, array))).unwrap();
    succeed(dir, &[&sample[..], &["--draws", "40", "--exact"]].concat());
    let draws = read(dir.join("d.npz"));
    assert_eq!(draws["parameters"].shape(), [1, 40, 2]);
    assert!(draws["parameters"].to_f64().iter().all(|p| p.abs() <= 1.0), "inside of the prior");

    // In each other's place they are refused.
    let swapped = ["evidence", "--posterior", likelihood, "--likelihood", likelihood, "--data", "data.npz"];
    let swapped = ferroflow(dir, &swapped);
    assert!(
        swapped.status == Some(1) && swapped.stderr.contains("draws of a posterior are needed here"),
        "{swapped:?}"
    );
    let of_likelihood =
        ["sample", "--model", likelihood, "--data", "data.npz", "--draws", "3", "--refine", "--out", "d.npz"];
    let refused = ferroflow(dir, &of_likelihood);
    assert!(refused.status == Some(2) && refused.stderr.contains("belong to models of a posterior"), "{refused:?}");
}

/// A posterior that has seen next to nothing; the sampler's is that of the closed form, of mean x/2 and standard deviation 0.1/√2.
#[test]
fn exact_draws_need_no_good_posterior() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("run.toml"), SHORT).unwrap();
    succeed(dir, &["train", "gaussian-linear", "--config", "run.toml", "--out", "p"]);
    succeed(dir, &["simulate", "gaussian-linear", "--count", "1", "--seed", "5", "--out", "data.npz"]);
    let sample = ["sample", "--model", "p/model.safetensors", "--data", "data.npz", "--draws", "400", "--exact"];
    succeed(dir, &[&sample[..], &["--out", "d.npz"]].concat());
    let draws = read(dir.join("d.npz"))["parameters"].to_f64();
    let x = read(dir.join("data.npz"))["observables"].to_f64();
    assert_eq!(draws.len(), 4000);
    for (dim, x) in x.iter().enumerate() {
        let own: Vec<f64> = draws.iter().skip(dim).step_by(10).copied().collect();
        let mean = own.iter().sum::<f64>() / 400.0;
        let sd = (own.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 399.0).sqrt();
        assert!((mean - 0.5 * x).abs() < 0.03 && (sd - 0.0707).abs() < 0.02, "{dim}: {mean} ± {sd} for {}", 0.5 * x);
    }
    // Weighted draws have a seed of their own.
    let refined = |seed: &str| {
        let sample = ["sample", "--model", "p/model.safetensors", "--data", "data.npz", "--draws", "50", "--refine"];
        succeed(dir, &[&sample[..], &["--seed", seed, "--out", "r.npz"]].concat());
        read(dir.join("r.npz"))["parameters"].to_f64()
    };
    assert_eq!(refined("3"), refined("3"));
    assert_ne!(refined("3"), refined("7"));
    // The simulator knows its likelihood, so that its evidence needs no other model.
    let evidence = ["evidence", "--posterior", "p/model.safetensors", "--data", "data.npz", "--draws", "500"];
    assert!(succeed(dir, &evidence).stdout.contains("data set 0: log evidence"));
}

/// A posterior of whole sets, a likelihood of their elements.
#[test]
fn sets() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("tiny.toml"), TINY).unwrap();
    let shown = succeed(dir, &["train", "--config", "tiny.toml", "--learn", "joint", "--out", "j"]).stdout;
    assert!(shown.contains("of each element of a set") && shown.contains("summary network"), "{shown}");
    succeed(dir, &["train", "--config", "tiny.toml", "--out", "alone"]);
    assert!(model(dir, "alone") == model(dir, "j/posterior"));
    succeed(dir, &["simulate", "linear-regression", "--count", "2", "--seed", "7", "--out", "data.npz"]);
    let (posterior, likelihood) = ("j/posterior/model.safetensors", "j/likelihood/model.safetensors");
    let evidence = ["evidence", "--posterior", posterior, "--likelihood", likelihood, "--data", "data.npz"];
    succeed(dir, &[&evidence[..], &["--draws", "50", "--out", "e.npz"]].concat());
    let evidence = &read(dir.join("e.npz"))["log_evidence"];
    assert!(evidence.shape() == [2] && evidence.to_f64().iter().all(|e| e.is_finite()), "{evidence:?}");
}

#[test]
fn from_a_file_with_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("joint.toml"), joint()).unwrap();
    succeed(dir, &["simulate", "two-moons", "--count", "200", "--seed", "5", "--out", "sims.npz"]);
    let train = ["train", "--config", "joint.toml", "--data", "sims.npz", "--parameters", "parameters"];
    let bounds = ["--data-variables", "observables", "--lower", "parameters=-1", "--upper", "parameters=1"];
    let metrics = ["--metrics", "root_mean_squared_error,maximum_mean_discrepancy", "--out", "f"];
    let shown = succeed(dir, &[&train[..], &bounds, &metrics].concat()).stdout;
    assert!(shown.contains("20 of 200 simulations are held out"), "{shown}");
    for part in ["posterior", "likelihood"] {
        let csv = std::fs::read_to_string(dir.join("f").join(part).join("history.csv")).unwrap();
        let mut lines = csv.lines();
        assert!(lines.next().unwrap().ends_with(",seconds,root_mean_squared_error,maximum_mean_discrepancy"), "{csv}");
        let values: Vec<&str> = lines.filter_map(|line| line.split(',').nth(7)).filter(|v| !v.is_empty()).collect();
        assert!(values.len() == 2 && values.iter().all(|v| v.parse::<f64>().is_ok()), "{csv}");
    }
    let resumed = succeed(dir, &["train", "--resume", "--out", "f"]).stdout;
    assert!(resumed.contains("complete; nothing is left"), "{resumed}");
    // The prior of a file is not known.
    let (posterior, likelihood) = ("f/posterior/model.safetensors", "f/likelihood/model.safetensors");
    let evidence = ["evidence", "--posterior", posterior, "--likelihood", likelihood, "--data", "sims.npz"];
    let refused = ferroflow(dir, &evidence);
    assert!(refused.status == Some(1) && refused.stderr.contains("was trained on a file"), "{refused:?}");
    let named = ["--simulator", "two-moons", "--draws", "50", "--out", "e.npz"];
    succeed(dir, &[&evidence[..], &named].concat());
    assert_eq!(read(dir.join("e.npz"))["log_evidence"].shape(), [200]);
}

/// Metrics add columns, and change nothing else.
#[test]
fn metrics_do_not_touch_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("tiny.toml"), TINY).unwrap();
    let train = ["train", "--config", "tiny.toml", "--validation", "8"];
    succeed(dir, &[&train[..], &["--out", "plain"]].concat());
    let measured = ["--metrics", "root_mean_squared_error", "--json", "--out", "measured"];
    let events = succeed(dir, &[&train[..], &measured].concat()).stdout;
    assert!(model(dir, "plain") == model(dir, "measured"));
    let epochs: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|event: &serde_json::Value| event["event"] == "epoch")
        .collect();
    assert!(epochs.len() == 2 && epochs.iter().all(|e| e["metrics"]["root_mean_squared_error"].is_f64()), "{epochs:?}");
    let config = std::fs::read_to_string(dir.join("measured/config.toml")).unwrap();
    assert!(config.contains("metrics = [\"root_mean_squared_error\"]"), "{config}");
    // The pictures read the longer history as well.
    let model = ["diagnose", "--model", "measured/model.safetensors", "--count", "20", "--draws", "20", "--out", "d"];
    succeed(dir, &model);
    assert!(dir.join("d/loss.svg").exists());
}
