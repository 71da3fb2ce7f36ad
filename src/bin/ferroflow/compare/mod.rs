//! `ferroflow compare`.

mod settings;

use std::io::Write;
use std::path::Path;

use ferroflow::Error;
use ferroflow::approximators::ModelComparisonApproximator;
use ferroflow::codecs::atomic_write;
use ferroflow::data::Record;
use ferroflow::data::io::{read_npz, write_npz};
use ferroflow::device::Device;
use ferroflow::io::{ModelFile, RunFolder};
use ferroflow::simulators::{Simulator, find};
use ferroflow::workflow::{Checkpoint, ComparisonWorkflow, Defaults, Fit, History, Roles, Validation, WorkflowBuilder};

use crate::arguments::Compare;
use crate::checks;
use crate::output::{Outcome, Output, usage, warn};
use crate::progress::Progress;
use settings::Settings;

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
        Some(model) => load(model, arguments.length.device.as_deref().unwrap_or("cpu"), threads)?,
        None => train(&mut arguments, threads)?,
    };
    match &arguments.data {
        Some(data) => predict(&comparison, data, &arguments.out),
        None => Ok(()),
    }
}

/// A trained comparison from its file.
fn load(model: &Path, device: &str, threads: usize) -> Outcome<ComparisonWorkflow> {
    checks::input(model)?;
    Ok(ComparisonWorkflow::load(model, Device::named(device, threads)?)?)
}

/// A training that was interrupted: where, and how far it came.
struct Interrupted {
    folder: RunFolder,
    /// None where the first epoch had not begun.
    checkpoint: Option<Checkpoint>,
}

impl Interrupted {
    fn open(folder: &Path) -> Outcome<Self> {
        let folder = RunFolder::open(folder)?;
        let checkpoint = match folder.model().exists() {
            true => Some(Checkpoint::from_file::<ModelComparisonApproximator>(&ModelFile::load(&folder.model())?)?),
            false => None,
        };
        Ok(Interrupted { folder, checkpoint })
    }

    /// Trained to the end, and examined.
    fn is_complete(&self) -> bool {
        self.checkpoint.as_ref().is_some_and(Checkpoint::is_complete) && self.folder.path().join("report.html").exists()
    }
}

/// The settings of a comparison that is resumed; options that would change its result are refused.
fn resumed(arguments: &Compare, folder: &RunFolder) -> Outcome<Settings> {
    let saved = Settings::load(&folder.config())?;
    let asked = saved.clone().overridden(arguments);
    checks::unchanged(&saved.to_toml()?, &asked.to_toml()?, folder.path())?;
    Ok(asked)
}

/// Trains a comparison, or goes on with one; saves and examines it.
fn train(arguments: &mut Compare, threads: usize) -> Outcome<ComparisonWorkflow> {
    let interrupted = match arguments.resume {
        true => Some(Interrupted::open(&arguments.out)?),
        false => None,
    };
    let settings = match &interrupted {
        Some(interrupted) => resumed(arguments, &interrupted.folder)?,
        None => Settings::of(arguments),
    };
    let mut output = Output::default();
    if let Some(interrupted) = interrupted.as_ref().filter(|interrupted| interrupted.is_complete()) {
        let folder = interrupted.folder.path().display();
        output.line(format!("the comparison in {folder} is complete; nothing is left to train"));
        return load(&interrupted.folder.model(), &settings.device, threads);
    }
    let files = settings.simulators.iter().filter(|name| name.ends_with(".npz")).count();
    let seed = settings.seed;
    let device = Device::named(&settings.device, threads)?;
    let configure = |builder: WorkflowBuilder<_>| builder.threads(threads).device(device);
    let checkpoint = interrupted.as_ref().and_then(|interrupted| interrupted.checkpoint.as_ref());
    let (comparison, test) = match files {
        0 => {
            let mut models: Vec<(String, Box<dyn Simulator>)> = Vec::new();
            for name in &settings.simulators {
                models.push((name.clone(), find(name)?));
            }
            if !settings.data_variables.is_empty() {
                return Err(usage("--data-variables belongs to .npz files; built-in simulators know their data"));
            }
            let mut comparison = ComparisonWorkflow::for_simulators(models, seed)?.configure(configure)?;
            let fit = settings.training.complete(Fit { epochs: 50, batches_per_epoch: 200, ..Fit::default() });
            let validation = settings.validation.filter(|count| *count > 0);
            let validation = validation.map_or(Validation::None, Validation::Simulations);
            let mut progress = begin(arguments, &settings, interrupted.as_ref(), &mut comparison, output, &fit)?;
            comparison.workflow_mut().fit_online_with(fit, validation, &mut [&mut progress], checkpoint)?;
            progress.finish();
            restore_history(&mut comparison, interrupted.as_ref())?;
            let test = comparison.simulate(TEST)?;
            (comparison, test)
        }
        count if count == settings.simulators.len() => {
            if settings.data_variables.is_empty() {
                return Err(usage("name the arrays that are observed with --data-variables"));
            }
            let roles = Roles {
                data_variables: settings.data_variables.clone(),
                conditions: settings.conditions.clone(),
                ..Roles::default()
            };
            let mut simulations = Vec::new();
            for file in &settings.simulators {
                let path = Path::new(file);
                checks::input(path)?;
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                simulations.push((name, read_npz(path, &[])?));
            }
            let (comparison, data) = ComparisonWorkflow::from_simulations(simulations, &roles, seed)?;
            let mut comparison = comparison.configure(configure)?;
            let (training, held_out) = divided(&data)?;
            let rows = training.datasets()?.unwrap_or(0);
            let mut fit = settings.training.complete(Fit { patience: Some(10), ..Fit::default() });
            if settings.training.epochs.is_none() {
                fit.epochs = Defaults::offline_epochs(rows, fit.batch_size);
            }
            let mut progress = begin(arguments, &settings, interrupted.as_ref(), &mut comparison, output, &fit)?;
            let validation = Validation::Data(held_out.clone());
            comparison.workflow_mut().fit_offline_with(training, fit, validation, &mut [&mut progress], checkpoint)?;
            progress.finish();
            restore_history(&mut comparison, interrupted.as_ref())?;
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
fn begin(
    arguments: &mut Compare,
    settings: &Settings,
    interrupted: Option<&Interrupted>,
    comparison: &mut ComparisonWorkflow,
    mut output: Output,
    fit: &Fit,
) -> Outcome<Progress> {
    fit.check()?;
    match interrupted {
        Some(Interrupted { checkpoint: Some(checkpoint), .. }) => {
            output.line(format!("going on after epoch {}\n", checkpoint.epochs()));
        }
        _ => {
            let folder = match interrupted {
                Some(interrupted) => interrupted.folder.clone(),
                None => RunFolder::create(&arguments.out)?,
            };
            arguments.out = folder.path().to_path_buf();
            let toml = settings.to_toml()?;
            atomic_write(folder.config(), |file| file.write_all(toml.as_bytes()))?;
            output.line(format!(
                "Ctrl-C keeps the last complete epoch; go on with: ferroflow compare --resume --out {}\n",
                arguments.out.display()
            ));
        }
    }
    comparison.workflow_mut().set_checkpoints(&arguments.out);
    Ok(Progress::new(output, fit.epochs))
}

/// The losses of a training that was complete before, and only examined now.
fn restore_history(comparison: &mut ComparisonWorkflow, interrupted: Option<&Interrupted>) -> Outcome {
    let complete = |i: &&Interrupted| i.checkpoint.as_ref().is_some_and(Checkpoint::is_complete);
    if let Some(interrupted) = interrupted.filter(complete)
        && interrupted.folder.history().exists()
    {
        comparison.workflow_mut().set_history(History::read_csv(&interrupted.folder.history())?);
    }
    Ok(())
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
    atomic_write(&picture, |file| file.write_all(figure.svg.as_bytes()))?;
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
