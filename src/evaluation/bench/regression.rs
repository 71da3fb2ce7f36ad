//! W7: the linear regression from simulator to draws.

use super::BenchOptions;
use super::clock::{Clock, Times, measure, process_seconds};
use super::row::{Row, Subject};
use crate::approximators::{Trainable, Variable};
use crate::error::Result;
use crate::networks::{CouplingFlow, DeepSet};
use crate::optim::Optimizer;
use crate::simulators::{LinearRegression, Simulator};
use crate::workflow::{BasicWorkflow, Fit, linear_regression_adapter};

/// The networks with their dropout, and Adam as the peer has it.
fn workflow(options: &BenchOptions) -> Result<BasicWorkflow> {
    BasicWorkflow::new(LinearRegression::default())
        .adapter(linear_regression_adapter())
        .summary_network(DeepSet { summary_dim: 64, ..DeepSet::default() })
        .inference_network(CouplingFlow::default())
        .standardize([Variable::InferenceVariables, Variable::SummaryVariables])
        .seed(1)
        .device(options.device()?)
        .threads(options.threads)
        .build()
}

pub(super) fn run(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let device = options.device()?;
    let subject = |phase, batch, params| Subject {
        device: &device,
        workload: "W7",
        threads: options.threads,
        phase,
        batch,
        variant: "default",
        params,
        flops: 0,
    };
    let once = |(wall, cpu): (f64, f64)| Times { first: wall, wall: vec![wall], cpu: vec![cpu] };
    let fit = Fit {
        batches_per_epoch: 200,
        average: None,
        optimizer: Some(Optimizer::default()),
        epochs: options.epochs,
        ..Fit::default()
    };
    let clock = Clock::start();
    let before = process_seconds();
    let mut first = workflow(options)?;
    first.fit_online(Fit { epochs: 1, batches_per_epoch: 1, ..fit.clone() })?;
    let (wall, cpu) = clock.seconds();
    let params = first.approximator()?.parameters().layout().trainable_count();
    // What the process did before counts too; its wall time is at least its CPU time.
    take(Row::new(&subject("time_to_first_step", 32, params), &once((wall + before, cpu + before))))?;
    drop(first);

    let mut trained = workflow(options)?;
    let clock = Clock::start();
    let history = trained.fit_online(fit)?;
    let fitted = clock.seconds();
    let mut row = Row::new(&subject("fit_online", 32, params), &once(fitted));
    let loss = history.epoch_losses().last().copied().unwrap_or(f64::NAN);
    row.note = Some(format!("{} epochs × 200 batches, final loss {loss:.3}", options.epochs));
    take(row)?;
    let one = trained.simulate(1)?;
    let many = trained.simulate(300)?;
    let clock = Clock::start();
    trained.sample(&one, 1000)?;
    let (wall, cpu) = clock.seconds();
    let total = once((fitted.0 + wall + before, fitted.1 + cpu + before));
    take(Row::new(&subject("time_to_first_posterior", 32, params), &total))?;

    let mut phase = |name: &'static str, batch: usize, work: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        if !options.wants(name, batch) {
            return Ok(());
        }
        take(Row::new(&subject(name, batch, params), &measure(options.budget, work)?))
    };
    phase("sample-1x1000", 1000, &mut || trained.sample(&one, 1000).map(drop))?;
    phase("sample-300x1000", 300_000, &mut || trained.sample(&many, 1000).map(drop))?;
    phase("log_prob-300", 300, &mut || trained.log_prob(&many).map(drop))?;
    let mut seed = 0;
    phase("simulator-only", 32, &mut || {
        seed += 1;
        LinearRegression::default().simulate(32, seed).map(drop)
    })
}
