//! W3: a deep set on sets of 100 elements with 2 features.

use super::BenchOptions;
use super::clock::Work;
use super::flows::normal;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::autodiff::Tape;
use crate::device::Device;
use crate::error::Result;
use crate::networks::DeepSet;
use crate::networks::summary::{BuiltSummaryNetwork, SummaryData, SummaryInput, SummaryNetwork, summaries};
use crate::nn::Pass;
use crate::optim::{Clipping, Optimizer, Schedule};
use crate::parameters::{Builder, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

const ELEMENTS: usize = 100;
const FEATURES: usize = 2;
const SUMMARIES: usize = 64;

/// The network and a batch of sets on one device.
struct Side {
    network: Box<dyn BuiltSummaryNetwork>,
    parameters: Parameters,
    elements: Tensor,
    offsets: Tensor,
}

impl Side {
    fn new(device: &Device, batch: usize) -> Result<Self> {
        let config = DeepSet { summary_dim: SUMMARIES, ..DeepSet::default() };
        let builder = Builder::new();
        let network = SummaryNetwork::build(&config, &builder, FEATURES.into())?;
        let values = normal(batch * ELEMENTS * FEATURES, Key::new(3));
        Ok(Side {
            network,
            parameters: builder.finish(device, Key::new(2))?,
            elements: Tensor::from_values(device, [batch * ELEMENTS, FEATURES], &values)?,
            offsets: Tensor::indices_from(device, batch + 1, |set| (set * ELEMENTS) as u32)?,
        })
    }

    fn input<'t>(&self, tape: &'t Tape) -> SummaryInput<'t> {
        SummaryInput::new(tape.constant(self.elements.clone()), tape.constant(self.offsets.clone()))
    }

    fn forward(batch: usize, device: &Device) -> Result<Work<'static>> {
        let Side { network, parameters, .. } = Side::new(device, 1)?;
        let elements = normal(batch * ELEMENTS * FEATURES, Key::new(3));
        let offsets: Vec<u32> = (0..=batch).map(|set| (set * ELEMENTS) as u32).collect();
        Ok(Box::new(move || {
            let input = SummaryData { elements: &elements, features: FEATURES, offsets: &offsets, grid: None };
            summaries(&*network, &parameters, &[input]).map(drop)
        }))
    }

    /// A training step by Adam on the mean squared error to a fixed target.
    fn training(mut self, device: &Device, batch: usize) -> Result<Work<'static>> {
        let target = Tensor::from_values(device, [batch, SUMMARIES], &normal(batch * SUMMARIES, Key::new(4)))?;
        let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
        let mut adam = optimizer.build(Schedule::Constant { rate: 5e-4 }, &self.parameters)?;
        let mut tape = Tape::new(device);
        let mut step = 0;
        Ok(Box::new(move || {
            step += 1;
            tape.clear();
            let gradients = {
                let pass = Pass::training(&tape, &self.parameters, Key::new(6).at(step));
                let error = self.network.forward(&pass, self.input(&tape)) - tape.constant(target.clone());
                pass.gradients((error * error).mean())?
            };
            adam.step(&mut self.parameters, &gradients).map(drop)
        }))
    }
}

pub(super) fn run(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let devices = options.devices()?;
    let one = Side::new(&devices[0], 1)?;
    let (flops, params) = (one.network.flops(ELEMENTS), one.parameters.layout().trainable_count());
    let subject = |phase, batch, variant, flops, bytes| Subject {
        device: &devices[0],
        workload: "W3",
        phase,
        batch,
        variant,
        params,
        flops,
        bytes,
    };
    let sets = |batch: usize| batch * ELEMENTS * FEATURES;
    for batch in [32, 1024].into_iter().filter(|&batch| options.wants("deepset-forward", batch)) {
        let works = devices.iter().map(|device| Side::forward(batch, device)).collect::<Result<_>>()?;
        let bytes = Traffic { weights: params, inputs: sets(batch), outputs: batch * SUMMARIES }.forward();
        options.measure(&subject("deepset-forward", batch, "default", flops * batch, bytes), works, take)?;
    }
    for batch in [32, 1024].into_iter().filter(|&batch| options.wants("deepset-train_step", batch)) {
        let work = |device| Side::new(device, batch)?.training(device, batch);
        let works = devices.iter().map(work).collect::<Result<_>>()?;
        let bytes = Traffic { weights: params, inputs: sets(batch) + batch * SUMMARIES, outputs: 1 }.training();
        options.measure(&subject("deepset-train_step", batch, "dropout", 3 * flops * batch, bytes), works, take)?;
    }
    Ok(())
}
