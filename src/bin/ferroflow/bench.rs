//! `ferroflow bench`: workloads that anyone can run.

use std::path::Path;
use std::time::Instant;

use ferroflow::device::Device;
use ferroflow::diagnostics::{Draws, SbcOptions, Truths, rank_counts, sbc_check};
use ferroflow::evaluation::{Agreement, exact_regression};
use ferroflow::random::Key;
use ferroflow::simulators::LinearRegression;
use ferroflow::workflow::{BasicWorkflow, Fit};

use crate::arguments::Bench;
use crate::output::{Outcome, Output};

/// Held-out data sets and draws for each.
const DATASETS: usize = 1000;
const DRAWS: usize = 2000;
/// Simulation-based calibration: data sets and draws.
const SBC: (usize, usize) = (300, 1000);

pub fn run(arguments: Bench) -> Outcome {
    let mut output = Output::new(arguments.json);
    if let Some(model) = &arguments.model {
        return report(&mut output, "model", 0, 0.0, &load(model)?, arguments.test_seed);
    }
    let mut all = Vec::new();
    for &seed in &arguments.seeds {
        let epochs = 15 * arguments.factor;
        let began = Instant::now();
        let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default())?
            .seed(seed)
            .device(Device::cpu_with_threads(arguments.threads)?)
            .threads(arguments.threads)
            .build()?;
        workflow.fit_online(Fit { epochs, ..Fit::for_regression() })?;
        let seconds = began.elapsed().as_secs_f64();
        all.push(measure(&mut output, &format!("{epochs} epochs"), seed, seconds, &workflow, arguments.test_seed)?);
    }
    let over = |f: fn(&Agreement) -> f64| all.iter().map(f).sum::<f64>() / all.len().max(1) as f64;
    output.line(format!(
        "mean over seeds: mean error {:.3} (median {:.3}), width error {:.3} (median {:.3})",
        over(|a| a.mean_error),
        over(|a| a.median_mean_error),
        over(|a| a.width_error),
        over(|a| a.median_width_error)
    ));
    Ok(())
}

fn load(model: &Path) -> ferroflow::Result<BasicWorkflow> {
    BasicWorkflow::load(model, None, Device::cpu())
}

fn report(output: &mut Output, what: &str, seed: u64, seconds: f64, workflow: &BasicWorkflow, test: u64) -> Outcome {
    measure(output, what, seed, seconds, workflow, test).map(drop)
}

fn measure(
    output: &mut Output,
    what: &str,
    seed: u64,
    seconds: f64,
    workflow: &BasicWorkflow,
    test: u64,
) -> Outcome<Agreement> {
    let agreement = exact_regression(workflow, DATASETS, DRAWS, test)?;
    let inside = calibrated(workflow, test)?;
    output.line(format!(
        "{what}, seed {seed}: mean error {:.3} (median {:.3}), width error {:.3} (median {:.3}), training {seconds:.1} s, \
         SBC {} the 95 % band",
        agreement.mean_error,
        agreement.median_mean_error,
        agreement.width_error,
        agreement.median_width_error,
        if inside { "inside" } else { "OUTSIDE of" }
    ));
    output.event(serde_json::json!({
        "workload": "exact-regression", "what": what, "seed": seed, "training_s": seconds,
        "agreement": agreement, "sbc_inside": inside,
    }));
    Ok(agreement)
}

fn calibrated(workflow: &BasicWorkflow, test: u64) -> ferroflow::Result<bool> {
    use ferroflow::simulators::Simulator;
    let data = LinearRegression::default().simulate(SBC.0, test + 1)?;
    let posterior = workflow.sample_from(&data, SBC.1, 0, test)?;
    let draws = Draws::from_record(&posterior)?;
    let truths: Truths = draws.truths(&data)?;
    let ranks = rank_counts(&draws, &truths)?;
    let check = sbc_check(&ranks, SBC.1, &SbcOptions::default(), Key::new(test))?;
    Ok(check.variables.iter().all(|variable| variable.inside))
}
