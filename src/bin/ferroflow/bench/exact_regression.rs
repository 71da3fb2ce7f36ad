//! `ferroflow bench exact-regression`: the amortized posterior against the exact one.

use std::time::Instant;

use ferroflow::data::Record;
use ferroflow::device::Device;
use ferroflow::diagnostics::{Draws, SbcOptions, Truths, rank_counts, sbc_check};
use ferroflow::evaluation::{Agreement, exact_regression};
use ferroflow::random::Key;
use ferroflow::simulators::{LinearRegression, Simulator, exact_probabilities};
use ferroflow::workflow::{BasicWorkflow, Fit};

use crate::arguments::Bench;
use crate::output::{Outcome, Output, usage};

/// Held-out data sets and draws for each.
const DATASETS: usize = 1000;
const DRAWS: usize = 2000;
/// Simulation-based calibration: data sets and draws.
const SBC: (usize, usize) = (300, 1000);

pub fn run(arguments: Bench) -> Outcome {
    let [threads] = arguments.threads[..] else {
        return Err(usage("exact-regression runs on one number of threads; give --threads one number"));
    };
    let device = || Device::named(arguments.device.as_deref().unwrap_or("cpu"), threads);
    let mut output = Output::new(arguments.json);
    let mut all = Vec::new();
    if let Some(model) = &arguments.model {
        let workflow = BasicWorkflow::load(model, None, device()?)?;
        measure(&mut output, "model", &workflow, &arguments.test_seeds, &mut all)?;
    } else {
        for &seed in &arguments.seeds {
            let fit = Fit::for_regression().longer(arguments.factor);
            let what = format!("{} epochs, seed {seed}", fit.epochs);
            let began = Instant::now();
            let mut workflow = BasicWorkflow::for_simulator(LinearRegression::default())?
                .seed(seed)
                .device(device()?)
                .threads(threads)
                .build()?;
            workflow.fit_online(fit)?;
            let seconds = began.elapsed().as_secs_f64();
            output.line(format!("{what}: trained in {seconds:.1} s"));
            output.event(serde_json::json!({
                "workload": "exact-regression", "what": what, "seed": seed, "training_s": seconds,
            }));
            measure(&mut output, &what, &workflow, &arguments.test_seeds, &mut all)?;
        }
    }
    for &test in &arguments.test_seeds {
        let of_set: Vec<&Agreement> = all.iter().filter(|(seed, _)| *seed == test).map(|(_, a)| a).collect();
        let over = |f: fn(&Agreement) -> f64| of_set.iter().map(|a| f(a)).sum::<f64>() / of_set.len().max(1) as f64;
        output.line(format!(
            "average of test seed {test}: mean error {:.3} (median {:.3}), width error {:.3} (median {:.3})",
            over(|a| a.mean_error),
            over(|a| a.median_mean_error),
            over(|a| a.width_error),
            over(|a| a.median_width_error)
        ));
    }
    Ok(())
}

/// One line for each seed of held-out data sets.
fn measure(
    output: &mut Output,
    what: &str,
    workflow: &BasicWorkflow,
    test_seeds: &[u64],
    all: &mut Vec<(u64, Agreement)>,
) -> Outcome {
    for &test in test_seeds {
        let agreement = exact_regression(workflow, DATASETS, DRAWS, test)?;
        let outside = outside_of_the_band(workflow, test)?;
        output.line(format!(
            "{what}, test seed {test}: mean error {:.3} (median {:.3}), width error {:.3} (median {:.3}), SBC {}",
            agreement.mean_error,
            agreement.median_mean_error,
            agreement.width_error,
            agreement.median_width_error,
            match outside.is_empty() {
                true => "inside the 95 % band".to_string(),
                false => format!("OUTSIDE of the 95 % band: {}", outside.join(", ")),
            }
        ));
        output.event(serde_json::json!({
            "workload": "exact-regression", "what": what, "test_seed": test,
            "agreement": agreement, "sbc_outside": outside,
        }));
        all.push((test, agreement));
    }
    Ok(())
}

/// The parameters whose ranks leave the simultaneous band, and whether those of the exact posterior do.
fn outside_of_the_band(workflow: &BasicWorkflow, test: u64) -> ferroflow::Result<Vec<String>> {
    let data = LinearRegression::default().simulate(SBC.0, test + 1)?;
    let posterior = workflow.sample_from(&data, SBC.1, 0, test)?;
    let draws = Draws::from_record(&posterior)?;
    let truths: Truths = draws.truths(&data)?;
    let check = |ranks: &[Vec<usize>]| sbc_check(ranks, SBC.1, &SbcOptions::default(), Key::new(test));
    let ours = check(&rank_counts(&draws, &truths)?)?;
    let exact = check(&exact_ranks(&data)?)?;
    let variables = draws.names().into_iter().zip(&ours.variables).zip(&exact.variables);
    Ok(variables
        .filter(|((_, ours), _)| !ours.inside)
        .map(|((name, ours), exact)| {
            format!(
                "{name} by {:.3}, bias {:.1}, overconfidence {:.1} (the exact posterior of these data: {}, bias {:.1}, \
                 overconfidence {:.1}, in standard scores)",
                ours.excursion.beyond,
                ours.shape.bias,
                ours.shape.overconfidence,
                if exact.inside { "inside".to_string() } else { format!("outside by {:.3}", exact.excursion.beyond) },
                exact.shape.bias,
                exact.shape.overconfidence
            )
        })
        .collect())
}

/// The ranks that the truth would have among exact draws: β₀, β₁, σ.
fn exact_ranks(data: &Record) -> ferroflow::Result<Vec<Vec<usize>>> {
    let numbers = |key: &str| Ok::<_, ferroflow::Error>(data.column(key)?.array.to_f64());
    let (beta, sigma, x, y) = (numbers("beta")?, numbers("sigma")?, numbers("x")?, numbers("y")?);
    let offsets = data.column("x")?.offsets.clone();
    let mut ranks = vec![Vec::new(); 3];
    for (dataset, &sigma) in sigma.iter().enumerate() {
        let size = x.len() / SBC.0;
        let set = offsets.as_ref().map_or(dataset * size..(dataset + 1) * size, |o| o[dataset]..o[dataset + 1]);
        let truth = [beta[2 * dataset], beta[2 * dataset + 1], sigma];
        let probabilities = exact_probabilities(&x[set.clone()], &y[set], truth)?;
        for (ranks, p) in ranks.iter_mut().zip(probabilities) {
            ranks.push(((p * (SBC.1 + 1) as f64) as usize).min(SBC.1));
        }
    }
    Ok(ranks)
}
