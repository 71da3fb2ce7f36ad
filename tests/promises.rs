//! The four promises against the truth: likelihood, refinement, model comparison, misspecification. They train networks, so that
//! they run on request: `cargo test --release --test promises -- --ignored --nocapture`. Results are in benches/results/promises.txt.

use std::f64::consts::PI;

use ferroflow::data::Record;
use ferroflow::diagnostics::expected_calibration_error;
use ferroflow::distributions::DiagonalNormal;
use ferroflow::prelude::*;
use ferroflow::simulators::{self, Composition, Kind, exact_posterior};
use ferroflow::workflow::{Defaults, Roles, SimulatorDensity};
use ferroflow::{make_simulator, mcmc::Nuts};
use rand_distr::{Distribution, StandardNormal};

fn normal(rng: &mut Stream) -> f64 {
    StandardNormal.sample(rng)
}

fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) = values.into_iter().fold((0.0, 0usize), |(sum, count), v| (sum + v, count + 1));
    sum / count as f64
}

/// ln p(data) of the Gaussian linear task after 50 000 simulations: error below 0.1 nats per data dimension.
#[test]
#[ignore = "trains for minutes"]
fn likelihood_of_the_gaussian_linear_task() {
    let simulator = simulators::find("gaussian-linear").unwrap();
    let data = simulator.simulate(50_000, 1).unwrap();
    let roles = Roles::of_simulator(&*simulator).unwrap();
    let mut likelihood = LikelihoodWorkflow::from_simulations(&roles, &data, 1).unwrap();
    let rows: Vec<usize> = (0..50_000).collect();
    let (held_out, training) = (data.select(&rows[..1000]).unwrap(), data.select(&rows[1000..]).unwrap());
    let fit = Defaults::for_roles(&roles, &data).unwrap().for_fixed_simulations(49_000).fit;
    likelihood.fit_offline(training, Fit { epochs: 30, ..fit }, Validation::Data(held_out)).unwrap();
    let test = simulator.simulate(2000, 2).unwrap();
    let learned = likelihood.log_prob(&test).unwrap();
    let exact = simulator.log_likelihood(&test).unwrap().unwrap();
    let error = mean(learned.iter().zip(&exact).map(|(l, e)| (l - e).abs()));
    println!("likelihood: mean absolute error {error:.3} nats, {:.4} per data dimension", error / 10.0);
    assert!(error / 10.0 < 0.1);
}

/// ln p(x) of a conjugate model from learned posterior and likelihood: within 0.05 nats on average over 100 data sets.
#[test]
#[ignore = "trains for a minute"]
fn evidence_of_a_conjugate_model() {
    let prior = |rng: &mut Stream, _: &View| Ok(Draw::new().with("mu", vec![normal(rng), normal(rng)]));
    let data = |rng: &mut Stream, given: &View| {
        let x: Vec<f64> = given.vector("mu")?.iter().map(|mu| mu + 0.7 * normal(rng)).collect();
        Ok(Draw::new().with("x", x))
    };
    let density = |x: f64, variance: f64| -0.5 * (x * x / variance + (2.0 * PI * variance).ln());
    let simulator = make_simulator! { prior, data }
        .variable(simulators::Variable::parameter("mu"))
        .variable(simulators::Variable::data("x"))
        .log_prior(move |given| Ok(given.vector("mu")?.iter().map(|mu| density(*mu, 1.0)).sum()));
    let mut joint = JointWorkflow::for_simulator(simulator, 1).unwrap();
    let fit = Fit { epochs: 30, batches_per_epoch: 100, batch_size: 128, learning_rate: 2e-3, ..Fit::default() };
    joint.fit_online(fit).unwrap();
    let observed = joint.posterior().simulate(100).unwrap();
    let evidence = joint.log_evidence(&observed, 1000).unwrap();
    let x = observed.column("x").unwrap().array.to_f64();
    let exact = x.chunks(2).map(|x| density(x[0], 1.49) + density(x[1], 1.49));
    let error = mean(evidence.iter().zip(exact).map(|(e, exact)| (e.value - exact).abs()));
    let claimed = mean(evidence.iter().map(|e| e.standard_error));
    println!("evidence: mean absolute error {error:.4} nats, claimed Monte Carlo error {claimed:.4}");
    assert!(error < 0.05);
}

/// A posterior that was trained too briefly, weighted by the likelihood, against the exact one of the linear regression; and
/// data that no simulation resembles.
#[test]
#[ignore = "trains for half a minute"]
fn weights_mend_a_posterior_that_was_trained_too_briefly() {
    let simulator = LinearRegression::default();
    let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default()).unwrap().seed(1).build().unwrap();
    workflow.fit_online(Fit { epochs: 4, ..Fit::for_regression() }).unwrap();
    let observed = workflow.simulate(50).unwrap();
    let refined = workflow.refine(&observed, 4000, &SimulatorDensity(&simulator)).unwrap();
    let draws = refined.draws.column("beta").unwrap().array.to_f64();
    let (x, y) = (observed.column("x").unwrap(), observed.column("y").unwrap());
    let offsets = x.offsets.clone().unwrap();
    let (xs, ys) = (x.array.to_f64(), y.array.to_f64());
    let (mut before, mut after, mut reliable) = (Vec::new(), Vec::new(), 0);
    for dataset in 0..50 {
        let elements = offsets[dataset]..offsets[dataset + 1];
        let exact = exact_posterior(&xs[elements.clone()], &ys[elements]).unwrap();
        let weights = &refined.weights[dataset];
        if !weights.is_reliable() {
            continue;
        }
        reliable += 1;
        for dim in 0..2 {
            let value = |k: usize| draws[(dataset * 4000 + k) * 2 + dim];
            let plain = mean((0..4000).map(value));
            let weighted: f64 = weights.log_weights.iter().enumerate().map(|(k, w)| w.exp() * value(k)).sum();
            before.push((plain - exact.mean[dim]).abs() / exact.sd[dim]);
            // In units of the sampling error of so many independent draws.
            after.push((weighted - exact.mean[dim]).abs() / exact.sd[dim] * weights.effective_draws.sqrt());
        }
    }
    let k_hats: Vec<f64> = refined.weights.iter().map(|w| w.k_hat).collect();
    println!(
        "refinement: {reliable} of 50 data sets reliable, mean k-hat {:.2}; mean error of β before {:.3} sd, after {:.3} sampling errors",
        mean(k_hats.iter().copied().filter(|k| k.is_finite())),
        mean(before.iter().copied()),
        mean(after.iter().copied())
    );
    // The mean of |z| is 0.80 for standard normal z.
    assert!(reliable >= 30 && mean(after.iter().copied()) < 1.2);

    let mut far = observed.select(&[0, 1, 2, 3, 4]).unwrap();
    let y = far.column("y").unwrap().clone();
    let higher = y.array.to_f64().iter().map(|y| 30.0 + 5.0 * y).collect();
    far.insert("y", Column { array: Array::f64(y.array.shape(), higher).unwrap(), ..y });
    let refined = workflow.refine(&far, 2000, &SimulatorDensity(&simulator)).unwrap();
    let unreliable = refined.unreliable();
    println!("far data: {} of 5 unreliable; {}", unreliable.len(), refined.weights[0].sentence());
    assert_eq!(unreliable.len(), 5);
    assert!(workflow.warn_atypical(&far).unwrap().is_some());

    // Where weights do not help, the sampler does: against the exact posterior of the first data set.
    let nuts = Nuts { warmup: 500, draws: 500, ..Nuts::default() };
    let one = observed.select(&[0]).unwrap();
    let (sampled, chains) = workflow.sample_exactly(&one, &SimulatorDensity(&simulator), &nuts).unwrap();
    let exact = exact_posterior(&xs[..offsets[1]], &ys[..offsets[1]]).unwrap();
    let beta = sampled.column("beta").unwrap().array.to_f64();
    for dim in 0..2 {
        let own: Vec<f64> = beta.iter().skip(dim).step_by(2).copied().collect();
        let error = (mean(own.iter().copied()) - exact.mean[dim]).abs() / exact.sd[dim];
        println!("sampler: β{dim} off by {error:.3} sd; {}", chains[0].verdict().sentence);
        assert!(error < 0.15);
    }
}

/// Two nested regressions with closed-form evidence: y = a + ε, and y = a + b t + ε, at ten fixed times, all coefficients and the
/// noise standard normal.
#[test]
#[ignore = "trains for minutes"]
fn probabilities_of_nested_regressions() {
    let times: Vec<f64> = (0..10).map(|i| i as f64 / 4.5 - 1.0).collect();
    let model = |slope: bool| -> Composition<'static> {
        let times = times.clone();
        let prior = |rng: &mut Stream, _: &View| Ok(Draw::new().with("a", normal(rng)).with("b", normal(rng)));
        let data = move |rng: &mut Stream, given: &View| {
            let (a, b) = (given.scalar("a")?, if slope { given.scalar("b")? } else { 0.0 });
            let y: Vec<f64> = times.iter().map(|t| a + b * t + normal(rng)).collect();
            Ok(Draw::new().with("y", y))
        };
        make_simulator! { prior, data }
            .variable(simulators::Variable::parameter("a"))
            .variable(simulators::Variable::data("y").kind(Kind::Vector))
    };
    let mut comparison =
        ComparisonWorkflow::for_simulators([("flat", model(false)), ("sloped", model(true))], 1).unwrap();
    let fit = Fit { epochs: 40, batches_per_epoch: 200, batch_size: 128, learning_rate: 1e-3, ..Fit::default() };
    comparison.fit_online(fit).unwrap();
    let test = comparison.simulate(500).unwrap();
    let predictions = comparison.predict(&test).unwrap();
    let y = test.column("y").unwrap().array.to_f64();
    // The times are symmetric: intercept and slope are independent, and the Bayes factor is that of the slope alone.
    let (n, s): (f64, f64) = (10.0, times.iter().map(|t| t * t).sum());
    let exact = y.chunks(10).map(|y| {
        let product: f64 = y.iter().zip(&times).map(|(y, t)| y * t).sum();
        let log_factor = 0.5 * product * product / (1.0 + s) - 0.5 * (1.0 + s).ln();
        1.0 / (1.0 + (-log_factor).exp())
    });
    let exact: Vec<f64> = exact.collect();
    let error = mean(predictions.rows.iter().zip(&exact).map(|(row, exact)| (row[1] - exact).abs()));
    let diagnosis = comparison.diagnose(5000).unwrap();
    // With 500 data sets even exact probabilities have an expected calibration error; on the same data sets the network's may
    // be little larger.
    let truth = test.column("model_indices").unwrap().array.to_f64();
    let of_exact: Vec<f64> = exact.iter().flat_map(|p| [1.0 - p, *p]).collect();
    let of_exact = expected_calibration_error(&of_exact, &truth, &["flat", "sloped"], 10).unwrap().metric.values;
    let of_network = comparison.diagnose_on(&test).unwrap().calibration.metric.values;
    println!(
        "model comparison: mean absolute error {error:.4} over {} data sets of {n} points; expected calibration error {:.4?} (5000 data sets), \
         {of_network:.4?} (these 500; {of_exact:.4?} of the exact probabilities)",
        predictions.rows.len(),
        diagnosis.calibration.metric.values,
    );
    assert!(error <= 0.03 && diagnosis.calibration.metric.values.iter().all(|e| *e <= 0.03));
    assert!(of_network.iter().zip(&of_exact).all(|(network, exact)| *network <= exact + 0.03));
}

/// Fifty data sets at a time, clean or shifted by one prior-predictive standard deviation.
#[test]
#[ignore = "trains for a minute"]
fn shifted_data_are_flagged_and_clean_data_are_not() {
    let prior = |rng: &mut Stream, _: &View| Ok(Draw::new().with("mu", normal(rng)));
    let data = |rng: &mut Stream, given: &View| {
        let mu = given.scalar("mu")?;
        let x: Vec<f64> = (0..20).map(|_| mu + normal(rng)).collect();
        Ok(Draw::new().with("x", simulators::set(x)))
    };
    let simulator = make_simulator! { prior, data }
        .variable(simulators::Variable::parameter("mu"))
        .variable(simulators::Variable::data("x").kind(Kind::Set));
    let network = DeepSet { summary_dim: 4, embed_dim: 32, mlp_widths: vec![32], dropout: 0.0, ..DeepSet::default() };
    let mut workflow = BasicWorkflow::for_simulator(simulator)
        .unwrap()
        .summary_network(network)
        .summary_distribution(DiagonalNormal::default())
        .seed(1)
        .build()
        .unwrap();
    let fit = Fit { epochs: 10, batches_per_epoch: 200, learning_rate: 2e-3, ..Fit::default() };
    workflow.fit_online(fit).unwrap();
    // Each repetition has a reference of its own: the level of a test holds over both samples.
    let all = workflow.simulate(450 * 500).unwrap();
    let rows = |from: usize, count: usize| all.select(&(from..from + count).collect::<Vec<_>>()).unwrap();
    // One element has variance 1 of the prior and 1 of the noise.
    let shifted = |data: &Record| {
        let column = data.column("x").unwrap();
        let values = column.array.to_f64().iter().map(|x| x + 2f64.sqrt()).collect();
        let array = Array::f64(column.array.shape(), values).unwrap();
        let mut record = data.clone();
        record.insert("x", Column { array, ..column.clone() });
        record
    };
    let (mut found, mut alarms) = (0, 0);
    for repeat in 0..500 {
        let (clean, reference) = (rows(450 * repeat, 50), rows(450 * repeat + 50, 400));
        let p = |data: &Record| workflow.summary_space_comparison(data, &reference, 100).unwrap().p_value;
        alarms += usize::from(p(&clean) <= 0.05);
        found += usize::from(p(&shifted(&clean)) <= 0.05);
    }
    let (power, level) = (found as f64 / 500.0, alarms as f64 / 500.0);
    println!("misspecification: power {power:.3}, false alarms {level:.3} at level 0.05 (500 repetitions)");
    assert!(power >= 0.95 && level <= 0.07);
}
