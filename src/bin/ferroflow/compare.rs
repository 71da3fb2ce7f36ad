//! `ferroflow compare`.

use std::path::Path;

use ferroflow::Error;
use ferroflow::data::Record;
use ferroflow::data::io::{read_npz, write_npz};
use ferroflow::device::Device;
use ferroflow::io::RunFolder;
use ferroflow::simulators::{Simulator, find};
use ferroflow::workflow::{ComparisonWorkflow, Defaults, Fit, FitOptions, Roles, Validation, WorkflowBuilder};

use crate::arguments::Compare;
use crate::checks;
use crate::output::{Outcome, Output, usage, warn};
use crate::progress::Progress;

/// Data sets that the comparison is examined on.
const TEST: usize = 1000;
/// Share of given simulations that are held out, and the most.
const HELD_OUT: (usize, usize) = (10, 1000);
/// Predictions that are printed.
const SHOWN: usize = 20;

pub fn run(arguments: Compare) -> Outcome {
    checks::folder_output(&arguments.out)?;
    let mut arguments = arguments;
    if let Some(data) = &arguments.data {
        checks::input(data)?;
    }
    let threads = checks::threads(arguments.length.threads);
    let comparison = match &arguments.model {
        Some(model) => {
            checks::input(model)?;
            ComparisonWorkflow::load(model, Device::cpu_with_threads(threads)?)?
        }
        None => train(&mut arguments, threads)?,
    };
    match &arguments.data {
        Some(data) => predict(&comparison, data, &arguments.out),
        None => Ok(()),
    }
}

/// Trains a comparison, saves and examines it.
fn train(arguments: &mut Compare, threads: usize) -> Outcome<ComparisonWorkflow> {
    let files = arguments.simulators.iter().filter(|name| name.ends_with(".npz")).count();
    let seed = arguments.length.seed.unwrap_or(0);
    let device = Device::named(arguments.length.device.as_deref().unwrap_or("cpu"), threads)?;
    let configure = |builder: WorkflowBuilder<_>| builder.threads(threads).device(device);
    let mut output = Output::default();
    let (comparison, test) = match files {
        0 => {
            let mut models: Vec<(String, Box<dyn Simulator>)> = Vec::new();
            for name in &arguments.simulators {
                models.push((name.clone(), find(name)?));
            }
            if !arguments.data_variables.is_empty() {
                return Err(usage("--data-variables belongs to .npz files; built-in simulators know their data"));
            }
            let mut comparison = ComparisonWorkflow::for_simulators(models, seed)?.configure(configure)?;
            let fit = options(arguments).complete(Fit { epochs: 50, batches_per_epoch: 200, ..Fit::default() });
            let validation = arguments.length.validation.filter(|count| *count > 0);
            let validation = validation.map_or(Validation::None, Validation::Simulations);
            let mut progress = begin(arguments, &mut comparison, output, &fit)?;
            comparison.workflow_mut().fit_online_with(fit, validation, &mut [&mut progress], None)?;
            progress.finish();
            let test = comparison.simulate(TEST)?;
            (comparison, test)
        }
        count if count == arguments.simulators.len() => {
            if arguments.data_variables.is_empty() {
                return Err(usage("name the arrays that are observed with --data-variables"));
            }
            let roles = Roles {
                data_variables: arguments.data_variables.clone(),
                conditions: arguments.conditions.clone(),
                ..Roles::default()
            };
            let mut simulations = Vec::new();
            for file in &arguments.simulators {
                let path = Path::new(file);
                checks::input(path)?;
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                simulations.push((name, read_npz(path, &[])?));
            }
            let (comparison, data) = ComparisonWorkflow::from_simulations(simulations, &roles, seed)?;
            let mut comparison = comparison.configure(configure)?;
            let (training, held_out) = divided(&data)?;
            let rows = training.datasets()?.unwrap_or(0);
            let mut fit = options(arguments).complete(Fit { patience: Some(10), ..Fit::default() });
            if arguments.length.epochs.is_none() {
                fit.epochs = Defaults::offline_epochs(rows, fit.batch_size);
            }
            let mut progress = begin(arguments, &mut comparison, output, &fit)?;
            let validation = Validation::Data(held_out.clone());
            comparison.workflow_mut().fit_offline_with(training, fit, validation, &mut [&mut progress], None)?;
            progress.finish();
            (comparison, held_out)
        }
        _ => return Err(usage("--simulators mixes built-in simulators and .npz files; give one or the other")),
    };
    let diagnosis = comparison.diagnose_on(&test)?;
    let paths = diagnosis.save(&arguments.out)?;
    output.line(format!("\nDiagnostics on {} data sets of known models:\n", diagnosis.datasets));
    output.line(diagnosis.report.metrics.to_string().trim_end());
    output.line(format!(
        "accuracy {:.4}, −ln p of the true model {:.4} on average\n",
        diagnosis.accuracy, diagnosis.log_loss
    ));
    diagnosis.verdicts.iter().for_each(|verdict| output.line(format!("{:<8} {}", verdict.status, verdict.sentence)));
    output.line(format!("\n{}", arguments.out.display()));
    output.line("  model.safetensors  the trained comparison: ferroflow compare --model …");
    output.line(format!("  report.html        verdicts, numbers and {} pictures on one page", paths.len() - 2));
    Ok(comparison)
}

/// Makes the folder, now that everything that was given is known to fit together. An earlier comparison is never overwritten.
fn begin(arguments: &mut Compare, comparison: &mut ComparisonWorkflow, output: Output, fit: &Fit) -> Outcome<Progress> {
    fit.check()?;
    arguments.out = RunFolder::create(&arguments.out)?.path().to_path_buf();
    comparison.workflow_mut().set_checkpoints(&arguments.out);
    Ok(Progress::new(output, fit.epochs))
}

fn options(arguments: &Compare) -> FitOptions {
    let length = &arguments.length;
    FitOptions {
        epochs: length.epochs,
        batches_per_epoch: length.batches_per_epoch,
        batch_size: length.batch_size,
        learning_rate: length.learning_rate,
        patience: length.patience,
        ..FitOptions::default()
    }
}

/// Every tenth data set, up to a thousand, is held out: the models take turns.
fn divided(data: &Record) -> Outcome<(Record, Record)> {
    let rows = data.datasets()?.unwrap_or(0);
    let step = HELD_OUT.0.max(rows.div_ceil(HELD_OUT.1));
    let (held_out, training): (Vec<usize>, Vec<usize>) = (0..rows).partition(|row| row % step == step - 1);
    if held_out.len() < 2 {
        let message = format!("{rows} simulations in all are too few; give at least {}", 2 * HELD_OUT.0);
        return Err(Error::argument("--simulators", message).into());
    }
    Ok((data.select(&training)?, data.select(&held_out)?))
}

/// Compares the models on observed data.
fn predict(comparison: &ComparisonWorkflow, data: &Path, out: &Path) -> Outcome {
    let observed = comparison.workflow().read(data, false)?;
    let predictions = comparison.predict(&observed)?;
    std::fs::create_dir_all(out)
        .map_err(|e| Error::file(out, format!("the folder cannot be made ({e}); name another one with --out")))?;
    let file = out.join("probabilities.npz");
    write_npz(&file, &predictions.to_record()?)?;
    let picture = out.join("model_probabilities.svg");
    let figure = predictions.figure()?;
    ferroflow::codecs::atomic_write(&picture, |file| std::io::Write::write_all(file, figure.svg.as_bytes()))?;
    let mut output = Output::default();
    let mut shown = predictions.clone();
    shown.rows.truncate(SHOWN);
    output.line(format!("\nPosterior model probabilities:\n\n{shown}"));
    if predictions.rows.len() > SHOWN {
        output.line(format!("… and {} more", predictions.rows.len() - SHOWN));
    }
    output.line(format!("{}: probabilities and logarithms of Bayes factors", file.display()));
    if let Some(warning) = comparison.workflow().warn_atypical(&observed)? {
        warn(&warning);
    }
    Ok(())
}
