//! W7: the linear regression from simulator to draws.

use std::cell::Cell;

use super::BenchOptions;
use super::clock::{Clock, Times, Work};
use super::flows::flops;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::approximators::{Trainable, Variable};
use crate::data::Record;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::{CouplingFlow, DeepSet};
use crate::optim::{Clipping, Optimizer};
use crate::simulators::{LinearRegression, Simulator};
use crate::workflow::{BasicWorkflow, Fit, linear_regression_adapter};

/// Data sets of a batch, observed data sets, draws for each, parameters.
const BATCH: usize = 32;
const OBSERVED: usize = 300;
const DRAWS: usize = 1000;
const PARAMETERS: usize = 3;

/// One number of observations for all data sets of a batch, as the peer has it.
fn simulator() -> LinearRegression {
    LinearRegression { size_per_batch: true, ..LinearRegression::default() }
}

/// The networks with their dropout, as the peer has them.
fn workflow(device: &Device, threads: usize) -> Result<BasicWorkflow> {
    BasicWorkflow::new(simulator())
        .adapter(linear_regression_adapter())
        .summary_network(DeepSet { summary_dim: 64, ..DeepSet::default() })
        .inference_network(CouplingFlow::default())
        .standardize([Variable::InferenceVariables, Variable::SummaryVariables])
        .seed(1)
        .device(device.clone())
        .threads(threads)
        .build()
}

/// Adam on gradients of which each is clipped to a norm of 1.5, 5 % of the steps to warm up, half a cosine to 0: the peer's.
fn fit(epochs: usize, batches_per_epoch: usize) -> Fit {
    let optimizer = Optimizer { clipping: Clipping::PerTensor(1.5), ..Optimizer::default() };
    Fit { epochs, batches_per_epoch, batch_size: BATCH, average: None, optimizer: Some(optimizer), ..Fit::default() }
}

/// What the phases cost, of the networks that a workflow has.
struct Costs {
    params: usize,
    /// Floating point operations of the flow for one row, and of the summary network for sets of 5, 6, …, 14 elements.
    flow: usize,
    summary: Vec<usize>,
}

impl Costs {
    fn of(workflow: &BasicWorkflow) -> Result<Self> {
        let built = workflow.approximator()?;
        let network = built.inference_network();
        let (smallest, largest) = (simulator().smallest as usize, simulator().largest as usize);
        let summary = |elements| built.summary_network().map_or(0, |network| network.flops(elements));
        Ok(Costs {
            params: built.parameters().layout().trainable_count(),
            flow: flops(&CouplingFlow::default(), network.dimension(), network.condition_dimension()),
            summary: (smallest..=largest).map(summary).collect(),
        })
    }

    /// Floating point operations and bytes of `rows` rows of the flow for data sets of this many elements.
    fn forward(&self, datasets: usize, elements: usize, rows: usize, inputs: usize, outputs: usize) -> (usize, usize) {
        let summary = self.summary[elements - simulator().smallest as usize];
        let inputs = inputs + datasets * (2 * elements + 1);
        (rows * self.flow + datasets * summary, Traffic { weights: self.params, inputs, outputs }.forward())
    }

    /// Floating point operations and bytes of a fit, on average over the numbers of elements.
    fn training(&self, steps: usize) -> (usize, usize) {
        let sizes = self.summary.len();
        let summary = self.summary.iter().sum::<usize>() / sizes;
        let elements = 2 * simulator().smallest as usize + sizes - 1; // x and y: twice the mean
        let inputs = BATCH * (elements + 1 + PARAMETERS);
        let traffic = Traffic { weights: self.params, inputs, outputs: 1 };
        (steps * 3 * BATCH * (self.flow + summary), steps * traffic.training())
    }
}

/// What all phases share.
struct Study<'a> {
    options: &'a BenchOptions,
    devices: Vec<Device>,
}

/// A trained workflow for each number of threads.
type Trained = Vec<BasicWorkflow>;

pub(super) fn run(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let study = Study { options, devices: options.devices()? };
    if options.wants("time_to_first_step", BATCH) {
        study.first_steps(take)?;
    }
    let trained = study.fits(take)?;
    study.repeated(&trained, take)
}

impl Study<'_> {
    fn subject<'a>(
        &'a self,
        phase: &'a str,
        batch: usize,
        params: usize,
        (flops, bytes): (usize, usize),
    ) -> Subject<'a> {
        let device = &self.devices[0];
        Subject { device, workload: "W7", phase, batch, variant: "default", params, flops, bytes }
    }

    fn sides(&self) -> impl Iterator<Item = (&Device, usize)> {
        self.devices.iter().zip(self.options.threads.iter().copied())
    }

    /// Times since the start of the process: what it did before counts, whose wall time is at least its CPU time.
    fn since_start(&self, (wall, cpu): (f64, f64)) -> Times {
        Times::once((wall + self.options.startup, cpu + self.options.startup))
    }

    fn first_steps(&self, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        for (device, threads) in self.sides() {
            let clock = Clock::start();
            let mut first = workflow(device, threads)?;
            first.fit_online(fit(1, 1))?;
            let times = self.since_start(clock.seconds());
            let params = Costs::of(&first)?.params;
            take(Row::new(&self.subject("time_to_first_step", BATCH, params, (0, 0)), threads, &times))?;
        }
        Ok(())
    }

    /// The whole fits and the first draws after them; when neither was asked for, fits of one step, since the other phases take
    /// as long with any weights.
    fn fits(&self, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<Trained> {
        let wanted = ["fit_online", "time_to_first_posterior"].map(|phase| self.options.wants(phase, BATCH));
        let (epochs, batches) = match wanted {
            [false, false] => (1, 1),
            _ => (self.options.epochs, self.options.batches),
        };
        let mut trained = Trained::new();
        for (device, threads) in self.sides() {
            let mut workflow = workflow(device, threads)?;
            let clock = Clock::start();
            let history = workflow.fit_online(fit(epochs, batches))?;
            let fitted = clock.seconds();
            let one = workflow.simulate(1)?;
            let clock = Clock::start();
            workflow.sample(&one, DRAWS)?;
            let drawn = clock.seconds();
            let (costs, steps) = (Costs::of(&workflow)?, epochs * batches);
            let whole = self.since_start((fitted.0 + drawn.0, fitted.1 + drawn.1));
            let phases = [
                ("fit_online", costs.training(steps), Times::once(fitted)),
                ("time_to_first_posterior", (0, 0), whole),
            ];
            let loss = history.epoch_losses().last().copied().unwrap_or(f64::NAN);
            for ((phase, cost, times), _) in phases.into_iter().zip(wanted).filter(|(_, wanted)| *wanted) {
                let mut row = Row::new(&self.subject(phase, BATCH, costs.params, cost), threads, &times);
                row.steps = Some(steps);
                row.note = Some(format!("{epochs} epochs × {batches} batches, final loss {loss:.3}"));
                take(row)?;
            }
            trained.push(workflow);
        }
        Ok(trained)
    }

    /// Draws, densities and simulations, again and again.
    fn repeated(&self, trained: &Trained, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
        let Some(first) = trained.first() else { return Ok(()) };
        let costs = Costs::of(first)?;
        let (one, many) = (first.simulate(1)?, first.simulate(OBSERVED)?);
        let elements =
            |data: &Record| Ok::<_, Error>(data.column("x")?.array.len() / data.datasets()?.unwrap_or(1).max(1));
        let (of_one, of_many) = (elements(&one)?, elements(&many)?);
        let mut phase = |name: &str, batch, cost, job: &dyn Fn(&BasicWorkflow) -> Result<()>| -> Result<()> {
            if !self.options.wants(name, batch) {
                return Ok(());
            }
            let works = trained.iter().map(|workflow| -> Work { Box::new(move || job(workflow)) }).collect();
            self.options.measure(&self.subject(name, batch, costs.params, cost), works, take)
        };
        let cost = costs.forward(1, of_one, DRAWS, 0, PARAMETERS * DRAWS);
        phase("sample-1x1000", DRAWS, cost, &|workflow| workflow.sample(&one, DRAWS).map(drop))?;
        let rows = OBSERVED * DRAWS;
        let cost = costs.forward(OBSERVED, of_many, rows, 0, PARAMETERS * rows);
        phase("sample-300x1000", rows, cost, &|workflow| workflow.sample(&many, DRAWS).map(drop))?;
        let cost = costs.forward(OBSERVED, of_many, OBSERVED, PARAMETERS * OBSERVED, OBSERVED);
        phase("log_prob-300", OBSERVED, cost, &|workflow| workflow.log_prob(&many).map(drop))?;
        let seed = Cell::new(0);
        phase("simulator-only", BATCH, (0, 0), &|_| {
            seed.set(seed.get() + 1);
            simulator().simulate(BATCH, seed.get()).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every phase of the definition once, with the numbers of parameters and steps that the peer's rows have.
    #[test]
    fn all_phases_of_the_definition() {
        let options =
            BenchOptions { epochs: 1, batches: 2, budget: 1e-9, threads: vec![1, 2], ..BenchOptions::default() };
        let only = ["time", "fit", "sample-1x", "log_prob", "simulator"].map(str::to_string).to_vec();
        let mut rows = Vec::new();
        run(&BenchOptions { only, ..options }, &mut |row| {
            rows.push(row);
            Ok(())
        })
        .unwrap();
        let found = |row: &Row| (row.phase.clone(), row.batch.unwrap(), row.steps, row.threads);
        let expected = [
            ("time_to_first_step", 32, None),
            ("fit_online", 32, Some(2)),
            ("time_to_first_posterior", 32, Some(2)),
            ("sample-1x1000", 1000, None),
            ("log_prob-300", 300, None),
            ("simulator-only", 32, None),
        ];
        for (phase, batch, steps) in expected {
            for threads in [1, 2] {
                assert!(rows.iter().any(|row| found(row) == (phase.to_string(), batch, steps, threads)), "{phase}");
            }
        }
        assert_eq!(rows.len(), 2 * expected.len());
        assert!(rows.iter().all(|row| row.params == Some(497_096)));
        let bytes = |phase: &str| rows.iter().find(|row| row.phase == phase).unwrap().bytes.unwrap();
        // Weights, gradients and moments of two steps, 32 sets of 9.5 elements on average with size and parameters, a loss.
        assert_eq!(bytes("fit_online"), 2.0 * 4.0 * (8.0 * 497_096.0 + 32.0 * (2.0 * 9.5 + 1.0 + 3.0) + 1.0));
        let elements = (bytes("log_prob-300") / 4.0 - 497_096.0 - 300.0 * (3.0 + 1.0 + 1.0)) / 600.0;
        assert!((5.0..=14.0).contains(&elements) && elements.fract() == 0.0, "{elements} elements a set");
    }
}
