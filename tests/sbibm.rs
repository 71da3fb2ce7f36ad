//! The `sbibm-` simulators against the reference benchmark: observations, fixed arrays and reference posteriors.
//!
//! They lie in the folder that `FERROFLOW_GOLDEN` names; without it these tests say so and pass.

use std::path::PathBuf;

use ferroflow::codecs::{Array, safetensors};
use ferroflow::data::Record;
use ferroflow::random::Key;
use ferroflow::simulators::{Request, Simulator, find};

const TASKS: [&str; 10] = [
    "two_moons",
    "gaussian_linear",
    "gaussian_linear_uniform",
    "gaussian_mixture",
    "slcp",
    "slcp_distractors",
    "bernoulli_glm",
    "bernoulli_glm_raw",
    "sir",
    "lotka_volterra",
];

fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("FERROFLOW_GOLDEN").map(|golden| PathBuf::from(golden).join("sbibm"));
    if folder.as_ref().is_none_or(|folder| !folder.is_dir()) {
        eprintln!("SKIPPED: set FERROFLOW_GOLDEN to the folder that holds sbibm/*/task.json");
        return None;
    }
    folder
}

fn simulator(task: &str) -> Box<dyn Simulator> {
    find(&format!("sbibm-{}", task.replace('_', "-"))).unwrap()
}

/// A column of a file, as rows.
fn rows(task: &str, file: &str, key: &str) -> Vec<Vec<f64>> {
    let array = safetensors::read(folder().unwrap().join(task).join(file)).unwrap().arrays[key].clone();
    let width = *array.shape().last().unwrap();
    array.to_f64().chunks(width).map(<[f64]>::to_vec).collect()
}

fn observation(task: &str, number: usize, key: &str) -> Vec<f64> {
    rows(task, &format!("obs_{number:02}.safetensors"), key).remove(0)
}

fn column(rows: &[Vec<f64>]) -> Array {
    Array::f64([rows.len(), rows[0].len()], rows.concat()).unwrap()
}

/// Parameters beside one observation, repeated.
fn joint(theta: &[Vec<f64>], x: &[f64]) -> Record {
    let repeated = vec![x.to_vec(); theta.len()];
    Record::new().with("parameters", column(theta)).with("observables", column(&repeated))
}

fn log_likelihood(simulator: &dyn Simulator, theta: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
    simulator.log_likelihood(&joint(theta, x)).unwrap().expect("a density in closed form")
}

#[test]
fn dimensions_are_those_of_the_tasks() {
    let Some(folder) = folder() else { return };
    for task in TASKS {
        let text = std::fs::read_to_string(folder.join(task).join("task.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let record = simulator(task).simulate(2, 1).unwrap();
        let width = |key: &str| record.column(key).unwrap().array.shape()[1] as u64;
        assert_eq!(json["dim_parameters"], width("parameters"), "{task}");
        assert_eq!(json["dim_data"], width("observables"), "{task}");
    }
}

/// The given observation lies among simulations at its true parameters: the density of the data, where there is one, and
/// each number lie within the range of 4000 simulations.
#[test]
fn observations_are_plausible_at_their_true_parameters() {
    if folder().is_none() {
        return;
    }
    for task in TASKS {
        let simulator = simulator(task);
        for number in 1..=5 {
            let x = observation(task, number, "observation");
            let theta = observation(task, number, "true_parameters");
            let fixed = Record::new().with("parameters", column(std::slice::from_ref(&theta)));
            let count = if task == "slcp_distractors" { 800 } else { 4000 };
            let request = Request::new(count, Key::new(number as u64).fork("simulate")).given(fixed);
            let record = simulator.sample(&request).unwrap();
            let simulated = record.column("observables").unwrap().array.to_f64();
            for (i, value) in x.iter().enumerate() {
                let each = || simulated.iter().skip(i).step_by(x.len());
                let (least, most) = each().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
                // The tails of Student's t with two degrees of freedom are far longer than any sample.
                let tails = if task == "slcp_distractors" { most - least } else { 0.0 };
                let margin = 1e-5 * value.abs() + 1e-6 + tails;
                assert!(
                    (least - margin..=most + margin).contains(value),
                    "{task} {number} {i}: {value} in {least}..{most}"
                );
            }
            if let Some(mut densities) = simulator.log_likelihood(&record).unwrap() {
                densities.sort_by(f64::total_cmp);
                let given = log_likelihood(&*simulator, &[theta], &x)[0];
                assert!(given >= densities[0] - 1.0, "{task} {number}: {given} below {}", densities[0]);
            }
        }
    }
}

/// Stein's identities of a posterior p that vanishes at the ends of its support: the mean of ∂ᵢ log p is 0, and that of
/// (θⱼ − cⱼ) ∂ᵢ log p is −1 for i = j and 0 otherwise. They see an error in any factor of prior or likelihood.
#[test]
fn densities_are_those_of_the_reference_posteriors() {
    if folder().is_none() {
        return;
    }
    for (task, data, draws) in [
        ("gaussian_linear", "gaussian_linear", 10_000),
        ("bernoulli_glm", "bernoulli_glm_raw", 10_000),
        ("sir", "sir", 10_000),
        ("lotka_volterra", "lotka_volterra", 1_000),
    ] {
        let simulator = simulator(data);
        for number in 1..=if task == "lotka_volterra" { 2 } else { 5 } {
            let x = observation(data, number, "observation");
            let mut theta = rows(task, &format!("obs_{number:02}.safetensors"), "reference_posterior_samples");
            theta.truncate(draws);
            let dimension = theta[0].len();
            let count = theta.len() as f64;
            let mean: Vec<f64> = (0..dimension).map(|j| theta.iter().map(|t| t[j]).sum::<f64>() / count).collect();
            let sd: Vec<f64> = (0..dimension)
                .map(|j| (theta.iter().map(|t| (t[j] - mean[j]).powi(2)).sum::<f64>() / count).sqrt())
                .collect();
            for i in 0..dimension {
                let step = 1e-3 * sd[i];
                let log_posterior = |sign: f64| -> Vec<f64> {
                    let mut moved = theta.clone();
                    moved.iter_mut().for_each(|t| t[i] += sign * step);
                    let likelihood = log_likelihood(&*simulator, &moved, &x);
                    let prior = simulator.log_prior(&joint(&moved, &x)).unwrap().unwrap();
                    likelihood.iter().zip(prior).map(|(a, b)| a + b).collect()
                };
                let (above, below) = (log_posterior(1.0), log_posterior(-1.0));
                // In units of the standard deviation.
                let score: Vec<f64> = above.iter().zip(&below).map(|(a, b)| (a - b) / (2.0 * step) * sd[i]).collect();
                let check = |what: &str, terms: Vec<f64>, expected: f64| {
                    let average = terms.iter().sum::<f64>() / count;
                    let variance = terms.iter().map(|t| (t - average).powi(2)).sum::<f64>() / count;
                    // The reference draws of some tasks come from Markov chains and hold fewer independent ones.
                    let bound = 10.0 * (variance / count).sqrt() + 0.01;
                    assert!(
                        (average - expected).abs() < bound,
                        "{task} {number}, {what} {i}: {average}, expected {expected} within {bound}"
                    );
                };
                check("score", score.clone(), 0.0);
                for j in 0..dimension {
                    let terms = theta.iter().zip(&score).map(|(t, s)| (t[j] - mean[j]) / sd[j] * s).collect();
                    check(&format!("score times parameter {j}"), terms, if i == j { -1.0 } else { 0.0 });
                }
            }
        }
    }
}

/// The closed forms of the Gaussian tasks: mean and variance of the reference draws.
#[test]
fn gaussian_posteriors_in_closed_form() {
    if folder().is_none() {
        return;
    }
    for number in 1..=5 {
        for task in ["gaussian_linear", "gaussian_linear_uniform", "gaussian_mixture"] {
            let x = observation(task, number, "observation");
            if task == "gaussian_mixture" && x.iter().any(|x| x.abs() > 6.0) {
                continue; // The box cuts the posterior.
            }
            let draws = rows(task, &format!("obs_{number:02}.safetensors"), "reference_posterior_samples");
            let count = draws.len() as f64;
            for (i, x) in x.iter().enumerate() {
                let mean = draws.iter().map(|d| d[i]).sum::<f64>() / count;
                let variance = draws.iter().map(|d| (d[i] - mean).powi(2)).sum::<f64>() / count;
                let (expected_mean, expected_variance) = match task {
                    "gaussian_linear" => (0.5 * x, 0.05),
                    "gaussian_linear_uniform" => truncated(*x, 0.1f64.sqrt(), -1.0, 1.0),
                    _ => (*x, 0.505),
                };
                let bound = 5.0 * (expected_variance / count).sqrt();
                assert!((mean - expected_mean).abs() < bound, "{task} {number} {i}: {mean} {expected_mean}");
                assert!((variance / expected_variance - 1.0).abs() < 0.1, "{task} {number} {i}: {variance}");
            }
        }
    }
}

/// Mean and variance of a Gaussian that is cut to an interval.
fn truncated(mean: f64, sd: f64, lower: f64, upper: f64) -> (f64, f64) {
    let steps = 20_000;
    let at = |i: usize| lower + (upper - lower) * (i as f64 + 0.5) / steps as f64;
    let weight = |x: f64| (-0.5 * ((x - mean) / sd).powi(2)).exp();
    let total: f64 = (0..steps).map(|i| weight(at(i))).sum();
    let average = (0..steps).map(|i| at(i) * weight(at(i))).sum::<f64>() / total;
    (average, (0..steps).map(|i| (at(i) - average).powi(2) * weight(at(i))).sum::<f64>() / total)
}

/// The files inside the program hold the arrays of the benchmark: the precision of the prior and the design.
#[test]
fn fixed_arrays_are_those_of_the_benchmark() {
    let Some(folder) = folder() else { return };
    let given = safetensors::read(folder.join("bernoulli_glm/simulator.safetensors")).unwrap().arrays;
    let (precision, design) = (given["prior_precision"].to_f64(), given["design_matrix"].to_f64());
    let simulator = simulator("bernoulli_glm_raw");
    // log p(0) − log p(e_i + e_j) is half the quadratic form of the precision.
    let density =
        |theta: Vec<f64>| simulator.log_prior(&Record::new().with("parameters", column(&[theta]))).unwrap().unwrap()[0];
    let peak = density(vec![0.0; 10]);
    for i in 0..10 {
        for j in 0..10 {
            let mut theta = vec![0.0; 10];
            theta[i] += 1.0;
            theta[j] += 1.0;
            let form: f64 = (0..100).map(|e| theta[e / 10] * theta[e % 10] * precision[e]).sum();
            assert!((2.0 * (peak - density(theta)) - form).abs() < 1e-5, "precision {i} {j}");
        }
    }
    // With one response changed, the log-likelihood changes by the row of the design.
    let likelihood = |theta: &[f64], y: &[f64]| log_likelihood(&*simulator, &[theta.to_vec()], y)[0];
    for t in [0, 3, 57, 99] {
        for j in 0..10 {
            let mut theta = vec![0.0; 10];
            theta[j] = 0.7;
            let mut y = vec![0.0; 100];
            let without = likelihood(&theta, &y);
            y[t] = 1.0;
            assert!((likelihood(&theta, &y) - without - 0.7 * design[10 * t + j]).abs() < 1e-6, "design {t} {j}");
        }
    }
}
