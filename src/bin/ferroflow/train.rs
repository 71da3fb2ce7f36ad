//! `ferroflow train`.

mod ensemble;
mod joint;

use std::io::Write;
use std::path::{Path, PathBuf};

use ferroflow::Error;
use ferroflow::approximators::{ContinuousApproximator, RatioApproximator, ScoringRuleApproximator, Trainable};
use ferroflow::codecs::atomic_write;
use ferroflow::io::{ModelFile, RunFolder};
use ferroflow::networks::{InferenceChoice, SummaryChoice};
use ferroflow::simulators::find;
use ferroflow::workflow::{Checkpoint, Diagnosis, EstimateDiagnosis, History, Learn, Learned, Roles, Run, RunConfig};
use serde_json::json;

use crate::arguments::Train;
use crate::output::{Outcome, Output, bytes, duration, grouped, usage};
use crate::progress::{DrawsBar, Progress};
use crate::{checks, diagnose, inspect, sample, simulate};

pub fn run(arguments: Train) -> Outcome {
    let output = Output::new(arguments.json);
    let (config, resumed) = match arguments.resume {
        true => {
            let folder = RunFolder::open(folder_of(&arguments, &configured(&arguments)?)?)?;
            (resumed_config(&arguments, &folder)?, Some(folder))
        }
        false => (overridden(configured(&arguments)?, &arguments)?, None),
    };
    if config.simulator.is_none() && config.data.is_none() {
        return Err(usage(
            "there is nothing to train on; name a simulator (such as linear-regression), or give simulations with --data and \
             their roles, or a --config",
        ));
    }
    if let Some(members) = config.members {
        return ensemble::train(&arguments, config, members, resumed, output);
    }
    match config.learn {
        Learn::Posterior | Learn::Likelihood => {
            execute::<ContinuousApproximator>(&arguments, config, resumed, output, conclude)
        }
        Learn::Estimates => execute::<ScoringRuleApproximator>(&arguments, config, resumed, output, conclude_estimates),
        Learn::Ratio => execute::<RatioApproximator>(&arguments, config, resumed, output, conclude_ratio),
        Learn::Joint => joint::train(&arguments, config, resumed, output),
    }
}

/// The end of a command: what the trained run is examined by.
type Conclusion<A> = fn(&mut Output, &Run<A>, &RunFolder, String) -> Outcome;

fn execute<A: Learned>(
    arguments: &Train,
    config: RunConfig,
    resumed: Option<RunFolder>,
    mut output: Output,
    conclude: Conclusion<A>,
) -> Outcome {
    let checkpoint = match &resumed {
        Some(folder) if folder.model().exists() => {
            Some(Checkpoint::from_file::<A>(&ModelFile::load(&folder.model())?)?)
        }
        _ => None,
    };
    if let (Some(folder), Some(checkpoint)) = (&resumed, &checkpoint)
        && checkpoint.is_complete()
        && folder.path().join("report.html").exists()
    {
        complete(&mut output, folder);
        return Ok(());
    }
    let out = match &resumed {
        Some(folder) => folder.path().to_path_buf(),
        None => folder_of(arguments, &config)?,
    };
    let mut run = prepare::<A>(config, &out, &mut output)?;
    let folder = match resumed {
        Some(folder) => folder,
        None => RunFolder::create(out)?,
    };
    run.workflow.set_checkpoints(folder.path());
    let toml = run.config.to_toml()?;
    if checkpoint.is_none() {
        atomic_write(folder.config(), |file| file.write_all(toml.as_bytes()))?;
    }
    fit(&mut output, &mut run, &folder, checkpoint.as_ref())?;
    conclude(&mut output, &run, &folder, toml)
}

/// Says that there is nothing to do.
fn complete(output: &mut Output, folder: &RunFolder) {
    let text = format!("the run in {} is complete; nothing is left to train", folder.path().display());
    output.event(json!({ "event": "complete", "folder": folder.path(), "message": text }));
    output.line(text);
}

/// Says how the training begins.
fn begin(output: &mut Output, folder: &RunFolder, epochs: Option<usize>) {
    match epochs {
        Some(epochs) => output.line(format!("going on after epoch {epochs}\n")),
        None => output.line(format!("{}\n", how_to_go_on(folder))),
    }
}

fn how_to_go_on(folder: &RunFolder) -> String {
    format!(
        "Ctrl-C keeps the last complete epoch; go on with: ferroflow train --resume --out {}",
        folder.path().display()
    )
}

/// Prepares a run, and tells what will be trained.
fn prepare<A: Learned>(config: RunConfig, out: &Path, output: &mut Output) -> Outcome<Run<A>> {
    check(&config, out)?;
    let run = Run::<A>::prepare(config)?;
    introduce(output, &run)?;
    Ok(run)
}

/// Checks what can be checked before anything long begins.
fn check(config: &RunConfig, out: &Path) -> Outcome {
    checks::folder_output(out)?;
    if let (Some(name), Some(budget), None) = (&config.simulator, config.budget, &config.data) {
        simulate::memory(&*find(name)?, "--budget", budget)?;
    }
    if let Some(path) = config.data.as_ref().filter(|path| !path.is_dir()) {
        checks::input(path)?;
    }
    Ok(())
}

/// The configuration of --config, or an empty one.
fn configured(arguments: &Train) -> Outcome<RunConfig> {
    match &arguments.config {
        Some(path) => {
            checks::input(path)?;
            Ok(RunConfig::load(path)?)
        }
        None => Ok(RunConfig::default()),
    }
}

/// The configuration with what the command line says.
fn overridden(mut config: RunConfig, arguments: &Train) -> Outcome<RunConfig> {
    let Train { simulator, data, length, networks, roles, .. } = arguments;
    if let Some(name) = simulator
        && config.simulator.as_ref() != Some(name)
    {
        // Another study: what was derived from the old variables does not apply.
        (config.adapter, config.roles, config.standardize) = (None, None, None);
        (config.data, config.summary_network) = (None, None);
        config.simulator = Some(name.clone());
    }
    if let Some(learn) = arguments.learn {
        config.learn = learn.into();
    }
    config.data = data.clone().or(config.data);
    config.data_memory = arguments.data_memory.or(config.data_memory);
    config.growing |= arguments.growing;
    let training = &mut config.training;
    training.epochs = length.epochs.or(training.epochs);
    training.batches_per_epoch = length.batches_per_epoch.or(training.batches_per_epoch);
    training.batch_size = length.batch_size.or(training.batch_size);
    training.learning_rate = length.learning_rate.or(training.learning_rate);
    training.patience = length.patience.or(training.patience);
    config.budget = length.budget.or(config.budget);
    config.validation = length.validation.or(config.validation);
    config.seed = length.seed.or(config.seed);
    config.device = length.device.clone().or(config.device);
    config.threads = length.threads.or(config.threads);
    config.members = arguments.members.or(config.members);
    if !arguments.metrics.is_empty() {
        config.metrics.clone_from(&arguments.metrics);
    }
    if let Some(name) = &networks.summary {
        config.summary_network = Some(SummaryChoice::named(name)?);
    }
    if let Some(name) = &networks.summary_distribution {
        config.summary_distribution =
            Some(serde_json::from_value(json!({ "kind": name })).map_err(|e| usage(e.to_string()))?);
    }
    if let Some(name) = &networks.inference {
        config.inference_network = Some(InferenceChoice::named(name)?);
    }
    let lists = [&roles.parameters, &roles.data_variables, &roles.conditions, &roles.missing];
    let bounds = [&roles.lower, &roles.upper];
    if lists.iter().any(|list| !list.is_empty()) || bounds.iter().any(|b| !b.is_empty()) || roles.kind.is_some() {
        if config.data.is_none() {
            return Err(usage(
                "roles such as --parameters belong to the arrays of --data; a built-in simulator knows its own",
            ));
        }
        (config.adapter, config.standardize, config.summary_network) = match &networks.summary {
            Some(_) => (None, None, config.summary_network),
            None => (None, None, None),
        };
        let own = config.roles.get_or_insert_with(Roles::default);
        let replace = |to: &mut Vec<String>, from: &[String]| {
            if !from.is_empty() {
                *to = from.to_vec();
            }
        };
        replace(&mut own.parameters, &roles.parameters);
        replace(&mut own.data_variables, &roles.data_variables);
        replace(&mut own.conditions, &roles.conditions);
        replace(&mut own.missing, &roles.missing);
        own.kind = roles.kind.map(Into::into).or(own.kind);
        own.lower.extend(roles.lower.iter().cloned());
        own.upper.extend(roles.upper.iter().cloned());
    }
    Ok(config)
}

/// The folder that --out names, or `runs/` and the name of what is trained on.
fn folder_of(arguments: &Train, config: &RunConfig) -> Outcome<PathBuf> {
    if let Some(out) = &arguments.out {
        return Ok(out.clone());
    }
    let simulator = arguments.simulator.as_ref().or(config.simulator.as_ref());
    let data = arguments.data.as_ref().or(config.data.as_ref());
    let stem = data.and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    match simulator.cloned().or(stem) {
        Some(name) => Ok(PathBuf::from("runs").join(name)),
        None => Err(usage("name the folder of the run with --out DIR")),
    }
}

/// The configuration of a run that is resumed; options that would change its result are refused.
fn resumed_config(arguments: &Train, folder: &RunFolder) -> Outcome<RunConfig> {
    let saved = RunConfig::load(&folder.config())?;
    let mut asked = saved.clone();
    if arguments.config.is_some() {
        asked = configured(arguments)?;
    }
    let asked = overridden(asked, arguments)?;
    checks::unchanged(&saved.essence().to_toml()?, &asked.essence().to_toml()?, folder.path())?;
    Ok(asked)
}

/// What will be trained, before it is.
fn introduce<A: Learned>(output: &mut Output, run: &Run<A>) -> Outcome {
    let table = run.workflow.adapter().describe(&run.example)?;
    let built = run.workflow.approximator()?;
    output.line(format!("{table}\n"));
    inspect::networks(output, built);
    let fit = run.fit();
    output.line(format!(
        "\n{} epochs × {} batches × {} data sets, seed {}, {} threads",
        fit.epochs,
        run.batches_per_epoch(),
        fit.batch_size,
        run.config.seed.unwrap_or(0),
        run.config.threads.unwrap_or(1)
    ));
    run.notes.iter().for_each(|note| output.line(note));
    let roles = |rows: &[ferroflow::adapters::Row]| -> Vec<serde_json::Value> {
        rows.iter().map(|r| json!({ "name": r.name, "shape": r.shape, "role": r.role.to_string() })).collect()
    };
    output.event(json!({
        "event": "start", "learn": run.config.learn.name(), "variables": roles(&table.variables), "inputs": roles(&table.inputs),
        "trainable_weights": built.parameters().layout().trainable_count(), "epochs": fit.epochs,
        "batches_per_epoch": run.batches_per_epoch(), "batch_size": fit.batch_size, "notes": run.notes,
    }));
    Ok(())
}

fn fit<A: Learned>(
    output: &mut Output,
    run: &mut Run<A>,
    folder: &RunFolder,
    checkpoint: Option<&Checkpoint>,
) -> Outcome {
    remove_remains(folder.path());
    begin(output, folder, checkpoint.map(Checkpoint::epochs));
    watched(output, run, folder, checkpoint)
}

/// Trains with a line of progress.
fn watched<A: Learned>(
    output: &mut Output,
    run: &mut Run<A>,
    folder: &RunFolder,
    checkpoint: Option<&Checkpoint>,
) -> Outcome {
    let mut progress = Progress::new(*output, run.fit().epochs);
    let history = run.train(&mut [&mut progress], checkpoint)?;
    let seconds = progress.finish();
    if checkpoint.is_some_and(Checkpoint::is_complete) && folder.history().exists() {
        run.workflow.set_history(History::read_csv(&folder.history())?);
        return Ok(());
    }
    let steps = history.losses().len() as u64;
    output.line(format!("\ntrained {} steps in {}", grouped(steps), duration(seconds)));
    output.event(json!({ "event": "trained", "steps": steps, "seconds": seconds, "model": folder.model() }));
    Ok(())
}

/// Files that a killed run has left unfinished.
fn remove_remains(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".partial") {
            // What cannot be removed does no harm.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Facts about this training for the report.
fn facts<A: Learned>(run: &Run<A>, seconds: f64, source: String) -> Outcome<Vec<(String, String)>> {
    let device = run.workflow.approximator()?.device().describe();
    let mut facts = vec![
        ("Test data".into(), source),
        ("Seconds of training".into(), format!("{seconds:.1}")),
        ("Device".into(), format!("{} ({}, {})", device.name, device.hardware, device.kernels)),
        ("Threads".into(), run.config.threads.unwrap_or(1).to_string()),
    ];
    if let Some(peak) = checks::peak_memory() {
        facts.push(("Peak memory of the process".into(), bytes(peak)));
    }
    Ok(facts)
}

/// Examines estimates.
fn conclude_estimates(
    output: &mut Output,
    run: &Run<ScoringRuleApproximator>,
    folder: &RunFolder,
    configuration: String,
) -> Outcome {
    let (data, source) = run.test_data()?;
    if data.datasets()?.unwrap_or(1) < 2 {
        output.line("too few data sets for diagnostics");
        return Ok(());
    }
    let mut diagnosis: EstimateDiagnosis = run.workflow.diagnose_on(&data)?;
    diagnosis.report.facts.extend(facts(run, run.workflow.history().seconds(), source)?);
    diagnosis.report.configuration = configuration;
    let paths = diagnosis.save(folder.path())?;
    output.line(format!("Diagnostics on {} data sets:\n\n{}", diagnosis.datasets, diagnosis.table));
    diagnosis.verdicts.iter().for_each(|verdict| output.line(format!("{:<8} {}", verdict.status, verdict.sentence)));
    output.event(json!({ "event": "done", "folder": folder.path(), "model": folder.model(), "report": paths.last() }));
    output.line(format!("\n{}", folder.path().display()));
    output.line("  model.safetensors  the trained estimators: ferroflow estimate --model …");
    output.line("  report.html        verdicts, numbers and pictures on one page");
    output.line("  history.csv, config.toml, metrics.json and the pictures (.svg)");
    Ok(())
}

/// Examines a ratio at the true parameters.
fn conclude_ratio(
    output: &mut Output,
    run: &Run<RatioApproximator>,
    folder: &RunFolder,
    _configuration: String,
) -> Outcome {
    let (data, source) = run.test_data()?;
    let ratios = run.workflow.log_ratio(&data)?;
    let (mean, error) = mean_log_ratio(output, &ratios, &source);
    output.event(json!({
        "event": "done", "folder": folder.path(), "model": folder.model(), "mean_log_ratio": mean, "standard_error": error,
    }));
    output.line(format!("\n{}", folder.path().display()));
    output.line("  model.safetensors  the trained ratio: ferroflow sample --model … (by the No-U-Turn sampler)");
    output.line("  history.csv, config.toml");
    Ok(())
}

/// Tells the mean of logarithms of ratios at the true parameters; it and its standard error.
fn mean_log_ratio(output: &mut Output, ratios: &[f64], source: &str) -> (f64, f64) {
    let (n, mean) = (ratios.len() as f64, ratios.iter().sum::<f64>() / ratios.len().max(1) as f64);
    let error = (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / n / (n - 1.0).max(1.0)).sqrt();
    output.line(format!(
        "ln p(θ | x)/p(θ) at the true parameters: {mean:.3} ± {error:.3} nats on average over {source}: what a data set tells"
    ));
    (mean, error)
}

fn conclude(
    output: &mut Output,
    run: &Run<ContinuousApproximator>,
    folder: &RunFolder,
    configuration: String,
) -> Outcome {
    let Some((diagnosis, report)) = examine(output, run, folder, configuration)? else { return Ok(()) };
    let verdicts = serde_json::to_value(&diagnosis.verdicts).map_err(|e| Error::argument("verdicts", e.to_string()))?;
    output.event(json!({
        "event": "done", "folder": folder.path(), "model": folder.model(), "report": report,
        "status": diagnosis.status().word(), "verdicts": verdicts,
    }));
    output.line(format!("\n{}", folder.path().display()));
    output.line(format!("  model.safetensors  the trained {}: ferroflow sample --model …", run.config.learn.name()));
    output.line("  report.html        verdicts, numbers and pictures on one page");
    output.line("  history.csv, config.toml, metrics.json and the pictures (.svg)");
    Ok(())
}

/// Examines draws, and writes what it finds: with the path of the report, or nothing where there are too few data sets.
fn examine(
    output: &mut Output,
    run: &Run<ContinuousApproximator>,
    folder: &RunFolder,
    configuration: String,
) -> Outcome<Option<(Diagnosis, Option<PathBuf>)>> {
    let (data, source) = run.test_data()?;
    let draws = run.config.diagnostics.draws;
    sample::memory(&run.workflow, &data, draws)?;
    let datasets = data.datasets()?.unwrap_or(1);
    if datasets < 2 || draws < 2 {
        output.line("too few data sets for diagnostics");
        return Ok(None);
    }
    let mut bar = DrawsBar::new(datasets, draws);
    let mut diagnosis = run.workflow.diagnose_on(&data, draws, &mut |done| bar.set(done))?;
    bar.finish();
    diagnosis.report.facts.extend(facts(run, run.workflow.history().seconds(), source)?);
    diagnosis.report.configuration = configuration;
    let report = diagnosis.save(folder.path())?.pop();
    diagnose::report(output, &diagnosis);
    Ok(Some((diagnosis, report)))
}
