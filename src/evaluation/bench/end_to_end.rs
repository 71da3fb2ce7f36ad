//! W7 and W8: a study from simulator to draws.

use std::cell::Cell;
use std::sync::Arc;

use super::BenchOptions;
use super::clock::{Clock, Times, Work};
use super::flows::flops;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::adapters::Adapter;
use crate::approximators::{Trainable, Variable};
use crate::codecs::Dtype;
use crate::data::Record;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::networks::summary::TimeSeriesNetwork;
use crate::networks::{CouplingFlow, DeepSet, SummaryChoice};
use crate::optim::{Clipping, Optimizer};
use crate::simulators::{LinearRegression, Simulator, Sir};
use crate::workflow::{BasicWorkflow, Fit, linear_regression_adapter};

/// Data sets of a batch, observed data sets, draws for each.
const BATCH: usize = 32;
const OBSERVED: usize = 300;
const DRAWS: usize = 1000;

/// A study as the peer has it, dropout and standardisation included.
struct Problem {
    workload: &'static str,
    simulator: Arc<dyn Simulator>,
    adapter: Adapter,
    summary: SummaryChoice,
    standardize: Vec<Variable>,
    parameters: usize,
    /// The numbers of elements that a data set may have, all equally probable.
    sizes: std::ops::RangeInclusive<usize>,
    /// The elements of a data set, and numbers for each and besides.
    elements: &'static str,
    features: usize,
    conditions: usize,
}

impl Problem {
    fn of(workload: &str) -> Self {
        match workload {
            "W8" => Problem {
                workload: "W8",
                simulator: Arc::new(Sir::daily()),
                adapter: Adapter::new()
                    .convert_dtype(Dtype::F64, Dtype::F32)
                    .rename("parameters", "inference_variables")
                    .rename("observables", "summary_variables"),
                summary: TimeSeriesNetwork::default().into(),
                standardize: vec![Variable::InferenceVariables],
                parameters: 2,
                sizes: 160..=160,
                elements: "observables",
                features: 1,
                conditions: 0,
            },
            // One number of observations for all data sets of a batch.
            _ => Problem {
                workload: "W7",
                simulator: Arc::new(LinearRegression { size_per_batch: true, ..LinearRegression::default() }),
                adapter: linear_regression_adapter(),
                summary: DeepSet { summary_dim: 64, ..DeepSet::default() }.into(),
                standardize: vec![Variable::InferenceVariables, Variable::SummaryVariables],
                parameters: 3,
                sizes: 5..=14,
                elements: "x",
                features: 2,
                conditions: 1,
            },
        }
    }

    fn workflow(&self, device: &Device, threads: usize) -> Result<BasicWorkflow> {
        BasicWorkflow::new(self.simulator.clone())
            .adapter(self.adapter.clone())
            .summary_network(self.summary.clone())
            .inference_network(CouplingFlow::default())
            .standardize(self.standardize.clone())
            .seed(1)
            .device(device.clone())
            .threads(threads)
            .build()
    }
}

/// Adam on gradients of which each is clipped to a norm of 1.5, 5 % of the steps to warm up, half a cosine to 0: the peer's.
fn fit(epochs: usize, batches_per_epoch: usize) -> Fit {
    let optimizer = Optimizer { clipping: Clipping::PerTensor(1.5), ..Optimizer::default() };
    Fit { epochs, batches_per_epoch, batch_size: BATCH, average: None, optimizer: Some(optimizer), ..Fit::default() }
}

/// What the phases cost, of the networks that a workflow has.
struct Costs {
    params: usize,
    /// Floating point operations of the flow for one row, and of the summary network for each number of elements.
    flow: usize,
    summary: Vec<usize>,
}

impl Costs {
    fn of(problem: &Problem, workflow: &BasicWorkflow) -> Result<Self> {
        let built = workflow.approximator()?;
        let network = built.inference_network();
        let summary = |elements| built.summary_network().map_or(0, |network| network.flops(elements));
        Ok(Costs {
            params: built.parameters().layout().trainable_count(),
            flow: flops(&CouplingFlow::default(), network.dimension(), network.condition_dimension()),
            summary: problem.sizes.clone().map(summary).collect(),
        })
    }

    /// Floating point operations and bytes of `rows` rows of the flow for data sets of this many elements.
    fn forward(
        &self,
        problem: &Problem,
        (datasets, elements, rows): (usize, usize, usize),
        inputs: usize,
        outputs: usize,
    ) -> (usize, usize) {
        let summary = self.summary[elements - problem.sizes.start()];
        let inputs = inputs + datasets * (problem.features * elements + problem.conditions);
        (rows * self.flow + datasets * summary, Traffic { weights: self.params, inputs, outputs }.forward())
    }

    /// Floating point operations and bytes of a fit, on average over the numbers of elements.
    fn training(&self, problem: &Problem, steps: usize) -> (usize, usize) {
        let summary = self.summary.iter().sum::<usize>() / self.summary.len();
        let twice_the_mean = problem.sizes.start() + problem.sizes.end();
        let numbers = BATCH * problem.features * twice_the_mean / 2;
        let inputs = numbers + BATCH * (problem.conditions + problem.parameters);
        let traffic = Traffic { weights: self.params, inputs, outputs: 1 };
        (steps * 3 * BATCH * (self.flow + summary), steps * traffic.training())
    }
}

/// What all phases share.
struct Study<'a> {
    problem: Problem,
    options: &'a BenchOptions,
    devices: Vec<Device>,
}

/// A trained workflow for each number of threads.
type Trained = Vec<BasicWorkflow>;

pub(super) fn run(workload: &str, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let study = Study { problem: Problem::of(workload), options, devices: options.devices()? };
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
        Subject { device, workload: self.problem.workload, phase, batch, variant: "default", params, flops, bytes }
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
            let mut first = self.problem.workflow(device, threads)?;
            first.fit_online(fit(1, 1))?;
            let times = self.since_start(clock.seconds());
            let params = Costs::of(&self.problem, &first)?.params;
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
            let mut workflow = self.problem.workflow(device, threads)?;
            let clock = Clock::start();
            let history = workflow.fit_online(fit(epochs, batches))?;
            let fitted = clock.seconds();
            let one = workflow.simulate(1)?;
            let clock = Clock::start();
            workflow.sample(&one, DRAWS)?;
            let drawn = clock.seconds();
            let (costs, steps) = (Costs::of(&self.problem, &workflow)?, epochs * batches);
            let whole = self.since_start((fitted.0 + drawn.0, fitted.1 + drawn.1));
            let phases = [
                ("fit_online", costs.training(&self.problem, steps), Times::once(fitted)),
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
        let (problem, costs) = (&self.problem, Costs::of(&self.problem, first)?);
        let parameters = problem.parameters;
        let (one, many) = (first.simulate(1)?, first.simulate(OBSERVED)?);
        let elements = |data: &Record| {
            Ok::<_, Error>(data.column(problem.elements)?.array.len() / data.datasets()?.unwrap_or(1).max(1))
        };
        let (of_one, of_many) = (elements(&one)?, elements(&many)?);
        let mut phase = |name: &str, batch, cost, job: &dyn Fn(&BasicWorkflow) -> Result<()>| -> Result<()> {
            if !self.options.wants(name, batch) {
                return Ok(());
            }
            let works = trained.iter().map(|workflow| -> Work { Box::new(move || job(workflow)) }).collect();
            self.options.measure(&self.subject(name, batch, costs.params, cost), works, take)
        };
        let cost = costs.forward(problem, (1, of_one, DRAWS), 0, parameters * DRAWS);
        phase("sample-1x1000", DRAWS, cost, &|workflow| workflow.sample(&one, DRAWS).map(drop))?;
        let rows = OBSERVED * DRAWS;
        let cost = costs.forward(problem, (OBSERVED, of_many, rows), 0, parameters * rows);
        phase("sample-300x1000", rows, cost, &|workflow| workflow.sample(&many, DRAWS).map(drop))?;
        let cost = costs.forward(problem, (OBSERVED, of_many, OBSERVED), parameters * OBSERVED, OBSERVED);
        phase("log_prob-300", OBSERVED, cost, &|workflow| workflow.log_prob(&many).map(drop))?;
        let seed = Cell::new(0);
        phase("simulator-only", BATCH, (0, 0), &|_| {
            seed.set(seed.get() + 1);
            problem.simulator.simulate(BATCH, seed.get()).map(drop)
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
        run("W7", &BenchOptions { only, ..options }, &mut |row| {
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
