//! The table on a WebGPU device: Mesa's software Vulkan where there is no GPU.

use ferroflow::autodiff::Tape;
use ferroflow::device::Device;
use ferroflow::math::Function;
use ferroflow::ops::{
    Array64, Attention, Case, Convolution, Input, InverseMatrix, Operation, Padding, Recurrence, RecurrenceOperation,
    RecurrentCell, States, Window, random,
};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;

use crate::suite::{draw, largest, run};
use crate::{check_outputs, check_special_values, for_each_case};

fn device() -> Device {
    Device::wgpu(0).expect("a Vulkan driver; Debian's package mesa-vulkan-drivers computes in software")
}

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

#[test]
fn outputs_agree_with_the_reference() {
    let device = device();
    check_all(|operation, case, inputs, key| check_outputs(&device, operation, case, inputs, key));
}

#[test]
fn special_values_turn_up_where_the_reference_has_them() {
    let device = device();
    check_all(|operation, case, inputs, key| check_special_values(&device, operation, case, inputs, key));
}

/// Outputs and gradients are those of the CPU up to rounding.
fn agrees_with_the_cpu(
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

#[test]
fn outputs_and_gradients_agree_with_the_cpu() {
    let device = device();
    check_all(|operation, case, inputs, key| agrees_with_the_cpu(&device, operation, case, inputs, key));
}

/// With three groups at most, every program goes through its work more than once.
#[test]
fn work_larger_than_one_dispatch_is_done_in_strides() {
    let device = Device::wgpu_with_groups(0, 3).unwrap();
    check_all(|operation, case, inputs, key| agrees_with_the_cpu(&device, operation, case, inputs, key));
}

/// Sums go in an order that neither the run nor the number of groups changes.
#[test]
fn bits_do_not_depend_on_the_number_of_groups() {
    let devices = [device(), Device::wgpu_with_groups(0, 3).unwrap()];
    check_all(|operation, case, inputs, key| {
        let bits = devices.each_ref().map(|device| {
            let outcome = run(device, operation, case, inputs, key);
            let values = outcome.outputs.into_iter().chain(outcome.gradients.into_iter().flatten());
            values.map(|values| values.into_iter().map(f32::to_bits).collect()).collect::<Vec<Vec<u32>>>()
        });
        match bits[0] == bits[1] {
            true => Ok(()),
            false => Err(format!("{} ({}): other bits with three groups", operation.row().name, case.label)),
        }
    });
}

#[test]
fn random_integers_are_those_of_the_cpu() {
    let bits = |device: &Device| {
        // Uniform numbers are exact functions of the integers.
        let uniform = random::uniform(device, Key::new(3), (1 << 32) - 2, [5, 7]).unwrap().values().unwrap();
        uniform.into_iter().map(f32::to_bits).collect::<Vec<_>>()
    };
    assert_eq!(bits(&device()), bits(&Device::cpu()));
    let normal = |device: &Device| random::normal(device, Key::new(3), 9, [1000, 5]).unwrap().values().unwrap();
    for (ours, cpu) in normal(&device()).into_iter().zip(normal(&Device::cpu())) {
        assert!((ours - cpu).abs() < 1e-5, "{ours}, on the CPU {cpu}");
    }
}

/// More columns, units and rows than what a group takes at once.
#[test]
fn cases_beyond_what_a_group_takes_at_once() {
    let device = device();
    let check = |operation: &'static dyn Operation, inputs: Vec<Input>, attributes, bound: f64| {
        let case = Case::new("large", inputs, attributes).bound(bound);
        let inputs = draw(&case, Key::new(4));
        agrees_with_the_cpu(&device, operation, &case, &inputs, Key::new(5)).unwrap();
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
#[test]
fn inverses_of_large_and_of_singular_matrices() {
    let apply = |device: &Device, d: usize, values: &[f32]| {
        let tape = Tape::new(device);
        let w = tape.input(Tensor::from_values(device, [d, d], values).unwrap());
        let inverse = tape.apply(&InverseMatrix, &[w], InverseMatrix::attributes());
        tape.backward((inverse * inverse).sum() + inverse.output(1)).unwrap();
        let log_det = inverse.output(1).value().unwrap().item().unwrap();
        (inverse.value().unwrap().values().unwrap(), log_det, tape.gradient(w).unwrap().values().unwrap())
    };
    let (gpu, cpu) = (device(), Device::cpu());
    for d in [17, 64, 128] {
        let values = random::normal(&cpu, Key::new(d as u64), 0, [d, d]).unwrap().values().unwrap();
        let (ours, theirs) = (apply(&gpu, d, &values), apply(&cpu, d, &values));
        let difference = |a: &[f32], b: &[f32]| {
            assert!(a.iter().all(|a| a.is_finite()), "{d}");
            let scale = largest(b.iter().map(|&b| f64::from(b)));
            largest(a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b))) / scale
        };
        let errors = [difference(&ours.0, &theirs.0), difference(&ours.2, &theirs.2), f64::from(ours.1 - theirs.1)];
        assert!(errors.iter().all(|error| error.abs() < 1e-4), "{d}: {errors:?}");
    }
    let (inverse, log_det, _) = apply(&gpu, 2, &[1.0, 2.0, 2.0, 4.0]);
    assert_eq!(log_det, f32::NEG_INFINITY);
    assert!(inverse.iter().all(|v| v.is_nan()), "{inverse:?}");
}
