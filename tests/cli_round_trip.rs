//! The commands one after the other: simulate, train, sample, log-prob, diagnose, inspect; files read back.

#[path = "cli_support/mod.rs"]
mod cli_support;

use cli_support::{TINY, command, ferroflow, succeed, tiny_run};
use ferroflow::codecs::{Array, Dtype, npz};
use indexmap::IndexMap;

fn read(path: std::path::PathBuf) -> IndexMap<String, Array> {
    npz::read(&path).unwrap()
}

#[test]
fn from_simulations_to_draws() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let model = tiny_run().join("model.safetensors");
    let model = model.to_str().unwrap();

    succeed(dir, &["simulate", "linear-regression", "--count", "5", "--seed", "7", "--out", "data.npz"]);
    let data = read(dir.join("data.npz"));
    assert_eq!((data["beta"].shape(), data["beta"].dtype()), (&[5, 2][..], Dtype::F64));
    assert_eq!((data["N"].shape(), data["N"].dtype()), (&[5][..], Dtype::I64));
    assert_eq!((data["x.offsets"].shape(), data["x.offsets"].dtype()), (&[6][..], Dtype::I64));
    assert_eq!(data["x"].shape(), data["y"].shape());

    succeed(dir, &["sample", "--model", model, "--data", "data.npz", "--draws", "30", "--out", "draws.npz"]);
    let draws = read(dir.join("draws.npz"));
    assert_eq!(draws.keys().collect::<Vec<_>>(), ["beta", "sigma"]);
    assert_eq!((draws["beta"].shape(), draws["beta"].dtype()), (&[5, 30, 2][..], Dtype::F64));
    assert_eq!(draws["sigma"].shape(), [5, 30, 1]);
    assert!(draws["sigma"].to_f64().iter().all(|s| *s > 0.0 && s.is_finite()));

    let part = ["sample", "--model", model, "--data", "data.npz", "--draws", "10", "--first-draw", "10"];
    succeed(dir, &[&part[..], &["--out", "part.npz", "--threads", "1"]].concat());
    succeed(dir, &[&part[..], &["--out", "part2.npz", "--threads", "2"]].concat());
    assert_eq!(std::fs::read(dir.join("part.npz")).unwrap(), std::fs::read(dir.join("part2.npz")).unwrap());
    let part = read(dir.join("part.npz"));
    for (key, width) in [("beta", 2), ("sigma", 1)] {
        let (all, part) = (draws[key].to_f64(), part[key].to_f64());
        for dataset in 0..5 {
            let from = (dataset * 30 + 10) * width;
            assert_eq!(all[from..from + 10 * width], part[dataset * 10 * width..(dataset + 1) * 10 * width], "{key}");
        }
    }
    let seeded = ["sample", "--model", model, "--data", "data.npz", "--draws", "30", "--seed", "99", "--out", "s.npz"];
    succeed(dir, &seeded);
    assert_ne!(read(dir.join("s.npz"))["beta"], draws["beta"]);

    succeed(dir, &["log-prob", "--model", model, "--data", "data.npz", "--out", "log_prob.npz"]);
    let log_prob = read(dir.join("log_prob.npz"));
    assert_eq!((log_prob["log_prob"].shape(), log_prob.len()), (&[5][..], 1));
    assert!(log_prob["log_prob"].to_f64().iter().all(|l| l.is_finite()));

    succeed(dir, &["diagnose", "--model", model, "--count", "20", "--draws", "20", "--out", "checks"]);
    succeed(dir, &["diagnose", "--model", model, "--data", "data.npz", "--draws", "20", "--out", "checks2"]);
    for name in ["report.html", "metrics.json", "recovery.svg", "calibration_ecdf.svg", "pairs.svg", "loss.svg"] {
        assert!(dir.join("checks").join(name).exists(), "{name}");
    }
    let text = std::fs::read_to_string(dir.join("checks/metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(metrics["metrics"]["NRMSE"]["beta_0"].is_f64(), "{metrics}");
    // Six diagnostics of three parameters, and the joint distribution.
    assert_eq!(metrics["verdicts"].as_array().map(Vec::len), Some(19));

    let shown = succeed(dir, &["inspect", model]).stdout;
    for word in ["linear-regression", "beta (2)", "deep", "coupling flow", "trainable weights", "concatenate"] {
        assert!(shown.to_lowercase().contains(word), "{word}: {shown}");
    }
    let shown = succeed(dir, &["inspect", "data.npz"]).stdout;
    assert!(shown.contains("ragged, 5 data sets") && shown.contains("i64"), "{shown}");
    assert!(succeed(dir, &["devices"]).stdout.contains("cpu"));
}

/// One observation may come without the axis of the data sets, rectangular, padded and ragged arrays mean the same.
#[test]
fn forms_of_observations() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let model = tiny_run().join("model.safetensors");
    let (x, y) = (vec![0.5, -1.0, 0.25, 2.0, 0.0], vec![1.0, 2.0, 3.0, 4.0, 5.0]);
    let vector = |values: &[f64]| Array::vector(values.to_vec());
    let row = |values: &[f64]| Array::f64([1, values.len()], values.to_vec()).unwrap();
    let padded = |values: &[f64]| row(&[values, &[0.0, 0.0]].concat());
    let mask = || Array::bool([1, 7], vec![true, true, true, true, true, false, false]).unwrap();
    let offsets = || Array::i64([2], vec![0, 5]).unwrap();
    let one = || Array::i64([1], vec![5]).unwrap();
    let forms = [
        ("one", vec![("x", vector(&x)), ("y", vector(&y)), ("N", Array::i64([], vec![5]).unwrap())]),
        ("rectangular", vec![("x", row(&x)), ("y", row(&y)), ("N", one())]),
        ("broadcast", vec![("x", row(&x)), ("y", row(&y)), ("N", Array::i64([], vec![5]).unwrap())]),
        (
            "ragged",
            vec![
                ("x", vector(&x)),
                ("y", vector(&y)),
                ("N", one()),
                ("x.offsets", offsets()),
                ("y.offsets", offsets()),
            ],
        ),
        ("padded", vec![("x", padded(&x)), ("y", padded(&y)), ("N", one()), ("x_mask", mask()), ("y_mask", mask())]),
    ];
    let mut results = Vec::new();
    for (name, arrays) in &forms {
        let path = format!("{name}.npz");
        npz::write(dir.join(&path), arrays.iter().map(|(key, array)| (*key, array))).unwrap();
        let out = format!("{name}-draws.npz");
        let model = model.to_str().unwrap();
        succeed(dir, &["sample", "--model", model, "--data", &path, "--draws", "4", "--out", &out]);
        results.push((name, read(dir.join(out))));
    }
    for (name, draws) in &results {
        assert_eq!(draws["beta"].shape(), [1, 4, 2]);
        assert_eq!(draws["beta"], results[0].1["beta"], "{name}");
    }
}

#[test]
fn training_is_reproducible_and_never_overwrites() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("tiny.toml"), TINY).unwrap();
    let first = succeed(dir, &["train", "--config", "tiny.toml", "--json"]);
    let events: Vec<serde_json::Value> =
        first.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect();
    let of = |kind: &str| events.iter().filter(|e| e["event"] == kind).count();
    assert_eq!((of("start"), of("epoch"), of("trained"), of("done")), (1, 2, 1, 1), "{events:?}");
    assert!(events.iter().filter(|e| e["event"] == "epoch").all(|e| e["loss"].is_f64()));

    let again = succeed(dir, &["train", "--config", "tiny.toml", "--threads", "2"]);
    assert!(again.stdout.contains("runs/linear-regression-2"), "{}", again.stdout);
    let config = "runs/linear-regression/config.toml";
    succeed(dir, &["train", "--config", config, "--out", "third"]);
    let bytes = |run: &str| std::fs::read(dir.join(run).join("model.safetensors")).unwrap();
    assert_eq!(bytes("runs/linear-regression"), bytes("runs/linear-regression-2"), "threads");
    assert_eq!(bytes("runs/linear-regression"), bytes("third"), "config");
    assert_eq!(std::fs::read(dir.join(config)).unwrap(), std::fs::read(dir.join("third/config.toml")).unwrap());

    let before = cli_support::listing(dir);
    let complete = succeed(dir, &["train", "--resume", "--out", "third"]);
    assert!(complete.stdout.contains("complete; nothing is left"), "{}", complete.stdout);
    assert_eq!(cli_support::listing(dir), before);
    let csv = std::fs::read_to_string(dir.join("third/history.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 8);
    assert!(csv.starts_with("step,epoch,loss,validation_loss,learning_rate,gradient_norm,seconds\n"));
}

/// Arrays of the user's own: integers and booleans as data, bounds, conditions, vectors and sets.
#[test]
fn own_arrays() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let count = 60;
    let column = |f: &dyn Fn(usize) -> f64| (0..count).map(f).collect::<Vec<_>>();
    let a = column(&|i| 0.1 + 0.015 * i as f64);
    let arrays = [
        ("a", Array::vector(a)),
        ("b", Array::f64([count, 2], (0..2 * count).map(|i| (i as f64).sin()).collect()).unwrap()),
        ("counts", Array::i64([count, 3], (0..3 * count as i64).map(|i| i % 7).collect()).unwrap()),
        ("flag", Array::bool([count], (0..count).map(|i| i % 2 == 0).collect()).unwrap()),
        ("same", Array::f64([count], vec![4.0; count]).unwrap()),
        ("unrelated", Array::vector(vec![1.0])),
        ("sets", Array::f64([count, 4, 2], (0..8 * count).map(|i| (i as f64).cos()).collect()).unwrap()),
    ];
    npz::write(dir.join("sims.npz"), arrays.iter().map(|(key, array)| (*key, array))).unwrap();
    let tail = TINY.split_once("[inference_network]").unwrap().1;
    let config = format!(
        "threads = 1\n[training]\nepochs = 2\nbatch_size = 16\n[diagnostics]\ndatasets = 10\ndraws = 10\n\
         [inference_network]{tail}"
    );
    std::fs::write(dir.join("own.toml"), config).unwrap();
    let common = ["train", "--config", "own.toml", "--data", "sims.npz", "--parameters", "a,b", "--lower", "a=0"];
    let vector = ["--data-variables", "counts", "--conditions", "flag,same", "--upper", "a=2", "--out", "vector"];
    let shown = succeed(dir, &[&common[..], &vector].concat()).stdout;
    assert!(shown.contains("inference conditions") && !shown.contains("summary network"), "{shown}");
    let sets = ["--data-variables", "sets", "--conditions", "same", "--validation", "12", "--out", "sets"];
    let shown = succeed(dir, &[&common[..], &sets].concat()).stdout;
    assert!(shown.contains("summary network") && shown.contains("12 of 60 simulations are held out"), "{shown}");
    for (model, width) in [("vector/model.safetensors", 2), ("sets/model.safetensors", 2)] {
        succeed(dir, &["sample", "--model", model, "--data", "sims.npz", "--draws", "5", "--out", "draws.npz"]);
        let draws = read(dir.join("draws.npz"));
        assert_eq!(draws["b"].shape(), [count, 5, width]);
        assert!(draws["a"].to_f64().iter().all(|a| *a > 0.0));
        succeed(dir, &["log-prob", "--model", model, "--data", "sims.npz", "--out", "lp.npz"]);
        assert_eq!(read(dir.join("lp.npz"))["log_prob"].shape(), [count]);
    }
    assert!(read(dir.join("draws.npz")).len() == 2);
    let again = succeed(dir, &["train", "--config", "vector/config.toml", "--out", "again"]);
    assert!(again.stdout.contains("again"), "{}", again.stdout);
    let bytes = |run: &str| std::fs::read(dir.join(run).join("model.safetensors")).unwrap();
    assert_eq!(bytes("vector"), bytes("again"));
}

/// A fixed number of simulations, with the validation taken out of it.
#[test]
fn budget() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("tiny.toml"), TINY).unwrap();
    let arguments = ["train", "--config", "tiny.toml", "--budget", "100", "--epochs", "2", "--out", "run"];
    let shown = succeed(dir, &arguments).stdout;
    assert!(shown.contains("10 of 100 simulations are held out"), "{shown}");
    let csv = std::fs::read_to_string(dir.join("run/history.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 2 * 12, "90 simulations in batches of 8");
    assert_eq!(csv.lines().filter(|l| l.split(',').nth(3).is_some_and(|v| v.parse::<f64>().is_ok())).count(), 2);
    assert_eq!(ferroflow(dir, &["inspect", "run/model.safetensors"]).status, Some(0));
}

#[test]
fn estimates_ratios_and_likelihoods() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let short = ["--epochs", "1", "--batches-per-epoch", "20", "--threads", "1"];
    succeed(dir, &["simulate", "two-moons", "--count", "4", "--out", "data.npz"]);
    succeed(dir, &[&["train", "two-moons", "--learn", "estimates", "--out", "e"][..], &short].concat());
    succeed(dir, &["estimate", "--model", "e/model.safetensors", "--data", "data.npz", "--out", "estimates.npz"]);
    let estimates = read(dir.join("estimates.npz"));
    assert_eq!(estimates["parameters/mean"].shape(), [4, 2]);
    assert_eq!(estimates["parameters/quantiles"].shape(), [4, 3, 2]);
    let quantiles = estimates["parameters/quantiles"].to_f64();
    assert!(quantiles.chunks(6).all(|q| q[0] <= q[2] && q[2] <= q[4] && q[1] <= q[3] && q[3] <= q[5]), "ascending");
    assert!(dir.join("e/report.html").exists());
    let refused = ["sample", "--model", "e/model.safetensors", "--data", "data.npz", "--draws", "3", "--out", "d.npz"];
    assert!(ferroflow(dir, &refused).stderr.contains("no rule with a distribution"));

    succeed(dir, &[&["train", "two-moons", "--learn", "ratio", "--out", "r"][..], &short].concat());
    succeed(
        dir,
        &["sample", "--model", "r/model.safetensors", "--data", "data.npz", "--draws", "40", "--out", "r.npz"],
    );
    assert_eq!(read(dir.join("r.npz"))["parameters"].shape(), [4, 40, 2]);
    assert!(read(dir.join("r.npz"))["parameters"].to_f64().iter().all(|p| p.abs() <= 1.0), "inside of the prior");
    succeed(dir, &["log-prob", "--model", "r/model.safetensors", "--data", "data.npz", "--out", "l.npz"]);
    assert_eq!(read(dir.join("l.npz"))["log_ratio"].shape(), [4]);

    succeed(dir, &[&["train", "two-moons", "--learn", "likelihood", "--out", "l"][..], &short].concat());
    succeed(dir, &["sample", "--model", "l/model.safetensors", "--data", "data.npz", "--draws", "5", "--out", "s.npz"]);
    assert_eq!(read(dir.join("s.npz"))["observables"].shape(), [4, 5, 2]);
    for model in ["e", "r", "l"] {
        let text = succeed(dir, &["inspect", &format!("{model}/model.safetensors")]).stdout;
        assert!(text.contains("trainable weights"), "{text}");
    }
}

/// Elements of sets are scored one by one; their sum is the density of the set.
#[test]
fn the_likelihood_of_sets() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let short = ["--learn", "likelihood", "--epochs", "1", "--batches-per-epoch", "10", "--seed", "2"];
    succeed(dir, &["simulate", "linear-regression", "--count", "60", "--seed", "7", "--out", "data.npz"]);
    let log_prob = |model: &str, data: &str, out: &str| {
        succeed(dir, &["log-prob", "--model", model, "--data", data, "--out", out]);
        read(dir.join(out))["log_prob"].to_f64()
    };
    let trained = succeed(dir, &[&["train", "linear-regression", "--out", "l"][..], &short].concat()).stdout;
    assert!(trained.contains("of each element of a set"), "{trained}");
    let whole = log_prob("l/model.safetensors", "data.npz", "whole.npz");
    assert_eq!(whole.len(), 60);
    // Each set in two parts: the logarithms add up.
    let data = read(dir.join("data.npz"));
    let offsets: Vec<usize> = data["x.offsets"].to_f64().into_iter().map(|o| o as usize).collect();
    let mut halves = vec![0.0; 60];
    for part in 0..2 {
        let range = |pair: &[usize]| match part {
            0 => pair[0]..pair[0] + 1,
            _ => pair[0] + 1..pair[1],
        };
        let mut ends = vec![0];
        offsets.windows(2).for_each(|pair| ends.push(ends[ends.len() - 1] + range(pair).len() as i64));
        let mut own = data.clone();
        for key in ["x", "y"] {
            let values = data[key].to_f64();
            let chosen: Vec<f64> = offsets.windows(2).flat_map(|pair| values[range(pair)].to_vec()).collect();
            let shape: Vec<usize> =
                std::iter::once(chosen.len()).chain(data[key].shape()[1..].iter().copied()).collect();
            own.insert(key.into(), Array::f64(shape, chosen).unwrap());
            own.insert(format!("{key}.offsets"), Array::i64([ends.len()], ends.clone()).unwrap());
        }
        npz::write(dir.join("half.npz"), own.iter().map(|(key, array)| (key.as_str(), array))).unwrap();
        for (sum, value) in halves.iter_mut().zip(log_prob("l/model.safetensors", "half.npz", "half_out.npz")) {
            *sum += value;
        }
    }
    let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-3 * (1.0 + a.abs());
    assert!(whole.iter().zip(&halves).all(close), "{whole:?} {halves:?}");
    // From a file, with validation; the run's configuration trained again gives the same model.
    let file = ["train", "--data", "data.npz", "--parameters", "beta,sigma", "--data-variables", "x,y", "--out", "f"];
    succeed(dir, &[&file[..], &short].concat());
    succeed(dir, &["train", "--config", "f/config.toml", "--out", "again"]);
    let model = |name: &str| std::fs::read(dir.join(name).join("model.safetensors")).unwrap();
    assert!(model("f") == model("again"), "another model");
    assert!(log_prob("f/model.safetensors", "data.npz", "file.npz").iter().all(|l| l.is_finite()));
    succeed(dir, &["sample", "--model", "f/model.safetensors", "--data", "data.npz", "--draws", "3", "--out", "s.npz"]);
    assert_eq!(read(dir.join("s.npz"))["y"].shape()[..2], [60, 3]);
    let diagnose = ["diagnose", "--model", "l/model.safetensors", "--count", "20", "--draws", "20", "--out", "d"];
    assert!(succeed(dir, &diagnose).stdout.contains("20"));
}

#[test]
fn ensembles_are_trained_and_merged() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("run.toml"), TINY).unwrap();
    succeed(dir, &["simulate", "linear-regression", "--count", "5", "--seed", "7", "--out", "data.npz"]);
    let trained = succeed(dir, &["train", "--config", "run.toml", "--members", "3", "--out", "e"]).stdout;
    assert!(trained.contains("Disagreement of 3 members about sigma"), "{trained}");
    for name in ["0/model.safetensors", "2/model.safetensors", "2/history.csv", "report.html", "config.toml"] {
        assert!(dir.join("e").join(name).exists(), "{name}");
    }
    // The first member is the run without the others.
    succeed(dir, &["train", "--config", "run.toml", "--out", "alone"]);
    let models = ["e/0/model.safetensors", "e/1/model.safetensors", "e/2/model.safetensors"];
    let log_prob = |models: &[&str]| {
        succeed(dir, &[&["log-prob", "--model"], models, &["--data", "data.npz", "--out", "l.npz"]].concat());
        read(dir.join("l.npz"))["log_prob"].to_f64()
    };
    assert_eq!(log_prob(&models[..1]), log_prob(&["alone/model.safetensors"]));
    let each: Vec<Vec<f64>> = models.iter().map(|model| log_prob(&[model])).collect();
    for (row, together) in log_prob(&models).into_iter().enumerate() {
        let mean = each.iter().map(|one| one[row].exp()).sum::<f64>() / 3.0;
        assert!((together - mean.ln()).abs() < 1e-9, "{together} for {}", mean.ln());
    }
    let sample = [&["sample", "--model"], &models[..], &["--data", "data.npz", "--draws", "40", "--out", "d.npz"]];
    let text = succeed(dir, &sample.concat()).stdout;
    assert!(text.contains("disagreement of 3 models about sigma"), "{text}");
    assert_eq!(read(dir.join("d.npz"))["beta"].shape(), [5, 40, 2]);
    let before = cli_support::listing(dir);
    let complete = succeed(dir, &["train", "--resume", "--members", "3", "--out", "e"]).stdout;
    assert!(complete.contains("complete; nothing is left"), "{complete}");
    assert_eq!(cli_support::listing(dir), before);
    // A member that is missing starts anew, and the report is written again.
    let model = || std::fs::read(dir.join(models[1])).unwrap();
    let second = model();
    std::fs::remove_dir_all(dir.join("e/1")).unwrap();
    std::fs::remove_file(dir.join("e/report.html")).unwrap();
    succeed(dir, &["train", "--resume", "--threads", "2", "--out", "e"]);
    assert!(model() == second, "another model");
    assert!(dir.join("e/report.html").exists());
    // The epochs of members are told apart.
    let events = succeed(dir, &["train", "--config", "run.toml", "--members", "2", "--json", "--out", "j"]).stdout;
    let count = |member: &str| events.lines().filter(|line| line.contains(&format!("\"member\":\"{member}\""))).count();
    assert_eq!((count("0"), count("1")), (2, 2), "{events}");
}

/// Estimates, ratios, and simulations in the files of a folder.
#[test]
fn ensembles_of_other_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let short = ["--members", "2", "--epochs", "1", "--batches-per-epoch", "20", "--threads", "1"];
    succeed(dir, &["simulate", "two-moons", "--count", "4", "--out", "data.npz"]);
    let models = |run: &str| [0, 1].map(|member| format!("{run}/{member}/model.safetensors"));
    let with = |command: &str, models: &[String], out: &str| {
        let models: Vec<&str> = models.iter().map(String::as_str).collect();
        succeed(dir, &[&[command, "--model"], &models[..], &["--data", "data.npz", "--out", out]].concat())
    };
    let trained = succeed(dir, &[&["train", "two-moons", "--learn", "estimates", "--out", "e"][..], &short].concat());
    assert!(trained.stdout.contains("Disagreement of 2 members about parameters (mean)"), "{}", trained.stdout);
    assert!(dir.join("e/report.html").exists());
    assert!(with("estimate", &models("e"), "estimates.npz").stdout.contains("standard deviation of 2 models"));
    let estimates = read(dir.join("estimates.npz"));
    assert_eq!(estimates["parameters/quantiles"].shape(), [4, 3, 2]);
    let [mean, first, second] =
        ["", "members/0/", "members/1/"].map(|prefix| estimates[&format!("{prefix}parameters/mean")].to_f64());
    for i in 0..mean.len() {
        assert!((mean[i] - 0.5 * (first[i] + second[i])).abs() < 1e-12, "{} {} {}", mean[i], first[i], second[i]);
    }

    succeed(dir, &[&["train", "two-moons", "--learn", "ratio", "--out", "r"][..], &short].concat());
    let log_ratio = |models: &[String]| {
        with("log-prob", models, "l.npz");
        read(dir.join("l.npz"))["log_ratio"].to_f64()
    };
    let [first, second] = models("r").map(|model| log_ratio(&[model]));
    for (row, together) in log_ratio(&models("r")).into_iter().enumerate() {
        let mean = 0.5 * (first[row].exp() + second[row].exp());
        assert!((together - mean.ln()).abs() < 1e-9, "{together} for {}", mean.ln());
    }
    let [a, b] = models("r");
    let refused = ["sample", "--model", &a, &b, "--data", "data.npz", "--draws", "9", "--out", "d.npz"];
    assert!(ferroflow(dir, &refused).stderr.contains("not sampled from together"));

    succeed(dir, &["simulate", "two-moons", "--count", "24", "--shard-size", "8", "--out", "shards/"]);
    let roles = ["--data", "shards", "--parameters", "parameters", "--data-variables", "observables"];
    let length = ["--epochs", "2", "--threads", "1", "--seed", "3"];
    succeed(dir, &[&["train", "--out", "f", "--members", "2"], &roles[..], &length].concat());
    succeed(dir, &[&["train", "--out", "alone"], &roles[..], &length].concat());
    let log_prob = |model: &str| {
        with("log-prob", &[model.to_string()], "l.npz");
        read(dir.join("l.npz"))["log_prob"].to_f64()
    };
    assert_eq!(log_prob("f/0/model.safetensors"), log_prob("alone/model.safetensors"), "the first as without others");
    assert!(log_prob("f/0/model.safetensors") != log_prob("f/1/model.safetensors"));
}

#[test]
fn models_are_compared() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let models = "gaussian-linear,gaussian-linear-uniform";
    let short = ["--epochs", "2", "--batches-per-epoch", "50", "--threads", "1"];
    let train = ["compare", "--simulators", models, "--data", "data.npz", "--out", "c"];
    succeed(dir, &["simulate", "gaussian-linear-uniform", "--count", "3", "--out", "data.npz"]);
    succeed(dir, &[&train[..], &short].concat());
    let first = read(dir.join("c/probabilities.npz"));
    let probabilities = first["model_probabilities"].to_f64();
    assert_eq!(first["model_probabilities"].shape(), [3, 2]);
    assert!(probabilities.chunks(2).all(|p| (p[0] + p[1] - 1.0).abs() < 1e-6 && p[1] > 0.5), "{probabilities:?}");
    for name in ["model.safetensors", "report.html", "metrics.json", "mc_calibration.svg", "mc_confusion_matrix.svg"] {
        assert!(dir.join("c").join(name).exists(), "{name}");
    }
    succeed(dir, &["compare", "--model", "c/model.safetensors", "--data", "data.npz", "--out", "again"]);
    assert_eq!(read(dir.join("again/probabilities.npz")), first);
    let resume = ["compare", "--resume", "--out", "c"];
    assert!(succeed(dir, &resume).stdout.contains("is complete"));
    let other = ferroflow(dir, &[&resume[..], &["--seed", "9"]].concat());
    assert!(other.status == Some(2) && other.stderr.contains("seed = 9 is new"), "{other:?}");
    // Killed once the first epoch is complete, and resumed on another number of threads: the same bits.
    let long = ["--epochs", "40", "--batches-per-epoch", "20", "--threads", "1"];
    let whole = ["compare", "--simulators", models, "--data", "data.npz", "--out", "whole"];
    succeed(dir, &[&whole[..], &long].concat());
    let mut started = command(dir, &[&["compare", "--simulators", models, "--out", "killed"][..], &long].concat());
    let mut child = started.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let history = dir.join("killed/history.csv");
    while std::fs::read_to_string(&history).map_or(0, |text| text.lines().count()) < 2 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.join("killed/report.html").exists());
    let resumed =
        succeed(dir, &["compare", "--resume", "--out", "killed", "--data", "data.npz", "--threads", "2"]).stdout;
    assert!(resumed.contains("going on after epoch"), "{resumed}");
    assert_eq!(read(dir.join("killed/probabilities.npz")), read(dir.join("whole/probabilities.npz")));
    // The same from files, one for each model.
    for (file, name) in [("a.npz", "gaussian-linear"), ("b.npz", "gaussian-linear-uniform")] {
        succeed(dir, &["simulate", name, "--count", "400", "--seed", "5", "--out", file]);
    }
    let files = ["compare", "--simulators", "a.npz,b.npz", "--data-variables", "observables", "--data", "data.npz"];
    let text = succeed(dir, &[&files[..], &["--epochs", "10", "--threads", "1", "--out", "f"]].concat()).stdout;
    assert!(text.contains("accuracy") && text.contains("data set"), "{text}");
    assert_eq!(read(dir.join("f/probabilities.npz"))["log_bayes_factors"].shape(), [3, 2]);
}
