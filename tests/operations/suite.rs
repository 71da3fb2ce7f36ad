//! What the suites share: values for a case, and a run of an operation on a device.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::device::Device;
use ferroflow::ops::{Array64, Case, Input, Operation};
use ferroflow::random::Key;
use ferroflow::tensor::{Dtype, Tensor};
use rand::RngExt;

/// Inputs of a case with values drawn for it, rounded to f32 so that both sides compute with the same numbers.
pub fn draw(case: &Case, key: Key) -> Vec<Array64> {
    let one = |(index, input): (usize, &Input)| match input {
        Input::Real { shape, range: (low, high), .. } => {
            let mut stream = key.at(index as u64).stream();
            let mut next = || {
                // Stay inside of the open interval after rounding to f32.
                let u = 0.001 + 0.998 * stream.random::<f64>();
                f64::from((low + (high - low) * u) as f32)
            };
            Array64::new(*shape, (0..shape.elements()).map(|_| next()).collect())
        }
        Input::Indices { shape, values } => Array64::new(*shape, values.iter().map(|&v| f64::from(v)).collect()),
    };
    case.inputs.iter().enumerate().map(one).collect()
}

pub fn upload(device: &Device, case: &Case, values: &[Array64]) -> Vec<Tensor> {
    let one = |(input, array): (&Input, &Array64)| match input {
        Input::Real { .. } => {
            let values: Vec<f32> = array.values.iter().map(|&v| v as f32).collect();
            Tensor::from_values(device, array.shape, &values).unwrap()
        }
        Input::Indices { values, .. } => Tensor::from_indices(device, array.shape, values).unwrap(),
    };
    case.inputs.iter().zip(values).map(one).collect()
}

/// Outputs and the gradients for given cotangents, by number of the input.
pub struct Outcome {
    pub outputs: Vec<Vec<f32>>,
    pub gradients: Vec<Option<Vec<f32>>>,
}

pub fn run(device: &Device, operation: &'static dyn Operation, case: &Case, inputs: &[Array64], key: Key) -> Outcome {
    let tensors = upload(device, case, inputs);
    let tape = Tape::new(device);
    let vars: Vec<Var> = case
        .inputs
        .iter()
        .zip(&tensors)
        .map(|(input, tensor)| match input {
            Input::Real { differentiable: true, .. } => tape.input(tensor.clone()),
            _ => tape.constant(tensor.clone()),
        })
        .collect();
    let first = tape.apply(operation, &vars, case.attributes);
    first.value().unwrap_or_else(|e| panic!("{} ({}): {e}", operation.row().name, case.label));
    let outputs = operation.reference(inputs, &case.attributes).len();
    let outputs: Vec<Var> =
        (0..outputs).filter(|&i| has_output(operation, case, inputs, i)).map(|i| first.output(i)).collect();
    let seeds: Vec<(Var, Tensor)> = outputs
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            (
                v,
                Tensor::from_values(
                    device,
                    v.shape(),
                    &cotangent(v.shape().elements(), key.fork("cotangent").at(i as u64)),
                )
                .unwrap(),
            )
        })
        .collect();
    let borrowed: Vec<(Var, &Tensor)> = seeds.iter().map(|(v, t)| (*v, t)).collect();
    tape.backward_from(&borrowed, None).unwrap_or_else(|e| panic!("{} ({}): {e}", operation.row().name, case.label));
    let gradients = case
        .inputs
        .iter()
        .zip(&vars)
        .map(|(input, &var)| match input {
            Input::Real { differentiable: true, .. } => Some(tape.gradient(var).unwrap().values().unwrap()),
            _ => None,
        })
        .collect();
    Outcome { outputs: outputs.iter().map(|v| v.value().unwrap().values().unwrap()).collect(), gradients }
}

/// Extras come after the outputs and are not compared.
pub fn has_output(operation: &'static dyn Operation, case: &Case, inputs: &[Array64], index: usize) -> bool {
    let specs: Vec<_> = case
        .inputs
        .iter()
        .zip(inputs)
        .map(|(input, array)| ferroflow::ops::Spec {
            shape: array.shape,
            dtype: if matches!(input, Input::Real { .. }) { Dtype::F32 } else { Dtype::U32 },
        })
        .collect();
    index < operation.infer(&specs, &case.attributes).unwrap().outputs()
}

pub fn cotangent(n: usize, key: Key) -> Vec<f32> {
    let mut stream = key.stream();
    (0..n).map(|_| stream.random::<f32>() * 2.0 - 1.0).collect()
}

pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().filter(|v| v.is_finite()).fold(0.0, |m, v| m.max(v.abs()))
}
