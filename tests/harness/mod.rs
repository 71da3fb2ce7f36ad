//! One harness per kind of golden case.

pub mod adapters;
mod attention;
mod continuous;
mod convolution;
mod coupling_flow;
mod distributions;
mod elementary;
mod mlp;
mod mmd;
mod model_comparison;
mod normalisation;
mod optimiser;
mod python;
mod ratio;
mod recurrent;
mod scoring;
mod spline_transform;
mod standardize;
mod summary;

use std::error::Error;

use ferroflow::autodiff::{Tape, Var};
use ferroflow::codecs::{Array, Values};
use ferroflow::device::Device;
use ferroflow::nn::{Pass, Stage};
use ferroflow::parameters::{Builder, Parameters, Role};
use ferroflow::random::Key;
use ferroflow::tensor::{Shape, Tensor};
use serde_json::Value;

use crate::common::golden::{Check, Harness, Outcome};

/// Kind of network and its harness.
pub const NETS: &[(&str, Harness)] = &[
    ("ContinuousApproximator", continuous::continuous),
    ("ModelComparisonApproximator", model_comparison::model_comparison),
    ("RatioApproximator", ratio::ratio),
    ("ConvolutionalNetwork", summary::convolutional),
    ("CouplingFlow", coupling_flow::coupling_flow),
    ("DeepSet", summary::deep_set),
    ("FusionNetwork", summary::fusion_network),
    ("FusionTransformer", summary::fusion_transformer),
    ("MLP", mlp::mlp),
    ("ScoringRuleNetwork", scoring::scoring_rule_network),
    ("SetTransformer", summary::set_transformer),
    ("SplineTransform", spline_transform::spline_transform),
    ("Standardize", standardize::standardize),
    ("TimeSeriesNetwork", summary::time_series),
    ("TimeSeriesTransformer", summary::time_series_transformer),
    ("activations", elementary::activations),
    ("batch_norm", normalisation::batch_norm),
    ("batch_norm_train", normalisation::batch_norm_train),
    ("bidirectional_gru", recurrent::bidirectional_gru),
    ("bidirectional_lstm", recurrent::bidirectional_lstm),
    ("conv1d", convolution::conv1d),
    ("conv2d", convolution::conv2d),
    ("dense", elementary::dense),
    ("distributions", distributions::distributions),
    ("group_norm", normalisation::group_norm),
    ("gru", recurrent::gru),
    ("keras_mha", attention::multi_head_attention),
    ("layer_norm", normalisation::layer_norm),
    ("links", scoring::links),
    ("lstm", recurrent::lstm),
    ("mmd", mmd::mmd),
    ("optimiser", optimiser::optimiser),
    ("rms_norm", normalisation::rms_norm),
    ("scoring_rules", scoring::scoring_rules),
];

type Fallible<T> = Result<T, Box<dyn Error>>;

/// A tensor of the shape and values of an array.
pub fn tensor(device: &Device, array: &Array) -> Fallible<Tensor> {
    let shape = Shape::new(array.shape()).ok_or("too many axes")?;
    Ok(match array.values() {
        Values::I64(values) => {
            let indices: Vec<u32> = values.iter().map(|&v| v as u32).collect();
            Tensor::from_indices(device, shape, &indices)?
        }
        _ => Tensor::from_values(device, shape, &array.to_f32())?,
    })
}

/// The value of a variable as an array, in another shape if one is given.
pub fn array(var: Var) -> Fallible<Array> {
    let value = var.value()?;
    Ok(Array::f32(value.shape().axes(), value.values()?)?)
}

/// The weights that `build` asks for, with the values of the case.
pub fn weights<B>(check: &Check, build: impl FnOnce(&Builder) -> ferroflow::Result<B>) -> Fallible<(Parameters, B)> {
    let builder = Builder::new();
    let built = build(&builder)?;
    let mut parameters = builder.finish(&Device::cpu(), Key::new(0))?;
    let layout = parameters.layout().clone();
    for entry in layout.entries() {
        let given = check.weight(&entry.name)?;
        // Projections of attention are stored with an axis for the heads; they are the same numbers in the same order.
        let reshaped = given.clone().reshape(entry.shape.axes().to_vec())?;
        parameters.set(&entry.name, &reshaped)?;
    }
    Ok((parameters, built))
}

/// Runs a layer on the inputs of a case, hands in `y`, the loss `mean(y²)` and all gradients.
pub fn layer(
    check: &mut Check,
    parameters: &Parameters,
    inputs: &[&str],
    forward: impl for<'t> FnOnce(&Pass<'t>, &[Var<'t>]) -> Fallible<Var<'t>>,
) -> Outcome {
    let device = parameters.device().clone();
    let tape = Tape::new(&device);
    let pass = Pass::inference(&tape, parameters).with(Stage::Inference, true);
    let mut variables = Vec::new();
    for name in inputs {
        variables.push(tape.input(tensor(&device, check.input(name)?)?));
    }
    let y = forward(&pass, &variables)?;
    let loss = (y * y).mean();
    check.output("y", &array(y)?);
    check.output("loss", &array(loss)?);
    hand_in_gradients(check, &pass, loss, inputs, &variables)
}

/// Gradients of a loss with respect to all trainable weights and the inputs that the case has gradients of.
pub fn hand_in_gradients<'t>(
    check: &mut Check,
    pass: &Pass<'t>,
    loss: Var<'t>,
    inputs: &[&str],
    variables: &[Var<'t>],
) -> Outcome {
    let gradients = pass.gradients(loss)?;
    let layout = pass.parameters().layout().clone();
    for entry in layout.entries().iter().filter(|entry| entry.role == Role::Trainable) {
        let name = format!("grad/w/{}", entry.name);
        if let Some(reference) = check.case.get(&name) {
            let shape = reference.shape().to_vec();
            check.tensor(&name, &gradients.get(&entry.name)?.reshape(shape)?);
        }
    }
    for (name, &variable) in inputs.iter().zip(variables) {
        let full = format!("grad/in/{name}");
        if let Some(reference) = check.case.get(&full) {
            let gradient = pass.tape().gradient(variable)?.values()?;
            check.tensor(&full, &Array::f32(reference.shape(), gradient)?);
        }
    }
    Ok(())
}

/// A configuration of this library from the peer's arguments: names are equal, an absent rate is zero.
pub fn config<C: serde::de::DeserializeOwned>(hyper: &Value) -> Fallible<C> {
    let mut hyper = hyper.clone();
    if let Some(fields) = hyper.as_object_mut() {
        if fields.get("dropout").is_some_and(Value::is_null) {
            fields.insert("dropout".into(), 0.0.into());
        }
        fields.retain(|_, value| !value.is_null());
    }
    Ok(serde_json::from_value(hyper)?)
}
