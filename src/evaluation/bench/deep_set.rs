//! W3: a deep set on sets of 100 elements with 2 features.

use super::BenchOptions;
use super::clock::measure;
use super::flows::normal;
use super::row::{Row, Subject};
use crate::autodiff::Tape;
use crate::error::Result;
use crate::networks::DeepSet;
use crate::networks::summary::{SummaryInput, SummaryNetwork};
use crate::nn::Pass;
use crate::optim::{Clipping, Optimizer, Schedule};
use crate::parameters::Builder;
use crate::random::Key;
use crate::tensor::Tensor;

const ELEMENTS: usize = 100;
const FEATURES: usize = 2;
const SUMMARIES: usize = 64;

pub(super) fn run(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let device = options.device()?;
    let config = DeepSet { summary_dim: SUMMARIES, ..DeepSet::default() };
    let builder = Builder::new();
    let network = SummaryNetwork::build(&config, &builder, FEATURES)?;
    let params = builder.trainable_count();
    let mut parameters = builder.finish(&device, Key::new(2))?;
    let flops = network.flops(ELEMENTS);
    let subject = |phase, batch, variant, flops| Subject {
        device: &device,
        workload: "W3",
        threads: options.threads,
        phase,
        batch,
        variant,
        params,
        flops,
    };
    let sets = |batch: usize| -> Result<(Tensor, Tensor)> {
        let values = normal(batch * ELEMENTS * FEATURES, Key::new(3));
        let elements = Tensor::from_values(&device, [batch * ELEMENTS, FEATURES], &values)?;
        Ok((elements, Tensor::indices_from(&device, batch + 1, |set| (set * ELEMENTS) as u32)?))
    };
    for batch in [32, 1024].into_iter().filter(|&batch| options.wants("deepset-forward", batch)) {
        let (elements, offsets) = sets(batch)?;
        let mut tape = Tape::new(&device);
        let times = measure(options.budget, &mut || {
            tape.clear();
            let pass = Pass::inference(&tape, &parameters);
            let input =
                SummaryInput { elements: tape.constant(elements.clone()), offsets: tape.constant(offsets.clone()) };
            network.forward(&pass, input).value()?.values().map(drop)
        })?;
        take(Row::new(&subject("deepset-forward", batch, "default", flops * batch), &times))?;
    }
    for batch in [32, 1024].into_iter().filter(|&batch| options.wants("deepset-train_step", batch)) {
        let (elements, offsets) = sets(batch)?;
        let target = Tensor::from_values(&device, [batch, SUMMARIES], &normal(batch * SUMMARIES, Key::new(4)))?;
        let optimizer = Optimizer { clipping: Clipping::None, ..Optimizer::default() };
        let mut adam = optimizer.build(Schedule::Constant { rate: 5e-4 }, &parameters)?;
        let mut tape = Tape::new(&device);
        let mut step = 0;
        let times = measure(options.budget, &mut || {
            step += 1;
            tape.clear();
            let gradients = {
                let pass = Pass::training(&tape, &parameters, Key::new(6).at(step));
                let input =
                    SummaryInput { elements: tape.constant(elements.clone()), offsets: tape.constant(offsets.clone()) };
                let error = network.forward(&pass, input) - tape.constant(target.clone());
                pass.gradients((error * error).mean())?
            };
            adam.step(&mut parameters, &gradients).map(drop)
        })?;
        take(Row::new(&subject("deepset-train_step", batch, "dropout", 3 * flops * batch), &times))?;
    }
    Ok(())
}
