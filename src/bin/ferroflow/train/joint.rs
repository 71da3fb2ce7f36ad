//! `ferroflow train --learn joint`.

use std::io::Write;

use ferroflow::approximators::ContinuousApproximator;
use ferroflow::codecs::atomic_write;
use ferroflow::device::Device;
use ferroflow::io::{ModelFile, RunFolder};
use ferroflow::workflow::{Checkpoint, JointRun, LikelihoodWorkflow, Run, RunConfig};
use serde_json::json;

use super::{check, complete, examine, folder_of, how_to_go_on, introduce, remove_remains, watched};
use crate::arguments::Train;
use crate::output::{Outcome, Output};

/// The folders of the two models.
const PARTS: [&str; 2] = ["posterior", "likelihood"];

/// Trains posterior and likelihood on the same simulations, one after the other, and examines both.
pub fn train(arguments: &Train, config: RunConfig, resumed: Option<RunFolder>, mut output: Output) -> Outcome {
    let checkpoints = match &resumed {
        Some(folder) => [checkpoint(&folder.part(PARTS[0]))?, checkpoint(&folder.part(PARTS[1]))?],
        None => [None, None],
    };
    if let Some(folder) = &resumed
        && checkpoints.iter().flatten().filter(|checkpoint| checkpoint.is_complete()).count() == PARTS.len()
        && folder.path().join("report.html").exists()
    {
        complete(&mut output, folder);
        return Ok(());
    }
    let out = match &resumed {
        Some(folder) => folder.path().to_path_buf(),
        None => folder_of(arguments, &config)?,
    };
    check(&config, &out)?;
    let mut run = JointRun::prepare(config)?;
    for run in [&run.posterior, &run.likelihood] {
        output.line(format!("The {}:\n", run.config.learn.name()));
        introduce(&mut output, run)?;
        output.line("");
    }
    let toml = run.config.to_toml()?;
    let folder = match resumed {
        Some(folder) => folder,
        None => {
            let folder = RunFolder::create(out)?;
            atomic_write(folder.config(), |file| file.write_all(toml.as_bytes()))?;
            folder
        }
    };
    output.line(how_to_go_on(&folder));
    remove_remains(folder.path());
    for (run, checkpoint) in [&mut run.posterior, &mut run.likelihood].into_iter().zip(&checkpoints) {
        part(&mut output, run, &folder, checkpoint.as_ref())?;
    }
    conclude(&mut output, &run, &folder, toml)
}

/// What was saved of one of the two, if it was begun.
fn checkpoint(folder: &RunFolder) -> Outcome<Option<Checkpoint>> {
    if !folder.model().exists() {
        return Ok(None);
    }
    Ok(Some(Checkpoint::from_file::<ContinuousApproximator>(&ModelFile::load(&folder.model())?)?))
}

/// Trains one of the two, or what is left of it.
fn part(output: &mut Output, run: &mut Run, folder: &RunFolder, checkpoint: Option<&Checkpoint>) -> Outcome {
    let name = run.config.learn.name();
    let own = folder.part(name);
    remove_remains(own.path());
    run.workflow.set_checkpoints(own.path());
    match checkpoint {
        Some(checkpoint) => output.line(format!("\nThe {name}, after epoch {}:", checkpoint.epochs())),
        None => output.line(format!("\nThe {name}:")),
    }
    watched(output, run, &own, checkpoint)
}

/// Examines the posterior's draws, and the likelihood of test data at their true parameters.
fn conclude(output: &mut Output, run: &JointRun, folder: &RunFolder, configuration: String) -> Outcome {
    output.line("");
    let models = PARTS.map(|name| folder.part(name).model());
    let likelihood = LikelihoodWorkflow::load(&models[1], None, Device::cpu())?;
    let (data, source) = run.posterior.test_data()?;
    let each = likelihood.log_prob(&data)?;
    let (count, mean) = (each.len() as f64, each.iter().sum::<f64>() / each.len().max(1) as f64);
    let error = (each.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / count / (count - 1.0).max(1.0)).sqrt();
    let examined = examine(output, &run.posterior, folder, configuration)?;
    output.line(format!("\nln q(x | θ) at the true parameters: {mean:.3} ± {error:.3} nats on average over {source}"));
    let (status, report) = match &examined {
        Some((diagnosis, report)) => (Some(diagnosis.status().word()), report.as_ref()),
        None => (None, None),
    };
    output.event(json!({
        "event": "done", "folder": folder.path(), "models": models, "report": report, "status": status,
        "mean_log_likelihood": mean, "standard_error": error,
    }));
    output.line(format!("\n{}", folder.path().display()));
    output.line("  posterior/model.safetensors   draws: ferroflow sample --model …");
    output.line("  likelihood/model.safetensors  with it: ferroflow evidence --posterior … --likelihood … --data …");
    output.line("  report.html                   verdicts, numbers and pictures of the posterior");
    Ok(())
}
