//! `ferroflow train --members`.

use std::io::Write;

use ferroflow::approximators::ContinuousApproximator;
use ferroflow::codecs::atomic_write;
use ferroflow::io::RunFolder;
use ferroflow::workflow::{Learn, RunConfig};
use serde_json::json;

use super::{facts, folder_of, prepare};
use crate::arguments::Train;
use crate::output::{Outcome, Output, duration, usage};
use crate::progress::Progress;
use crate::{diagnose, sample};

/// Trains several members and examines their draws together.
pub fn train(arguments: &Train, config: RunConfig, members: usize, mut output: Output) -> Outcome {
    if config.learn != Learn::Posterior {
        return Err(usage(format!(
            "--members trains ensembles of posteriors, and '{}' is asked for; leave one of them out",
            config.learn.name()
        )));
    }
    let out = folder_of(arguments, &config)?;
    let run = prepare::<ContinuousApproximator>(config, &out, &mut output)?;
    let folder = RunFolder::create(out)?;
    let toml = run.config.to_toml()?;
    atomic_write(folder.config(), |file| file.write_all(toml.as_bytes()))?;
    let mut progress = Progress::new(output, run.fit().epochs);
    let ensemble = run.train_members(members, folder.path(), &mut [&mut progress])?;
    let seconds = progress.finish();
    output.line(format!("\ntrained {members} members in {}", duration(seconds)));
    let (data, source) = run.test_data()?;
    let draws = run.config.diagnostics.draws;
    sample::memory(&run.workflow, &data, draws)?;
    if data.datasets()?.unwrap_or(1) < 2 || draws < 2 {
        output.line("too few data sets for diagnostics");
        return Ok(());
    }
    let mut diagnosis = ensemble.diagnose_on(&data, draws)?;
    let about = "Disagreement";
    let disagreement: Vec<_> =
        diagnosis.report.facts.iter().filter(|fact| fact.0.starts_with(about)).cloned().collect();
    diagnosis.report.facts.extend(facts(&run, source)?);
    diagnosis.report.configuration = toml;
    diagnosis.save(folder.path())?;
    diagnose::report(&mut output, &diagnosis);
    disagreement.iter().for_each(|(what, share)| output.line(format!("{what}: {share}")));
    let models: Vec<_> =
        ensemble.members().map(|(name, _)| folder.path().join(name).join("model.safetensors")).collect();
    output.event(json!({ "event": "done", "folder": folder.path(), "models": models }));
    output.line(format!("\n{}", folder.path().display()));
    output.line(format!(
        "  0/model.safetensors … {}/model.safetensors  the members: ferroflow sample --model {}/*/model.safetensors …",
        members - 1,
        folder.path().display()
    ));
    output.line("  report.html        verdicts, numbers and pictures of their draws together");
    Ok(())
}
