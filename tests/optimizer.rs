//! Steps that are only started change the weights as steps do, and one that cannot be taken changes nothing.

use ferroflow::autodiff::Tape;
use ferroflow::device::Device;
use ferroflow::networks::CouplingFlow;
use ferroflow::networks::inference::BuiltInferenceNetwork;
use ferroflow::nn::{Mlp, Pass};
use ferroflow::optim::{Clipping, MOST_STARTED, Matrices, Optimizer, Schedule, StepReport};
use ferroflow::parameters::{Builder, Parameters};
use ferroflow::random::Key;

const ROWS: usize = 16;

/// Weights, losses and reports of a number of steps. The step named `spoilt` has a loss that is not finite.
fn train(
    device: &Device,
    optimizer: Optimizer,
    steps: usize,
    started: bool,
    spoilt: Option<usize>,
) -> (Parameters, Vec<(f64, StepReport)>) {
    let builder = Builder::new();
    let subnet = Mlp { widths: vec![16, 16], dropout: 0.0, ..Mlp::for_couplings() };
    let config = CouplingFlow { depth: 2, subnet, ..CouplingFlow::default() };
    let flow = config.build(&builder, 2, 1, Key::new(1)).unwrap();
    let mut weights = builder.finish(device, Key::new(2)).unwrap();
    let mut adam = optimizer.build(Schedule::Constant { rate: 1e-2 }, &weights).unwrap();
    let mut outcomes = Vec::new();
    for step in 0..steps {
        let mut stream = Key::new(3).at(step as u64).stream();
        let mut numbers = |n: usize| -> Vec<f32> { (0..n).map(|_| rand::RngExt::random(&mut stream)).collect() };
        let (x, c) = (numbers(2 * ROWS), numbers(ROWS));
        let tape = Tape::new(device);
        let pass = Pass::training(&tape, &weights, Key::new(4));
        let factor = if spoilt == Some(step) { f64::INFINITY } else { 1.0 };
        let (x, c) = (tape.values([ROWS, 2], &x), tape.values([ROWS, 1], &c));
        let loss = flow.log_prob(&pass, x, Some(c)).mean() * -factor;
        let gradients = pass.gradients(loss).unwrap();
        let value = loss.value().unwrap();
        if started {
            adam.start_step(&mut weights, &gradients, &value).unwrap();
        } else {
            let loss = f64::from(value.item().unwrap());
            match adam.step(&mut weights, &gradients) {
                Ok(report) => outcomes.push((loss, report)),
                Err(error) => {
                    assert!(error.to_string().contains("norm of the gradients"), "{error}");
                    adam.skip_to(step as u64 + 1);
                }
            }
        }
    }
    outcomes.extend(adam.finish_steps().unwrap());
    (weights, outcomes)
}

fn bits(weights: &Parameters) -> Vec<u32> {
    weights.trainable().values().unwrap().into_iter().map(f32::to_bits).collect()
}

#[test]
fn steps_that_are_started_are_those_that_are_taken() {
    let device = Device::cpu();
    for clipping in [Clipping::None, Clipping::Global(0.1), Clipping::PerTensor(0.05)] {
        for matrices in [Matrices::Adam, Matrices::Muon] {
            let optimizer = Optimizer { clipping, matrices, ..Optimizer::for_fixed_data() };
            let (taken, reports) = train(&device, optimizer, 5, false, None);
            let (started, later) = train(&device, optimizer, 5, true, None);
            assert_eq!(bits(&taken), bits(&started), "{optimizer:?}");
            assert_eq!(reports, later, "{optimizer:?}");
        }
    }
}

#[test]
fn a_step_that_is_not_finite_changes_nothing() {
    let device = Device::cpu();
    for matrices in [Matrices::Adam, Matrices::Muon] {
        let optimizer = Optimizer { matrices, ..Optimizer::for_fixed_data() };
        let (taken, reports) = train(&device, optimizer, 5, false, Some(2));
        let (started, later) = train(&device, optimizer, 5, true, Some(2));
        assert_eq!(reports.len(), 4);
        assert!(!later[2].0.is_finite() && !later[2].1.gradient_norm.is_finite(), "{later:?}");
        assert_eq!(bits(&taken), bits(&started), "{matrices:?}");
    }
}

#[test]
fn no_more_steps_are_started_than_can_be_reported() {
    let failed = std::panic::catch_unwind(|| train(&Device::cpu(), Optimizer::default(), MOST_STARTED + 1, true, None));
    let message = failed.err().and_then(|panic| panic.downcast::<String>().ok()).unwrap();
    assert!(message.contains("finish_steps"), "{message}");
}
