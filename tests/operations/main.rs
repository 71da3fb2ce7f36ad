//! Suites over the table of operations: every row, every case, every instruction set of this machine.

#[cfg(feature = "cuda")]
mod cuda;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
mod gpu;
#[cfg(feature = "cuda")]
mod interpreted;
#[cfg(feature = "cuda")]
#[path = "../interpreter/mod.rs"]
mod interpreter;
mod suite;
#[cfg(feature = "wgpu")]
mod wgpu;

use ferroflow::device::Device;
use ferroflow::device::cpu::Isa;
use ferroflow::ops::{Array64, Backward, Case, Forward, Input, Operation, Sink, TABLE};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;
use suite::{Outcome, cotangent, draw, has_output, largest, run, upload};

fn devices() -> Vec<Device> {
    Isa::available().iter().map(|&isa| Device::cpu_with(2, isa).unwrap()).collect()
}

fn for_each_case(mut check: impl FnMut(&'static dyn Operation, &Case, &[Array64], Key)) {
    for &operation in TABLE {
        for (number, case) in operation.cases().iter().enumerate() {
            // By name: a new row of the table leaves the numbers of the others as they are.
            let key = Key::new(17).fork(operation.row().name).at(number as u64);
            check(operation, case, &draw(case, key), key);
        }
    }
}

/// What a check says of a case on a device.
type Check = fn(&Device, &'static dyn Operation, &Case, &[Array64], Key) -> Result<(), String>;

fn expect_every_case(device: &Device, check: Check) {
    for_each_case(|operation, case, inputs, key| {
        check(device, operation, case, inputs, key).unwrap_or_else(|message| panic!("{message}"));
    });
}

#[test]
fn the_table_is_complete_and_sorted() {
    let names: Vec<_> = TABLE.iter().map(|o| o.row().name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted, "the table is sorted by name, without repetition");
    let sources: Vec<String> = std::fs::read_dir("src/ops")
        .unwrap()
        .map(|e| e.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    for operation in TABLE {
        let row = operation.row();
        assert!(sources.iter().any(|s| s == row.name), "{}: has no file of its name", row.name);
        assert!(!row.kernels.is_empty() && !row.formula.is_empty());
        let cases = operation.cases();
        let sizes: Vec<usize> = cases
            .iter()
            .flat_map(|c| {
                c.inputs.iter().map(|i| match i {
                    Input::Real { shape, .. } | Input::Indices { shape, .. } => shape.elements(),
                })
            })
            .collect();
        assert!(sizes.contains(&0), "{}: no case of size 0", row.name);
        assert!(sizes.contains(&1), "{}: no case of size 1", row.name);
        assert!(sizes.iter().any(|s| *s > 1 && s % 2 == 1), "{}: no case of odd size", row.name);
    }
}

#[test]
fn outputs_agree_with_the_reference() {
    for device in devices() {
        expect_every_case(&device, check_outputs);
    }
}

fn check_outputs(
    device: &Device,
    operation: &'static dyn Operation,
    case: &Case,
    inputs: &[Array64],
    key: Key,
) -> Result<(), String> {
    let outcome = run(device, operation, case, inputs, key);
    let reference = operation.reference(inputs, &case.attributes);
    for (got, expected) in outcome.outputs.iter().zip(&reference) {
        assert_eq!(got.len(), expected.values.len(), "{} ({})", operation.row().name, case.label);
        let scale = largest(expected.values.iter().copied()).max(1.0);
        for (i, (&got, &expected)) in got.iter().zip(&expected.values).enumerate() {
            let agree = if expected.is_finite() {
                (f64::from(got) - expected).abs() <= case.bound * scale
            } else {
                same_kind(got, expected)
            };
            if !agree {
                let name = operation.row().name;
                return Err(format!("{name} ({}), {device:?}, element {i}: {got} for {expected}", case.label));
            }
        }
    }
    Ok(())
}

fn same_kind(got: f32, expected: f64) -> bool {
    if expected.is_nan() { got.is_nan() } else { f64::from(got) == expected }
}

/// Gradient of `Σ cotangent · output` of the reference by central differences (Richardson-extrapolated).
fn finite_difference(
    operation: &'static dyn Operation,
    case: &Case,
    inputs: &[Array64],
    key: Key,
    input: usize,
    element: usize,
) -> f64 {
    let loss = |shift: f64| -> f64 {
        let mut moved = inputs.to_vec();
        moved[input].values[element] += shift;
        let outputs = operation.reference(&moved, &case.attributes);
        outputs
            .iter()
            .enumerate()
            .filter(|(i, _)| has_output(operation, case, inputs, *i))
            .map(|(i, output)| {
                let weights = cotangent(output.values.len(), key.fork("cotangent").at(i as u64));
                output.values.iter().zip(&weights).map(|(v, &w)| v * f64::from(w)).sum::<f64>()
            })
            .sum()
    };
    let difference = |h: f64| (loss(h) - loss(-h)) / (2.0 * h);
    let h = 1e-4;
    (4.0 * difference(h / 2.0) - difference(h)) / 3.0
}

fn check_gradients(
    operation: &'static dyn Operation,
    case: &Case,
    inputs: &[Array64],
    key: Key,
    outcome: &Outcome,
) -> Result<(), String> {
    for (input, gradient) in outcome.gradients.iter().enumerate() {
        let Some(gradient) = gradient else { continue };
        // All elements of small inputs, a spread of large ones.
        let n = gradient.len();
        let step = n.div_ceil(48).max(1);
        let elements: Vec<usize> = (0..n).step_by(step).collect();
        let expected: Vec<f64> =
            elements.iter().map(|&e| finite_difference(operation, case, inputs, key, input, e)).collect();
        let scale = largest(gradient.iter().map(|&g| f64::from(g))).max(1.0);
        for (&element, &expected) in elements.iter().zip(&expected) {
            let got = f64::from(gradient[element]);
            if (got - expected).abs() > (case.bound * 10.0).max(1e-4) * scale {
                return Err(format!(
                    "{} ({}), gradient of input {input}, element {element}: {got} for {expected}",
                    operation.row().name,
                    case.label
                ));
            }
        }
    }
    Ok(())
}

#[test]
fn gradients_agree_with_finite_differences_of_the_reference() {
    let device = Device::cpu();
    for_each_case(|operation, case, inputs, key| {
        let outcome = run(&device, operation, case, inputs, key);
        check_gradients(operation, case, inputs, key, &outcome).unwrap_or_else(|message| panic!("{message}"));
    });
}

/// The gradient check can fail: with the sign of any one gradient turned it does, for every operation and input.
#[test]
fn turning_the_sign_of_any_gradient_is_noticed() {
    let device = Device::cpu();
    for &operation in TABLE {
        let mut noticed = std::collections::BTreeMap::new();
        for (number, case) in operation.cases().iter().enumerate() {
            let key = Key::new(18).at(number as u64);
            let inputs = draw(case, key);
            for input in 0..case.inputs.len() {
                let mut outcome = run(&device, operation, case, &inputs, key);
                let Some(gradient) = &mut outcome.gradients[input] else { continue };
                gradient.iter_mut().for_each(|g| *g = -*g);
                let seen = check_gradients(operation, case, &inputs, key, &outcome).is_err();
                *noticed.entry(input).or_insert(false) |= seen;
            }
        }
        assert!(
            noticed.values().all(|&seen| seen),
            "{}: a wrong sign goes unnoticed: {noticed:?}",
            operation.row().name
        );
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let devices: Vec<Device> = [1, 2, 3, 8].map(|n| Device::cpu_with_threads(n).unwrap()).into();
    for_each_case(|operation, case, inputs, key| {
        let outcomes: Vec<Outcome> = devices.iter().map(|d| run(d, operation, case, inputs, key)).collect();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for (outcome, device) in outcomes.iter().zip(&devices).skip(1) {
            for (a, b) in outcome.outputs.iter().zip(&outcomes[0].outputs) {
                assert_eq!(bits(a), bits(b), "{} ({}) on {device:?}", operation.row().name, case.label);
            }
            for (a, b) in outcome.gradients.iter().flatten().zip(outcomes[0].gradients.iter().flatten()) {
                assert_eq!(bits(a), bits(b), "gradient of {} ({}) on {device:?}", operation.row().name, case.label);
            }
        }
    });
}

#[test]
fn special_values_turn_up_where_the_reference_has_them() {
    for device in devices() {
        expect_every_case(&device, check_special_values);
    }
}

fn check_special_values(
    device: &Device,
    operation: &'static dyn Operation,
    case: &Case,
    inputs: &[Array64],
    key: Key,
) -> Result<(), String> {
    let real =
        |number: &usize| matches!(case.inputs[*number], Input::Real { .. }) && !inputs[*number].values.is_empty();
    if !case.special_values {
        return Ok(());
    }
    for special in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for number in (0..inputs.len()).filter(real) {
            let mut inputs = inputs.to_vec();
            let element = inputs[number].values.len() / 2;
            inputs[number].values[element] = special;
            let outcome = run(device, operation, case, &inputs, key);
            let reference = operation.reference(&inputs, &case.attributes);
            for (got, expected) in outcome.outputs.iter().zip(&reference) {
                for (i, (&got, &expected)) in got.iter().zip(&expected.values).enumerate() {
                    let agree = if expected.is_finite() { got.is_finite() } else { same_kind(got, expected) };
                    if !agree {
                        return Err(format!(
                            "{} ({}), {device:?}: {special} in input {number} gives {got} for {expected} in element {i}",
                            operation.row().name,
                            case.label
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Overwrites everything that the row does not declare as kept before calling backward.
#[test]
fn backward_reads_only_what_the_row_declares() {
    let device = Device::cpu();
    for_each_case(|operation, case, inputs, key| {
        let backward = |forget: bool| -> Vec<Option<Vec<f32>>> {
            let tensors = upload(&device, case, inputs);
            let borrowed: Vec<&Tensor> = tensors.iter().collect();
            let specs: Vec<_> = tensors.iter().map(ferroflow::ops::Spec::of).collect();
            let shapes = operation.infer(&specs, &case.attributes).unwrap();
            let products: Vec<Tensor> =
                shapes.shapes().iter().map(|&s| Tensor::uninitialised(&device, s).unwrap()).collect();
            let product_refs: Vec<&Tensor> = products.iter().collect();
            let call =
                Forward { device: &device, inputs: &borrowed, products: &product_refs, attributes: &case.attributes };
            operation.forward(&call).unwrap();
            let keeps = operation.row().keeps;
            if forget {
                for (i, tensor) in tensors.iter().enumerate() {
                    if keeps.inputs >> i & 1 == 0 && matches!(case.inputs[i], Input::Real { .. }) {
                        device.fill(tensor.slice(), f32::NAN.to_bits()).unwrap();
                    }
                }
                for (i, tensor) in products.iter().enumerate() {
                    if keeps.products >> i & 1 == 0 {
                        device.fill(tensor.slice(), f32::NAN.to_bits()).unwrap();
                    }
                }
            }
            let cotangents: Vec<Tensor> = products[..shapes.outputs()]
                .iter()
                .map(|p| Tensor::from_values(&device, p.shape(), &cotangent(p.shape().elements(), key)).unwrap())
                .collect();
            let gradients: Vec<Option<&Tensor>> = cotangents.iter().map(Some).collect();
            let memory: Vec<Option<Tensor>> = case
                .inputs
                .iter()
                .zip(&tensors)
                .map(|(input, t)| match input {
                    Input::Real { differentiable: true, .. } => Some(Tensor::zeros(&device, t.shape()).unwrap()),
                    _ => None,
                })
                .collect();
            let sinks: Vec<Option<Sink>> =
                memory.iter().map(|t| t.as_ref().map(|tensor| Sink { tensor, accumulate: false })).collect();
            operation
                .backward(&Backward {
                    device: &device,
                    inputs: &borrowed,
                    products: &product_refs,
                    gradients: &gradients,
                    sinks: &sinks,
                    attributes: &case.attributes,
                })
                .unwrap();
            memory.iter().map(|t| t.as_ref().map(|t| t.values().unwrap())).collect()
        };
        let (kept, forgotten) = (backward(false), backward(true));
        for (a, b) in kept.iter().flatten().zip(forgotten.iter().flatten()) {
            let same = a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{} ({}): backward reads what the row does not declare", operation.row().name, case.label);
        }
    });
}

/// A gradient that is added to memory is the same as one that is written, plus what was there.
#[test]
fn gradients_accumulate() {
    use ferroflow::autodiff::Tape;
    let device = Device::cpu();
    for_each_case(|operation, case, inputs, key| {
        let tensors = upload(&device, case, inputs);
        let once = run(&device, operation, case, inputs, key);
        let tape = Tape::new(&device);
        let vars: Vec<_> = case
            .inputs
            .iter()
            .zip(&tensors)
            .map(|(input, t)| match input {
                Input::Real { differentiable: true, .. } => tape.input(t.clone()),
                _ => tape.constant(t.clone()),
            })
            .collect();
        let (first, second) =
            (tape.apply(operation, &vars, case.attributes), tape.apply(operation, &vars, case.attributes));
        let seeds: Vec<Tensor> = (0..once.outputs.len())
            .map(|i| {
                let shape = first.output(i).shape();
                Tensor::from_values(&device, shape, &cotangent(shape.elements(), key.fork("cotangent").at(i as u64)))
                    .unwrap()
            })
            .collect();
        let both: Vec<_> =
            seeds.iter().enumerate().flat_map(|(i, s)| [(first.output(i), s), (second.output(i), s)]).collect();
        tape.backward_from(&both, None).unwrap();
        for (gradient, var) in once.gradients.iter().zip(&vars) {
            let Some(gradient) = gradient else { continue };
            let twice = tape.gradient(*var).unwrap().values().unwrap();
            let scale = largest(gradient.iter().map(|&g| f64::from(g))).max(1.0) as f32;
            for (&once, &twice) in gradient.iter().zip(&twice) {
                let agree = (2.0 * once - twice).abs() <= 1e-4 * scale || once.is_nan() && twice.is_nan();
                assert!(agree, "{} ({}): {twice} for twice {once}", operation.row().name, case.label);
            }
        }
    });
}
