//! 4. Posterior and likelihood from the same simulations: evidence, prediction, and weights that correct the posterior.
//!
//! Two positions are measured three times each, with noise. The evidence has a closed form, so that the learned one can be held
//! against it.

use ferroflow::make_simulator;
use ferroflow::prelude::*;
use ferroflow::simulators;
use rand_distr::{Distribution, StandardNormal};

fn main() -> ferroflow::Result<()> {
    let prior = |rng: &mut Stream, _: &View| {
        let position: Vec<f64> = (0..2).map(|_| StandardNormal.sample(rng)).collect();
        Ok(Draw::new().with("position", position))
    };
    let likelihood = |rng: &mut Stream, given: &View| {
        let means = given.vector("position")?.iter().map(|p| {
            // The mean of three measurements with standard deviation one.
            let noise: f64 = StandardNormal.sample(rng);
            p + noise / 3f64.sqrt()
        });
        Ok(Draw::new().with("measured", means.collect::<Vec<f64>>()))
    };
    let normal = |x: f64, variance: f64| -0.5 * (x * x / variance + (2.0 * std::f64::consts::PI * variance).ln());
    let simulator = make_simulator! { prior, likelihood }
        .variable(simulators::Variable::parameter("position"))
        .variable(simulators::Variable::data("measured"))
        .log_prior(move |given| Ok(given.vector("position")?.iter().map(|p| normal(*p, 1.0)).sum()));

    let mut joint = JointWorkflow::for_simulator(simulator, 1)?;
    joint.fit_online(Fit {
        epochs: 10,
        batches_per_epoch: 100,
        batch_size: 128,
        learning_rate: 2e-3,
        ..Fit::default()
    })?;

    let observed = joint.posterior().simulate(100)?;
    let evidence = joint.log_evidence(&observed, 1000)?;
    let measured = observed.column("measured")?.array.to_f64();
    let exact = measured.chunks(2).map(|x| x.iter().map(|x| normal(*x, 1.0 + 1.0 / 3.0)).sum::<f64>());
    let error = evidence.iter().zip(exact).map(|(e, exact)| (e.value - exact).abs()).sum::<f64>() / 100.0;
    println!("log evidence: mean absolute error {error:.4} nats over 100 data sets");

    // What would be measured next, and how well it is predicted.
    let predicted = joint.posterior_predictive(&observed, 500)?;
    assert_eq!(predicted.column("measured")?.array.shape(), [100, 500, 2]);
    let next = joint.likelihood().sample(&observed, 1)?.column("measured")?.array.clone().reshape([100, 2])?;
    let mut held_out = observed.clone();
    held_out.insert("measured", Column::dense(next));
    let elpd = joint.expected_log_predictive_density(&observed, &held_out, 1000)?;
    let mean = elpd.iter().map(|e| e.value).sum::<f64>() / 100.0;
    // Predictive variance 1/4 + 1/3 in both dimensions.
    let expected = 2.0 * (-0.5 - 0.5 * (2.0 * std::f64::consts::PI * (0.25 + 1.0 / 3.0)).ln());
    println!("expected log predictive density: {mean:.3} nats (exact model: {expected:.3})");

    let refined = joint.refine(&observed, 1000)?;
    println!("{}", refined.weights[0].sentence());
    let unreliable = refined.unreliable();
    println!("data sets whose weights cannot be relied on: {unreliable:?}");
    assert!(error < 0.1 && (mean - expected).abs() < 0.4 && unreliable.len() <= 10);
    Ok(())
}
