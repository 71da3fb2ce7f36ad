//! Summary networks of sets, series and images, through the trait that all of them fulfil.

use ferroflow::networks::SummaryChoice;
use ferroflow::networks::summary::{
    BuiltSummaryNetwork, ConvolutionalNetwork, DeepSet, Elements, FusionNetwork, FusionTransformer, SetTransformer,
    SummaryInput, SummaryNetwork, TimeSeriesNetwork, TimeSeriesTransformer,
};
use ferroflow::nn::Mlp;
use ferroflow::parameters::Builder;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Fallible, attention, config, layer, tensor, weights};
use crate::common::golden::{Check, Outcome};

pub fn deep_set(check: &mut Check) -> Outcome {
    summary::<DeepSet>(check)
}

pub fn set_transformer(check: &mut Check) -> Outcome {
    summary::<SetTransformer>(check)
}

pub fn convolutional(check: &mut Check) -> Outcome {
    let network = images(check.hyper())?;
    run(check, &network, &["x"])
}

/// The peer says `null` where this library says `none`.
fn images(hyper: &Value) -> Fallible<ConvolutionalNetwork> {
    let mut hyper = hyper.clone();
    if hyper["norm"].is_null() {
        hyper["norm"] = "none".into();
    }
    config(&hyper)
}

pub fn fusion_transformer(check: &mut Check) -> Outcome {
    summary::<FusionTransformer>(check)
}

pub fn time_series_transformer(check: &mut Check) -> Outcome {
    let network = transformer(check.hyper())?;
    match network.return_sequences {
        true => run(check, &Sequences(network), &["x"]),
        false => run(check, &network, &["x"]),
    }
}

/// A transformer of series; the peer has no name for no embedding.
fn transformer(hyper: &Value) -> Fallible<TimeSeriesTransformer> {
    let mut hyper = hyper.clone();
    if hyper["time_embedding"].is_null() {
        hyper["time_embedding"] = "none".into();
    }
    config(&hyper)
}

pub fn time_series(check: &mut Check) -> Outcome {
    let network = series(check.hyper())?;
    run(check, &network, &["x"])
}

fn series(hyper: &Value) -> Fallible<TimeSeriesNetwork> {
    Ok(TimeSeriesNetwork { peer_compatible: true, ..config(hyper)? })
}

/// A transformer of series with an output for every element.
struct Sequences(TimeSeriesTransformer);

impl SummaryNetwork for Sequences {
    fn name(&self) -> &str {
        "sequences"
    }

    fn build(&self, builder: &Builder, elements: Elements) -> ferroflow::Result<Box<dyn BuiltSummaryNetwork>> {
        Ok(Box::new(self.0.build(builder, elements.features)?))
    }
}

pub fn fusion_network(check: &mut Check) -> Outcome {
    let network = fusion(check.hyper())?;
    let names: Vec<String> = network.backbones.keys().cloned().collect();
    run(check, &network, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn fusion(hyper: &Value) -> Fallible<FusionNetwork> {
    let mut network = FusionNetwork { backbones: Default::default(), head: None };
    for (name, part) in hyper["backbones"].as_object().ok_or("there are no backbones")? {
        network.backbones.insert(name.clone(), choice(part)?);
    }
    if !hyper["head"].is_null() {
        network.head = Some(config::<Mlp>(&hyper["head"]["hyper"])?);
    }
    Ok(network)
}

/// The summary network of a description with its kind and its arguments.
pub fn choice(described: &Value) -> Fallible<SummaryChoice> {
    let hyper = &described["hyper"];
    Ok(match described["kind"].as_str() {
        Some("ConvolutionalNetwork") => images(hyper)?.into(),
        Some("DeepSet") => config::<DeepSet>(hyper)?.into(),
        Some("FusionNetwork") => fusion(hyper)?.into(),
        Some("FusionTransformer") => config::<FusionTransformer>(hyper)?.into(),
        Some("MLP") => config::<Mlp>(hyper)?.into(),
        Some("SetTransformer") => config::<SetTransformer>(hyper)?.into(),
        Some("TimeSeriesNetwork") => series(hyper)?.into(),
        Some("TimeSeriesTransformer") => transformer(hyper)?.into(),
        other => return Err(format!("the summary network {other:?} is not built yet").into()),
    })
}

/// A network of one input `x`: sets or series `[datasets, elements, features]`, or images `[datasets, height, width, channels]`.
pub fn summary<N: SummaryNetwork + DeserializeOwned>(check: &mut Check) -> Outcome {
    let network: N = config(check.hyper())?;
    run(check, &network, &["x"])
}

/// A network and the names of its inputs in alphabetical order.
pub fn run(check: &mut Check, network: &dyn SummaryNetwork, names: &[&str]) -> Outcome {
    let mut shapes = Vec::new();
    for name in names {
        shapes.push(Shape::of(check.input(name)?.shape())?);
    }
    let of_build: Vec<(String, Elements)> = match names {
        [_] => vec![(String::new(), shapes[0].elements)],
        _ => names.iter().zip(&shapes).map(|(name, shape)| (name.to_string(), shape.elements)).collect(),
    };
    let (parameters, built) = weights(check, |builder| network.build_all(builder, &of_build))?;
    let device = parameters.device().clone();
    let mask = check.case.get("in/attention_mask").map(|mask| tensor(&device, mask)).transpose()?;
    let offsets = shapes.iter().map(|shape| attention::offsets(&device, shape.datasets, shape.each));
    let offsets = offsets.collect::<Fallible<Vec<_>>>()?;
    layer(check, &parameters, names, |pass, x| {
        let input = |(i, shape): (usize, &Shape)| {
            let rows = shape.datasets * shape.each;
            SummaryInput {
                elements: x[i].reshape([rows, shape.elements.features]),
                offsets: pass.tape().constant(offsets[i].clone()),
                mask: mask.clone().map(|mask| pass.tape().constant(mask).reshape([rows, shape.each])),
                grid: shape.elements.grid,
            }
        };
        let inputs: Vec<SummaryInput> = shapes.iter().enumerate().map(input).collect();
        let y = built.forward_all(pass, &inputs);
        // An output of every element, not of every data set.
        let (datasets, each) = (shapes[0].datasets, shapes[0].each);
        let of_elements = each > 1 && y.shape().rows() == datasets * each;
        Ok(if of_elements { y.reshape([datasets, each, built.summary_dimension()]) } else { y })
    })
}

struct Shape {
    datasets: usize,
    each: usize,
    elements: Elements,
}

impl Shape {
    fn of(axes: &[usize]) -> Fallible<Self> {
        Ok(match *axes {
            [datasets, features] => Shape { datasets, each: 1, elements: features.into() },
            [datasets, each, features] => Shape { datasets, each, elements: features.into() },
            [datasets, height, width, features] => {
                let elements = Elements { features, grid: Some([height, width]) };
                Shape { datasets, each: height * width, elements }
            }
            _ => return Err(format!("an input of shape {axes:?} is no set, series or image").into()),
        })
    }
}
