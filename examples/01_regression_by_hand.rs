//! 1. A posterior with a training loop written by hand.
//!
//! The prior is θ ~ N(0, 1), the data x | θ ~ N(θ, 1): the exact posterior is N(x/2, 1/2). A coupling flow of dimension
//! one learns it from simulations.

use ferroflow::autodiff::Tape;
use ferroflow::device::Device;
use ferroflow::networks::CouplingFlow;
use ferroflow::networks::inference::BuiltInferenceNetwork;
use ferroflow::nn::{Mlp, Pass};
use ferroflow::optim::{Optimizer, Schedule};
use ferroflow::parameters::Builder;
use ferroflow::random::Key;
use rand_distr::{Distribution, StandardNormal};

const STEPS: u64 = 1500;
const ROWS: usize = 128;

fn main() -> ferroflow::Result<()> {
    let (device, key) = (Device::cpu(), Key::new(1));
    let builder = Builder::new();
    let config = CouplingFlow {
        depth: 2,
        subnet: Mlp { widths: vec![32, 32], dropout: 0.0, ..Mlp::for_couplings() },
        ..CouplingFlow::default()
    };
    let flow = config.build(&builder, 1, 1, key.fork("structure"))?;
    let mut weights = builder.finish(&device, key.fork("weights"))?;
    let mut optimizer = Optimizer::default().build(Schedule::for_training(5e-3, STEPS), &weights)?;

    let mut tape = Tape::new(&device);
    for step in 0..STEPS {
        let (theta, x) = simulate(key.fork("simulate").at(step));
        tape.clear();
        let pass = Pass::training(&tape, &weights, key.fork("train").at(step));
        let (theta, x) = (tape.values([ROWS, 1], &theta), tape.values([ROWS, 1], &x));
        let loss = -flow.log_prob(&pass, theta, Some(x)).mean();
        let gradients = pass.gradients(loss)?;
        optimizer.step(&mut weights, &gradients)?;
    }

    // The density of θ = 0.3 given x = 1, against that of N(0.5, 0.5).
    tape.clear();
    let pass = Pass::inference(&tape, &weights);
    let log_prob = flow.log_prob(&pass, tape.values([1, 1], &[0.3]), Some(tape.values([1, 1], &[1.0])));
    let learned = f64::from(log_prob.value()?.item()?);
    let exact = -0.5 * (0.2f64.powi(2) / 0.5 + (2.0 * std::f64::consts::PI * 0.5).ln());
    println!("log density: learned {learned:.3}, exact {exact:.3}");
    assert!((learned - exact).abs() < 0.1);
    Ok(())
}

/// Pairs of a parameter and a datum.
fn simulate(key: Key) -> (Vec<f32>, Vec<f32>) {
    let mut rng = key.stream();
    let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
    (0..ROWS)
        .map(|_| {
            let theta = normal();
            (theta, theta + normal())
        })
        .unzip()
}
