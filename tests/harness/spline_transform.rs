//! The spline transform alone: knots, both directions, gradients of the forward direction.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::bijections::{Direction, Spline};
use ferroflow::codecs::Array;
use ferroflow::device::Device;

use super::{Fallible, array, tensor};
use crate::common::golden::{Check, Outcome};

pub fn spline_transform(check: &mut Check) -> Outcome {
    let spline: Spline = serde_json::from_value(check.hyper().clone())?;
    spline.check()?;
    let device = Device::cpu();
    let tape = Tape::new(&device);
    let input = |name: &str| -> Fallible<Var> { Ok(tape.input(tensor(&device, check.input(name)?)?)) };
    let (x, z, raw) = (input("x")?, input("z")?, input("raw_parameters")?);
    let (y, log_det) = x.coupling_spline(raw, Direction::Forward, &spline);
    let (x_from_z, log_det_inverse) = z.coupling_spline(raw, Direction::Inverse, &spline);
    let loss = (y * y).mean() + log_det.mean();
    let outputs =
        [("y", y), ("log_det", log_det), ("x_from_z", x_from_z), ("log_det_inverse", log_det_inverse), ("loss", loss)];
    for (name, var) in outputs {
        check.output(name, &array(var)?);
    }
    tape.backward(loss)?;
    for (name, var) in [("x", x), ("raw_parameters", raw)] {
        let gradient = tape.gradient(var)?;
        check.gradient(&format!("in/{name}"), &Array::f32(gradient.shape().axes(), gradient.values()?)?);
    }

    let numbers = check.input("raw_parameters")?.to_f64();
    let knots: Vec<_> = numbers.chunks(spline.parameters()).map(|raw| spline.knots(raw)).collect();
    let elements = check.input("x")?.shape().to_vec();
    let edges = [elements.as_slice(), &[spline.bins + 1]].concat();
    let each = |of: fn(&ferroflow::ops::Knots) -> Vec<f64>| knots.iter().flat_map(of).collect::<Vec<f64>>();
    let constrained = [
        ("horizontal_edges", &edges, each(|k| k.horizontal.clone())),
        ("vertical_edges", &edges, each(|k| k.vertical.clone())),
        ("derivatives", &edges, each(|k| k.derivatives.clone())),
        ("affine_scale", &elements, each(|k| vec![k.tail_slope()])),
        ("affine_shift", &elements, each(|k| vec![k.vertical[0] - k.tail_slope() * k.horizontal[0]])),
    ];
    for (name, shape, values) in constrained {
        check.output(&format!("constrained.{name}"), &Array::f64(shape.clone(), values)?);
    }
    Ok(())
}
