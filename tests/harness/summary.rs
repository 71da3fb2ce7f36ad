//! Summary networks of sets, series and images, through the trait that all of them fulfil.

use ferroflow::networks::summary::{DeepSet, Elements, SetTransformer, SummaryInput, SummaryNetwork};
use serde::de::DeserializeOwned;

use super::{Fallible, attention, config, layer, tensor, weights};
use crate::common::golden::{Check, Outcome};

pub fn deep_set(check: &mut Check) -> Outcome {
    summary::<DeepSet>(check)
}

pub fn set_transformer(check: &mut Check) -> Outcome {
    summary::<SetTransformer>(check)
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
        Ok(built.forward_all(pass, &inputs))
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
            [datasets, each, features] => Shape { datasets, each, elements: features.into() },
            [datasets, height, width, features] => {
                let elements = Elements { features, grid: Some([height, width]) };
                Shape { datasets, each: height * width, elements }
            }
            _ => return Err(format!("an input of shape {axes:?} is no set, series or image").into()),
        })
    }
}
