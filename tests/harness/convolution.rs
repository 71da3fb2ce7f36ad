//! Convolutional layers.

use ferroflow::math::Function;
use ferroflow::nn::{Conv1d, Conv2d, ConvolutionOptions, Series};
use ferroflow::ops::Padding;
use serde_json::Value;

use super::{Fallible, attention, layer, weights};
use crate::common::golden::{Check, Outcome};

fn options<const D: usize>(hyper: &Value) -> Fallible<(ConvolutionOptions<D>, Function)> {
    let number = |name: &str| hyper[name].as_u64().map(|n| n as usize).ok_or(format!("{name} is missing"));
    let padding: Padding = serde_json::from_value(hyper["padding"].clone())?;
    let sizes = match &hyper["kernel_size"] {
        Value::Array(sizes) => sizes.iter().filter_map(Value::as_u64).map(|n| n as usize).collect(),
        _ => vec![number("kernel_size")?; D],
    };
    let kernel_size: [usize; D] = sizes.try_into().map_err(|_| "kernel_size has another number of axes")?;
    let activation = match hyper["activation"].as_str() {
        Some(name) => name.parse()?,
        None => Function::Linear,
    };
    let (filters, stride) = (number("filters")?, number("strides")?);
    Ok((ConvolutionOptions { stride, padding, ..ConvolutionOptions::new(filters, kernel_size) }, activation))
}

pub fn conv1d(check: &mut Check) -> Outcome {
    let (options, activation) = options(check.hyper())?;
    let [series, steps, features] = check.input("x")?.shape().try_into()?;
    let (parameters, built) = weights(check, |builder| Conv1d::build(builder, features, options))?;
    let offsets = attention::offsets(parameters.device(), series, steps)?;
    layer(check, &parameters, &["x"], |pass, x| {
        let x = Series::new(x[0].reshape([series * steps, features]), pass.tape().constant(offsets));
        let y = built.forward(pass, &x, activation);
        Ok(y.rows.reshape([series, built.positions(steps), built.filters()]))
    })
}

pub fn conv2d(check: &mut Check) -> Outcome {
    let (options, activation) = options(check.hyper())?;
    let [.., channels] = *check.input("x")?.shape() else { return Err("x is a scalar".into()) };
    let (parameters, built) = weights(check, |builder| Conv2d::build(builder, channels, options))?;
    layer(check, &parameters, &["x"], |pass, x| Ok(built.forward(pass, x[0], activation)))
}
