//! W1 and W2: a coupling flow of 10 variables given 64 conditions.

use rand_distr::{Distribution, StandardNormal};

use super::BenchOptions;
use super::clock::Work;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::approximators::{Approximator, Batch, ContinuousApproximator, Dimensions, Matrix, Trainable};
use crate::bijections::{Spline, Transform};
use crate::codecs::Array;
use crate::device::Device;
use crate::error::Result;
use crate::networks::CouplingFlow;
use crate::networks::inference::{BuiltCouplingFlow, BuiltInferenceNetwork, Conditional};
use crate::nn::Mlp;
use crate::ops::fused_flow::FusedFlow;
use crate::optim::{Clipping, Optimizer, Schedule};
use crate::parameters::{Builder, Parameters};
use crate::random::Key;

const DIMENSION: usize = 10;
const CONDITION: usize = 64;
/// Standard deviation of the output projectors' weights, which would start at zero.
const PROJECTOR: f64 = 0.02;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Affine,
    Spline,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Affine => "W1",
            Kind::Spline => "W2",
        }
    }

    fn transform(self) -> Transform {
        match self {
            Kind::Affine => Transform::default(),
            Kind::Spline => Spline::default().into(),
        }
    }
}

/// Floating point operations of a flow's matrix products per row, which are all that the definition counts.
pub(super) fn flops(config: &CouplingFlow, dimension: usize, condition: usize) -> usize {
    let first = dimension / 2;
    let subnet = |known: usize, changed: usize| {
        let widths = config.subnet.widths.iter().copied().chain([changed * config.transform.parameters()]);
        widths.fold((0, known + condition), |(sum, width), next| (sum + width * next, next)).0
    };
    2 * config.depth * (subnet(first, dimension - first) + subnet(dimension - first, first))
}

/// Standard normal numbers.
pub(super) fn normal(count: usize, key: Key) -> Vec<f32> {
    let mut stream = key.stream();
    (0..count).map(|_| StandardNormal.sample(&mut stream)).collect()
}

fn disturb_projectors(parameters: &mut Parameters) -> Result<()> {
    for entry in parameters.layout().clone().entries() {
        if entry.name.ends_with("output_projector.kernel") {
            let mut stream = Key::new(7).fork(&entry.name).stream();
            let mut number = || -> f64 { StandardNormal.sample(&mut stream) };
            let values = (0..entry.shape.elements()).map(|_| PROJECTOR * number()).collect();
            parameters.set(&entry.name, &Array::f64(entry.shape.axes(), values)?)?;
        }
    }
    Ok(())
}

/// The flow on one number of threads.
struct Side {
    flow: BuiltCouplingFlow,
    parameters: Parameters,
    fused: Option<FusedFlow>,
}

impl Side {
    fn new(config: &CouplingFlow, device: &Device) -> Result<Self> {
        let builder = Builder::new();
        let flow = config.build(&builder, DIMENSION, CONDITION, Key::new(1))?;
        let mut parameters = builder.finish(device, Key::new(2))?;
        disturb_projectors(&mut parameters)?;
        let fused = BuiltInferenceNetwork::fuse(&flow, &parameters)?;
        Ok(Side { flow, parameters, fused })
    }

    fn given(&self, condition: &[f32], datasets: usize) -> Result<Conditional<'_>> {
        Conditional::prepared(&self.flow, &self.parameters, self.fused.clone(), condition.to_vec(), datasets)
    }
}

pub(super) fn run(kind: Kind, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let devices = options.devices()?;
    let config = CouplingFlow { transform: kind.transform(), ..CouplingFlow::default() };
    let sides: Vec<Side> = devices.iter().map(|device| Side::new(&config, device)).collect::<Result<_>>()?;
    let (flops, params) = (flops(&config, DIMENSION, CONDITION), sides[0].flow.parameter_count());
    let subject = |phase, batch, variant, flops, bytes| {
        let (device, workload) = (&devices[0], kind.name());
        Subject { device, workload, phase, batch, variant, params, flops, bytes }
    };
    for batch in [1, 64, 1024, 16384].into_iter().filter(|&batch| options.wants("log_prob", batch)) {
        let condition = normal(batch * CONDITION, Key::new(3));
        let x = normal(batch * DIMENSION, Key::new(4));
        let work = |side| -> Result<Work> {
            let (conditional, x) = (Side::given(side, &condition, batch)?, &x);
            Ok(Box::new(move || conditional.log_prob(x).map(drop)))
        };
        let works = sides.iter().map(work).collect::<Result<_>>()?;
        let bytes = Traffic { weights: params, inputs: condition.len() + x.len(), outputs: batch }.forward();
        options.measure(&subject("log_prob", batch, "default", flops * batch, bytes), works, take)?;
    }
    for draws in [1, 1000, 100_000].into_iter().filter(|&draws| options.wants("sample", draws)) {
        let condition = normal(CONDITION, Key::new(3));
        let work = |side| -> Result<Work> {
            let conditional = Side::given(side, &condition, 1)?;
            Ok(Box::new(move || conditional.sample(Key::new(5), 0, draws).map(drop)))
        };
        let works = sides.iter().map(work).collect::<Result<_>>()?;
        let bytes = Traffic { weights: params, inputs: CONDITION, outputs: draws * DIMENSION }.forward();
        options.measure(&subject("sample", draws, "default", flops * draws, bytes), works, take)?;
    }
    for (variant, dropout) in [("dropout", config.subnet.dropout), ("no-dropout", 0.0)] {
        for batch in [32, 256, 1024].into_iter().filter(|&batch| options.wants("train_step", batch)) {
            let subnet = Mlp { dropout, ..config.subnet.clone() };
            let config = CouplingFlow { subnet, ..config.clone() };
            let works = devices.iter().map(|device| training(config.clone(), batch, device)).collect::<Result<_>>()?;
            let bytes = Traffic { weights: params, inputs: batch * (DIMENSION + CONDITION), outputs: 1 }.training();
            options.measure(&subject("train_step", batch, variant, 3 * flops * batch, bytes), works, take)?;
        }
    }
    Ok(())
}

/// A training step by Adam on one batch.
fn training(flow: CouplingFlow, batch: usize, device: &Device) -> Result<Work<'static>> {
    let numbers = |columns: usize, key: u64| Matrix {
        columns,
        values: normal(batch * columns, Key::new(key)).into_iter().map(f64::from).collect(),
    };
    let data = Batch {
        datasets: batch,
        inference_variables: Some(numbers(DIMENSION, 4)),
        inference_conditions: Some(numbers(CONDITION, 3)),
        summary_variables: Vec::new(),
        sample_weight: None,
    };
    let config =
        ContinuousApproximator { inference_network: flow.into(), standardize: Vec::new(), ..Default::default() };
    let mut built = config.build(Dimensions::of(&data)?, device, Key::new(2))?;
    disturb_projectors(built.parameters_mut())?;
    let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
    let mut adam = optimizer.build(Schedule::Constant { rate: 5e-4 }, built.parameters())?;
    let mut step = 0;
    Ok(Box::new(move || {
        step += 1;
        built.train_step(&data, &mut adam, Key::new(6).at(step)).map(drop)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters and operations that the definition names, and the bytes that follow.
    #[test]
    fn sizes_of_the_definition() {
        for (kind, params, flops) in [(Kind::Affine, 321_264, 635_904), (Kind::Spline, 700_524, 1_388_544)] {
            let only = vec!["train_step@32".to_string(), "log_prob@64".to_string()];
            let options = BenchOptions { only, budget: 1e-9, ..BenchOptions::default() };
            let mut rows = Vec::new();
            run(kind, &options, &mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
            let step = rows.iter().find(|row| row.phase == "train_step").unwrap();
            let numbers = (8 * params + 32 * (10 + 64) + 1) as f64;
            assert_eq!((step.params, step.flops), (Some(params), Some((3 * 32 * flops) as f64)));
            assert_eq!(step.bytes, Some(4.0 * numbers));
            let density = rows.iter().find(|row| row.phase == "log_prob").unwrap();
            let numbers = (params + 64 * (10 + 64 + 1)) as f64;
            assert_eq!((density.flops, density.bytes), (Some((64 * flops) as f64), Some(4.0 * numbers)));
        }
    }
}
