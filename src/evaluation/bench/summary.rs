//! W3, W4, W5: summary networks of sets and series, forward and training.

use super::BenchOptions;
use super::clock::Work;
use super::flows::normal;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::autodiff::Tape;
use crate::device::Device;
use crate::error::Result;
use crate::networks::summary::{
    BuiltSummaryNetwork, DeepSet, SetTransformer, SummaryData, SummaryInput, SummaryNetwork, TimeSeriesNetwork,
    TimeSeriesTransformer, summaries,
};
use crate::nn::Pass;
use crate::optim::{Clipping, Optimizer, Schedule};
use crate::parameters::{Builder, Parameters};
use crate::random::Key;
use crate::tensor::Tensor;

/// Data sets that a network reads: so many elements with so many features, in batches.
struct Case {
    workload: &'static str,
    name: &'static str,
    network: Box<dyn SummaryNetwork>,
    elements: usize,
    features: usize,
    batches: &'static [usize],
}

fn cases(workload: &str) -> Vec<Case> {
    let points = SetTransformer { num_inducing_points: Some(32), ..SetTransformer::default() };
    let case = |workload, name, network: Box<dyn SummaryNetwork>, elements, features, batches| Case {
        workload,
        name,
        network,
        elements,
        features,
        batches,
    };
    let deep_set = DeepSet { summary_dim: 64, ..DeepSet::default() };
    let all = [
        case("W3", "deepset", Box::new(deep_set), 100, 2, &[32, 1024]),
        case("W4", "settransformer", Box::<SetTransformer>::default(), 100, 2, &[32, 256]),
        case("W4", "settransformer-isab32-n1000", Box::new(points), 1000, 2, &[32]),
        case("W5", "timeseriesnetwork", Box::<TimeSeriesNetwork>::default(), 100, 3, &[32, 256]),
        case("W5", "timeseriestransformer", Box::<TimeSeriesTransformer>::default(), 100, 3, &[32, 256]),
    ];
    all.into_iter().filter(|case| case.workload == workload).collect()
}

/// A network with weights and a batch of data sets on one device.
struct Side {
    network: Box<dyn BuiltSummaryNetwork>,
    parameters: Parameters,
    elements: Tensor,
    offsets: Tensor,
}

impl Case {
    fn side(&self, device: &Device, batch: usize) -> Result<Side> {
        let builder = Builder::new();
        let network = self.network.build(&builder, self.features.into())?;
        let values = normal(batch * self.elements * self.features, Key::new(3));
        Ok(Side {
            network,
            parameters: builder.finish(device, Key::new(2))?,
            elements: Tensor::from_values(device, [batch * self.elements, self.features], &values)?,
            offsets: Tensor::indices_from(device, batch + 1, |set| (set * self.elements) as u32)?,
        })
    }

    fn forward(&self, batch: usize, device: &Device) -> Result<Work<'static>> {
        let Side { network, parameters, .. } = self.side(device, 1)?;
        let (elements, features) = (normal(batch * self.elements * self.features, Key::new(3)), self.features);
        let offsets: Vec<u32> = (0..=batch).map(|set| (set * self.elements) as u32).collect();
        Ok(Box::new(move || {
            let input = SummaryData { elements: &elements, features, offsets: &offsets, grid: None };
            summaries(&*network, &parameters, &[input]).map(drop)
        }))
    }

    fn run(&self, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let devices = options.devices()?;
        let one = self.side(&devices[0], 1)?;
        let (flops, params) = (one.network.flops(self.elements), one.parameters.layout().trainable_count());
        let outputs = one.network.summary_dimension();
        let subject = |phase, batch, variant, flops, bytes| Subject {
            device: &devices[0],
            workload: self.workload,
            phase,
            batch,
            variant,
            params,
            flops,
            bytes,
        };
        let numbers = |batch: usize| batch * self.elements * self.features;
        let phase = format!("{}-forward", self.name);
        for &batch in self.batches.iter().filter(|&&batch| options.wants(&phase, batch)) {
            let works = devices.iter().map(|device| self.forward(batch, device)).collect::<Result<_>>()?;
            let bytes = Traffic { weights: params, inputs: numbers(batch), outputs: batch * outputs }.forward();
            options.measure(&subject(&phase, batch, "default", flops * batch, bytes), works, take)?;
        }
        let phase = format!("{}-train_step", self.name);
        for &batch in self.batches.iter().filter(|&&batch| options.wants(&phase, batch)) {
            let work = |device| self.side(device, batch)?.training(device, batch);
            let works = devices.iter().map(work).collect::<Result<_>>()?;
            let inputs = numbers(batch) + batch * outputs;
            let bytes = Traffic { weights: params, inputs, outputs: 1 }.training();
            options.measure(&subject(&phase, batch, "dropout", 3 * flops * batch, bytes), works, take)?;
        }
        Ok(())
    }
}

impl Side {
    /// A training step by Adam on the mean squared error to a fixed target.
    fn training(mut self, device: &Device, batch: usize) -> Result<Work<'static>> {
        let outputs = self.network.summary_dimension();
        let target = Tensor::from_values(device, [batch, outputs], &normal(batch * outputs, Key::new(4)))?;
        let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
        let mut adam = optimizer.build(Schedule::Constant { rate: 5e-4 }, &self.parameters)?;
        let mut tape = Tape::new(device);
        let mut step = 0;
        Ok(Box::new(move || {
            step += 1;
            tape.clear();
            let gradients = {
                let pass = Pass::training(&tape, &self.parameters, Key::new(6).at(step));
                let input =
                    SummaryInput::new(tape.constant(self.elements.clone()), tape.constant(self.offsets.clone()));
                let error = self.network.forward(&pass, input) - tape.constant(target.clone());
                pass.gradients((error * error).mean())?
            };
            adam.step(&mut self.parameters, &gradients).map(drop)
        }))
    }
}

pub(super) fn run(workload: &str, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    cases(workload).iter().try_for_each(|case| case.run(options, take))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The networks have the numbers of weights that the peers' rows have.
    #[test]
    fn networks_of_the_definition() {
        let weights = |workload: &str| -> Vec<usize> {
            let weights = |case: &Case| case.side(&Device::cpu(), 1).unwrap().parameters.layout().trainable_count();
            cases(workload).iter().map(weights).collect()
        };
        assert_eq!(weights("W4"), [201_874, 321_042]);
        assert_eq!(weights("W5"), [341_456, 105_899]);
    }
}
