//! W1 and W2: a coupling flow of 10 variables given 64 conditions.

use rand_distr::{Distribution, StandardNormal};

use super::BenchOptions;
use super::clock::measure;
use super::row::{Row, Subject};
use crate::approximators::{Batch, ContinuousApproximator, Dimensions, Matrix, Trainable};
use crate::bijections::{Spline, Transform};
use crate::codecs::Array;
use crate::device::Device;
use crate::error::Result;
use crate::networks::CouplingFlow;
use crate::networks::inference::{BuiltInferenceNetwork, Conditional};
use crate::nn::Mlp;
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

    /// Floating point operations of the products per row.
    fn flops(self, config: &CouplingFlow) -> usize {
        let half = DIMENSION / 2;
        let widths = config.subnet.widths.iter().copied().chain([half * self.transform().parameters()]);
        let (products, _) = widths.fold((0, half + CONDITION), |(sum, width), next| (sum + width * next, next));
        2 * products * 2 * config.depth
    }
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

pub(super) fn run(kind: Kind, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let device = options.device()?;
    let config = CouplingFlow { transform: kind.transform(), ..CouplingFlow::default() };
    let builder = Builder::new();
    let flow = config.build(&builder, DIMENSION, CONDITION, Key::new(1))?;
    let mut parameters = builder.finish(&device, Key::new(2))?;
    disturb_projectors(&mut parameters)?;
    let params = flow.parameter_count();
    let subject = |phase, batch, variant, flops| Subject {
        device: &device,
        workload: kind.name(),
        threads: options.threads,
        phase,
        batch,
        variant,
        params,
        flops,
    };
    let flops = kind.flops(&config);
    let fused = BuiltInferenceNetwork::fuse(&flow, &parameters)?;
    for batch in [1, 64, 1024, 16384].into_iter().filter(|&batch| options.wants("log_prob", batch)) {
        let condition = normal(batch * CONDITION, Key::new(3));
        let x = normal(batch * DIMENSION, Key::new(4));
        let conditional = Conditional::prepared(&flow, &parameters, fused.clone(), condition, batch)?;
        let times = measure(options.budget, &mut || conditional.log_prob(&x).map(drop))?;
        take(Row::new(&subject("log_prob", batch, "default", flops * batch), &times))?;
    }
    for draws in [1, 1000, 100_000].into_iter().filter(|&draws| options.wants("sample", draws)) {
        let condition = normal(CONDITION, Key::new(3));
        let conditional = Conditional::prepared(&flow, &parameters, fused.clone(), condition, 1)?;
        let times = measure(options.budget, &mut || conditional.sample(Key::new(5), 0, draws).map(drop))?;
        take(Row::new(&subject("sample", draws, "default", flops * draws), &times))?;
    }
    for (variant, dropout) in [("dropout", config.subnet.dropout), ("no-dropout", 0.0)] {
        for batch in [32, 256, 1024].into_iter().filter(|&batch| options.wants("train_step", batch)) {
            let subnet = Mlp { dropout, ..config.subnet.clone() };
            let mut step = training(CouplingFlow { subnet, ..config.clone() }, batch, &device)?;
            let times = measure(options.budget, &mut step)?;
            take(Row::new(&subject("train_step", batch, variant, 3 * flops * batch), &times))?;
        }
    }
    Ok(())
}

/// A training step by Adam on one batch.
fn training(flow: CouplingFlow, batch: usize, device: &Device) -> Result<impl FnMut() -> Result<()>> {
    let numbers = |columns: usize, key: u64| Matrix {
        columns,
        values: normal(batch * columns, Key::new(key)).into_iter().map(f64::from).collect(),
    };
    let data = Batch {
        datasets: batch,
        inference_variables: Some(numbers(DIMENSION, 4)),
        inference_conditions: Some(numbers(CONDITION, 3)),
        summary_variables: None,
        sample_weight: None,
    };
    let config =
        ContinuousApproximator { inference_network: flow.into(), summary_network: None, standardize: Vec::new() };
    let mut built = config.build(Dimensions::of(&data)?, device, Key::new(2))?;
    disturb_projectors(built.parameters_mut())?;
    let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
    let mut adam = optimizer.build(Schedule::Constant { rate: 5e-4 }, built.parameters())?;
    let mut step = 0;
    Ok(move || {
        step += 1;
        built.train_step(&data, &mut adam, Key::new(6).at(step)).map(drop)
    })
}
