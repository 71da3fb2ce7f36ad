//! Coupling flows: both directions, densities, and the gradients of the negative log-likelihood.

use ferroflow::autodiff::Tape;
use ferroflow::networks::CouplingFlow;
use ferroflow::networks::inference::BuiltInferenceNetwork;
use ferroflow::nn::{Pass, Stage};
use ferroflow::random::Key;
use serde_json::{Value, json};

use super::python::base_distribution;
use super::{Fallible, array, hand_in_gradients, tensor, weights};
use crate::common::golden::{Check, Outcome};

/// The configuration that the peer's arguments stand for.
pub fn config(hyper: &Value) -> Fallible<CouplingFlow> {
    let text = |key: &str| hyper[key].as_str().ok_or_else(|| format!("'{key}' is not a text: {}", hyper[key]));
    if text("subnet")? != "mlp" {
        return Err(format!("the subnet {} is not known", hyper["subnet"]).into());
    }
    let mut transform = match &hyper["transform_kwargs"] {
        Value::Null => json!({}),
        kwargs => kwargs.clone(),
    };
    transform["kind"] = json!(text("transform")?);
    let config = json!({
        "depth": hyper["depth"],
        "subnet": hyper["subnet_kwargs"],
        "transform": transform,
        "permutation": hyper["permutation"].as_str().unwrap_or("none"),
        "actnorm": hyper["use_actnorm"],
        "peer_compatible": true,
    });
    let mut config: CouplingFlow = serde_json::from_value(config)?;
    config.base_distribution = base_distribution(text("base_distribution")?)?;
    Ok(config)
}

pub fn coupling_flow(check: &mut Check) -> Outcome {
    let width = |name: &str| check.input(name).ok().and_then(|array| array.shape().last().copied());
    let (dimension, condition_dimension) = (width("x").ok_or("no x")?, width("conditions").unwrap_or(0));
    let config = config(check.hyper())?;
    let (parameters, flow) =
        weights(check, |builder| config.build(builder, dimension, condition_dimension, Key::new(1)))?;
    let device = parameters.device();
    let tape = Tape::new(device);
    let pass = Pass::inference(&tape, &parameters).with(Stage::Inference, true);
    let names: &[&str] = if condition_dimension > 0 { &["x", "z", "conditions"] } else { &["x", "z"] };
    let mut inputs = Vec::new();
    for name in names {
        inputs.push(tape.input(tensor(device, check.input(name)?)?));
    }
    let (x, z_given, condition) = (inputs[0], inputs[1], inputs.get(2).copied());

    let (z, log_det) = flow.forward(&pass, x, condition);
    let log_prob = flow.log_prob(&pass, x, condition);
    let (x_from_z, log_det_from_z) = flow.inverse(&pass, z_given, condition);
    let log_prob_from_z = flow.base_log_prob(&pass, z_given) - log_det_from_z;
    let reference = check.case.get("out/z").ok_or("the case has no output z")?;
    let (x_back, _) = flow.inverse(&pass, tape.constant(tensor(device, reference)?), condition);
    let loss = -log_prob.mean();
    let outputs = [
        ("z", z),
        ("log_det", log_det),
        ("log_prob", log_prob),
        ("x_from_z", x_from_z),
        ("log_prob_of_x_from_z", log_prob_from_z),
        ("x_back", x_back),
        ("loss", loss),
    ];
    for (name, var) in outputs {
        check.output(name, &array(var)?);
    }
    hand_in_gradients(check, &pass, loss, names, &inputs)
}
