//! The suites over the table for devices that are GPUs.

use ferroflow::autodiff::Tape;
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::math::Function;
use ferroflow::networks::inference::{BuiltInferenceNetwork, CouplingFlow};
use ferroflow::nn::{Mlp, Pass};
use ferroflow::ops::fused_flow::RowConditions;
use ferroflow::ops::update::{MuonArguments, moving_average, muon};
use ferroflow::ops::{
    Array64, Attention, Case, Convolution, Direction, Input, InverseMatrix, Operation, Padding, Recurrence,
    RecurrenceOperation, RecurrentCell, Spline, States, Window, random,
};
use ferroflow::optim::{Clipping, Matrices, Optimizer, Schedule};
use ferroflow::parameters::Builder;
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;

use crate::suite::{draw, largest, run};
use crate::{check_outputs, check_special_values, for_each_case};

/// The tests of a kind of device: the device, and one that starts few groups at a time, so that every program goes through its work
/// more than once.
macro_rules! suites {
    ($device:expr, $of_few_groups:expr) => {
        $crate::gpu::suites! { @each $device, outputs_agree_with_the_reference, special_values_turn_up_where_the_reference_has_them, outputs_and_gradients_agree_with_the_cpu, random_integers_are_those_of_the_cpu, cases_beyond_what_a_group_takes_at_once, inverses_of_large_and_of_singular_matrices, fused_flows_agree_with_the_cpu, updates_of_weights_agree_with_the_cpu, steps_agree_with_the_cpu }

        #[test]
        fn work_larger_than_one_launch_is_done_in_strides() {
            $crate::gpu::outputs_and_gradients_agree_with_the_cpu(&$of_few_groups);
        }

        #[test]
        fn bits_do_not_depend_on_the_number_of_groups() {
            $crate::gpu::bits_do_not_depend_on_the_number_of_groups([&$device, &$of_few_groups]);
        }
    };
    (@each $device:expr, $($suite:ident),*) => {
        $(
            #[test]
            fn $suite() {
                $crate::gpu::$suite(&$device);
            }
        )*
    };
}
pub(crate) use suites;

/// Runs a check for every case of the operations named in `FERROFLOW_OPERATIONS`, or of all, and tells what failed first for each.
fn check_all(check: impl Fn(&'static dyn Operation, &Case, &[Array64], Key) -> Result<(), String>) {
    let wanted = std::env::var("FERROFLOW_OPERATIONS").ok();
    let mut failures: Vec<(&str, String)> = Vec::new();
    for_each_case(|operation, case, inputs, key| {
        let name = operation.row().name;
        let is_wanted = wanted.as_ref().is_none_or(|wanted| wanted.split(',').any(|one| one == name));
        if is_wanted
            && !failures.iter().any(|(failed, _)| *failed == name)
            && let Err(message) = check(operation, case, inputs, key)
        {
            failures.push((name, message));
        }
    });
    let messages: Vec<&str> = failures.iter().map(|(_, message)| message.as_str()).collect();
    assert!(failures.is_empty(), "{}", messages.join("\n"));
}

pub fn outputs_agree_with_the_reference(device: &Device) {
    check_all(|operation, case, inputs, key| check_outputs(device, operation, case, inputs, key));
}

pub fn special_values_turn_up_where_the_reference_has_them(device: &Device) {
    check_all(|operation, case, inputs, key| check_special_values(device, operation, case, inputs, key));
}

/// Outputs and gradients are those of the CPU up to rounding.
pub fn agrees_with_the_cpu(
    device: &Device,
    operation: &'static dyn Operation,
    case: &Case,
    inputs: &[Array64],
    key: Key,
) -> Result<(), String> {
    let (ours, cpu) = (run(device, operation, case, inputs, key), run(&Device::cpu(), operation, case, inputs, key));
    let gradients = ours.gradients.iter().flatten().zip(cpu.gradients.iter().flatten());
    let pairs = ours
        .outputs
        .iter()
        .zip(&cpu.outputs)
        .map(|pair| ("output", pair))
        .chain(gradients.map(|pair| ("gradient", pair)));
    for (number, (what, (ours, cpu))) in pairs.enumerate() {
        let scale = largest(cpu.iter().map(|&value| f64::from(value))).max(1.0);
        for (i, (&ours, &cpu)) in ours.iter().zip(cpu).enumerate() {
            let same = ours == cpu || ours.is_nan() && cpu.is_nan();
            let error = f64::from(ours - cpu).abs();
            if !same && (error.is_nan() || error > case.bound * scale) {
                return Err(format!(
                    "{} ({}), {what} {number}, element {i}: {ours}, on the CPU {cpu}",
                    operation.row().name,
                    case.label
                ));
            }
        }
    }
    Ok(())
}

pub fn outputs_and_gradients_agree_with_the_cpu(device: &Device) {
    check_all(|operation, case, inputs, key| agrees_with_the_cpu(device, operation, case, inputs, key));
}

/// Sums go in an order that neither the run nor the number of groups changes.
pub fn bits_do_not_depend_on_the_number_of_groups(devices: [&Device; 2]) {
    check_all(|operation, case, inputs, key| {
        let bits = devices.map(|device| {
            let outcome = run(device, operation, case, inputs, key);
            let values = outcome.outputs.into_iter().chain(outcome.gradients.into_iter().flatten());
            values.map(|values| values.into_iter().map(f32::to_bits).collect()).collect::<Vec<Vec<u32>>>()
        });
        match bits[0] == bits[1] {
            true => Ok(()),
            false => Err(format!("{} ({}): other bits with fewer groups", operation.row().name, case.label)),
        }
    });
}

pub fn random_integers_are_those_of_the_cpu(device: &Device) {
    let bits = |device: &Device| {
        // Uniform numbers are exact functions of the integers.
        let uniform = random::uniform(device, Key::new(3), (1 << 32) - 2, [5, 7]).unwrap().values().unwrap();
        uniform.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(device), bits(&Device::cpu()));
    let normal = |device: &Device| random::normal(device, Key::new(3), 9, [1000, 5]).unwrap().values().unwrap();
    for (ours, cpu) in normal(device).into_iter().zip(normal(&Device::cpu())) {
        assert!((ours - cpu).abs() < 1e-5, "{ours}, on the CPU {cpu}");
    }
}

/// More columns, units and rows than what a group takes at once.
pub fn cases_beyond_what_a_group_takes_at_once(device: &Device) {
    let check = |operation: &'static dyn Operation, inputs: Vec<Input>, attributes, bound: f64| {
        let case = Case::new("large", inputs, attributes).bound(bound);
        let inputs = draw(&case, Key::new(4));
        agrees_with_the_cpu(device, operation, &case, &inputs, Key::new(5)).unwrap();
    };
    let matrix = |rows: usize| Input::between([rows, 280], -1.0, 1.0);
    let offsets = |offsets: &[u32]| Input::indices([offsets.len()], offsets);
    let inputs = vec![matrix(30), matrix(150), matrix(150), offsets(&[0, 9, 30]), offsets(&[0, 131, 150])];
    check(&Attention, inputs, Attention::attributes(2, Some((0.3, Key::new(3)))), 1e-4);
    for cell in [RecurrentCell::Gru, RecurrentCell::Lstm] {
        let (units, width) = (300, cell.gates() * 300);
        let mut inputs =
            vec![Input::real([13, width]), offsets(&[0, 5, 13]), Input::between([units, width], -0.1, 0.1)];
        inputs.extend((cell == RecurrentCell::Gru).then(|| Input::real([width])));
        let recurrence = Recurrence { cell, reversed: false, states: States::All, keep: true };
        check(&RecurrenceOperation, inputs, recurrence.attributes(), 1e-4);
    }
    let window = Window { stride: 1, padding: Padding::Same };
    let inputs = vec![Input::real([2, 70, 70, 3]), Input::between([3, 3, 3, 40], -0.5, 0.5), Input::real([40])];
    check(&Convolution, inputs, Convolution::attributes(window, Function::Mish, 0), 1e-4);
}

/// The inverse, its gradient and the log-determinant of matrices too large for the reference.
pub fn inverses_of_large_and_of_singular_matrices(gpu: &Device) {
    let apply = |device: &Device, d: usize, values: &[f32]| {
        let tape = Tape::new(device);
        let w = tape.input(Tensor::from_values(device, [d, d], values).unwrap());
        let inverse = tape.apply(&InverseMatrix, &[w], InverseMatrix::attributes());
        tape.backward((inverse * inverse).sum() + inverse.output(1)).unwrap();
        let log_det = inverse.output(1).value().unwrap().item().unwrap();
        (inverse.value().unwrap().values().unwrap(), log_det, tape.gradient(w).unwrap().values().unwrap())
    };
    let cpu = Device::cpu();
    for d in [17, 64, 128] {
        let values = random::normal(&cpu, Key::new(d as u64), 0, [d, d]).unwrap().values().unwrap();
        let (ours, theirs) = (apply(gpu, d, &values), apply(&cpu, d, &values));
        let difference = |a: &[f32], b: &[f32]| {
            assert!(a.iter().all(|a| a.is_finite()), "{d}");
            let scale = largest(b.iter().map(|&b| f64::from(b)));
            largest(a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b))) / scale
        };
        let errors = [difference(&ours.0, &theirs.0), difference(&ours.2, &theirs.2), f64::from(ours.1 - theirs.1)];
        assert!(errors.iter().all(|error| error.abs() < 1e-4), "{d}: {errors:?}");
    }
    let (inverse, log_det, _) = apply(gpu, 2, &[1.0, 2.0, 2.0, 4.0]);
    assert_eq!(log_det, f32::NEG_INFINITY);
    assert!(inverse.iter().all(|v| v.is_nan()), "{inverse:?}");
}

fn agree(what: &str, bound: f32, ours: &[f32], cpu: &[f32]) {
    assert_eq!(ours.len(), cpu.len(), "{what}");
    for (i, (&ours, &cpu)) in ours.iter().zip(cpu).enumerate() {
        assert!((ours - cpu).abs() <= bound * cpu.abs().max(1.0), "{what} {i}: {ours}, on the CPU {cpu}");
    }
}

/// An affine flow of three variables given two, with subnetworks of given widths.
fn flow(widths: &[usize]) -> CouplingFlow {
    let subnet = Mlp { widths: widths.to_vec(), dropout: 0.0, ..Mlp::for_couplings() };
    CouplingFlow { depth: 2, subnet, ..CouplingFlow::default() }
}

/// Densities and draws of whole flows, with a condition for each row and with shares of data sets.
pub fn fused_flows_agree_with_the_cpu(gpu: &Device) {
    const ROWS: usize = 37;
    let spline = |widths| CouplingFlow { transform: Spline::default().into(), ..flow(widths) };
    for config in [flow(&[40, 24]), spline(&[40, 24]), flow(&[256, 7]), spline(&[130]), flow(&[264])] {
        let results = [gpu, &Device::cpu()].map(|device| {
            let builder = Builder::new();
            let flow = config.build(&builder, 3, 2, Key::new(1)).unwrap();
            let mut weights = builder.finish(device, Key::new(2)).unwrap();
            // Weights that are not what they begin with, so that every layer counts.
            for name in weights.layout().trainable_ranges().map(|(entry, _)| entry.name.clone()).collect::<Vec<_>>() {
                let array = weights.get(&name).unwrap();
                let moved: Vec<f32> = array.to_f64().iter().map(|&w| 1.5 * w as f32 + 0.02).collect();
                weights.set(&name, &Array::f32(array.shape(), moved).unwrap()).unwrap();
            }
            let fused = flow.fuse(&weights).unwrap().unwrap();
            let normal = |key, rows: usize, columns| {
                let values = random::normal(&Device::cpu(), Key::new(key), 0, [rows, columns]).unwrap().values();
                Tensor::from_values(device, [rows, columns], &values.unwrap()).unwrap()
            };
            let (x, conditions, few) = (normal(3, ROWS, 3), normal(4, ROWS, 2), normal(5, 2, 2));
            let owners: Vec<u32> = (0..ROWS as u32).map(|row| row / 20).collect();
            let owners = Tensor::from_indices(device, [ROWS], &owners).unwrap();
            let shares = fused.shares(&few).unwrap();
            let mut all = Vec::new();
            for direction in [Direction::Forward, Direction::Inverse] {
                for rows in
                    [RowConditions::Each(&conditions), RowConditions::Shared { shares: &shares, owners: &owners }]
                {
                    let (y, log_det) = fused.apply(direction, &x, rows).unwrap();
                    all.extend([y.values().unwrap(), log_det.values().unwrap()]);
                }
            }
            all
        });
        for (number, (ours, cpu)) in results[0].iter().zip(&results[1]).enumerate() {
            agree(&format!("result {number}"), 1e-4, ours, cpu);
        }
    }
}

/// Steps of Muon, for matrices of all orientations with gaps between them, and moving averages.
pub fn updates_of_weights_agree_with_the_cpu(gpu: &Device) {
    let words = 20 * 30 + 40 + 64 * 64 + 64 + 9 * 100;
    let table = [0, 0, 20, 30, 2, 640, 64, 64, 3, 4800, 9, 100];
    let [ours, cpu] = [gpu, &Device::cpu()].map(|device| {
        let tensor = |key: u64, scale: f32| {
            let x = random::normal(&Device::cpu(), Key::new(key), 0, [words]).unwrap().values().unwrap();
            let x: Vec<f32> = x.into_iter().map(|x| scale * x).collect();
            Tensor::from_values(device, [words], &x).unwrap()
        };
        let (gradients, weights, momenta) = (tensor(1, 1.0), tensor(2, 1.0), tensor(3, 0.1));
        let table = Tensor::from_indices(device, [3, 4], &table).unwrap();
        let clip = Tensor::full(device, [5].into(), 0.5).unwrap();
        for _ in 0..2 {
            let arguments = MuonArguments { rate: 0.01, momentum: 0.9, decay: 0.01 };
            muon(arguments, &gradients, &table, &clip, [&weights, &momenta]).unwrap();
        }
        moving_average(0.3, &weights, &momenta).unwrap();
        [weights, momenta].map(|tensor| tensor.values().unwrap()).concat()
    });
    agree("weight", 2e-4, &ours, &cpu);
}

/// Training steps, one of which has a loss that is not finite, with every way of clipping.
pub fn steps_agree_with_the_cpu(gpu: &Device) {
    const ROWS: usize = 16;
    let config = flow(&[40, 24]);
    for (clipping, matrices) in [
        (Clipping::None, Matrices::Adam),
        (Clipping::Global(0.1), Matrices::Muon),
        (Clipping::PerTensor(0.05), Matrices::Adam),
    ] {
        let [ours, cpu] = [gpu, &Device::cpu()].map(|device| {
            let builder = Builder::new();
            let flow = config.build(&builder, 3, 2, Key::new(1)).unwrap();
            let mut weights = builder.finish(device, Key::new(2)).unwrap();
            let optimizer = Optimizer { clipping, matrices, ..Optimizer::for_fixed_data() };
            let mut adam = optimizer.build(Schedule::Constant { rate: 1e-3 }, &weights).unwrap();
            for step in 0..4 {
                let numbers = |key, columns| {
                    let key = Key::new(key).at(step);
                    random::normal(&Device::cpu(), key, 0, [ROWS, columns]).unwrap().values().unwrap()
                };
                let tape = Tape::new(device);
                let pass = Pass::training(&tape, &weights, Key::new(4));
                let (x, c) = (tape.values([ROWS, 3], &numbers(5, 3)), tape.values([ROWS, 2], &numbers(6, 2)));
                let factor = if step == 2 { f64::INFINITY } else { 1.0 };
                let loss = flow.log_prob(&pass, x, Some(c)).mean() * -factor;
                let (gradients, loss) = (pass.gradients(loss).unwrap(), loss.value().unwrap());
                adam.start_step(&mut weights, &gradients, &loss).unwrap();
            }
            let reports = adam.finish_steps().unwrap();
            (weights.trainable().values().unwrap(), reports)
        });
        agree("weight", 1e-4, &ours.0, &cpu.0);
        for ((ours, our_report), (cpu, report)) in ours.1.iter().zip(&cpu.1) {
            assert!((ours - cpu).abs() < 1e-3 || !ours.is_finite() && !cpu.is_finite(), "{ours}, on the CPU {cpu}");
            assert_eq!(our_report.learning_rate, report.learning_rate);
            let (ours, cpu) = (our_report.gradient_norm, report.gradient_norm);
            assert!(
                (ours - cpu).abs() < 1e-3 * cpu || !ours.is_finite() && !cpu.is_finite(),
                "{ours}, on the CPU {cpu}"
            );
        }
    }
}
