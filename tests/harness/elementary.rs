//! Dense layers and activations.

use ferroflow::autodiff::{Tape, Var};
use ferroflow::codecs::Array;
use ferroflow::device::Device;
use ferroflow::math::Function;
use ferroflow::nn::Dense;
use ferroflow::parameters::Initialiser;

use super::{array, layer, tensor, weights};
use crate::common::golden::{Check, Outcome};

pub fn dense(check: &mut Check) -> Outcome {
    let units = check.hyper()["units"].as_u64().ok_or("units is missing")? as usize;
    let features = *check.input("x")?.shape().last().ok_or("x is a scalar")?;
    let bias = check.weight_names().any(|name| name == "bias");
    let (parameters, built) =
        weights(check, |builder| Ok(Dense::build(builder, features, units, Initialiser::Zeros, bias)))?;
    let activation = check.hyper()["activation"].as_str().unwrap_or("linear").parse::<Function>()?;
    layer(check, &parameters, &["x"], |pass, x| Ok(built.forward(pass, x[0], activation)))
}

pub fn activations(check: &mut Check) -> Outcome {
    let device = Device::cpu();
    let names = check.hyper()["names"].as_array().ok_or("names is missing")?;
    let cotangent = tensor(&device, check.input("cotangent")?)?;
    for name in names.iter().filter_map(|name| name.as_str()) {
        let tape = Tape::new(&device);
        let x: Var = tape.input(tensor(&device, check.input("x")?)?);
        let y = match name {
            "softmax" => x.softmax(),
            "log_softmax" => x.log_softmax(),
            "linear" => x * 1.0,
            _ => x.map(name.parse::<Function>()?),
        };
        check.output(&format!("y.{name}"), &array(y)?);
        tape.backward_from(&[(y, &cotangent)], None)?;
        let gradient = tape.gradient(x)?;
        check.output(&format!("vjp.{name}"), &Array::f32(gradient.shape().axes(), gradient.values()?)?);
    }
    Ok(())
}
