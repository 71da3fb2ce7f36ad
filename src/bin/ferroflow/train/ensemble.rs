//! `ferroflow train --members`.

use std::io::Write;

use ferroflow::approximators::{ContinuousApproximator, RatioApproximator, ScoringRuleApproximator};
use ferroflow::codecs::atomic_write;
use ferroflow::io::RunFolder;
use ferroflow::workflow::{EnsembleCheckpoint, EnsembleWorkflow, Learn, Learned, Run, RunConfig};
use serde_json::json;

use super::{begin, complete, facts, folder_of, mean_log_ratio, prepare, remove_remains};
use crate::arguments::Train;
use crate::output::{Outcome, Output, duration, usage};
use crate::progress::Progress;
use crate::{diagnose, sample};

/// An ensemble that is trained, and what its report needs.
struct Trained<A: Learned> {
    run: Run<A>,
    ensemble: EnsembleWorkflow<A>,
    folder: RunFolder,
    toml: String,
}

/// Trains several members, or goes on with them, and examines them together.
pub fn train(
    arguments: &Train,
    config: RunConfig,
    members: usize,
    resumed: Option<RunFolder>,
    mut output: Output,
) -> Outcome {
    let out = &mut output;
    match config.learn {
        Learn::Posterior => fit(arguments, config, members, resumed, out)?.map_or(Ok(()), |t| conclude(out, &t)),
        Learn::Estimates => {
            fit(arguments, config, members, resumed, out)?.map_or(Ok(()), |t| conclude_estimates(out, &t))
        }
        Learn::Ratio => fit(arguments, config, members, resumed, out)?.map_or(Ok(()), |t| conclude_ratio(out, &t)),
        other @ (Learn::Likelihood | Learn::Joint) => Err(usage(format!(
            "--members trains ensembles of posteriors, estimates and ratios, and '{}' is asked for; leave one of them out",
            other.name()
        ))),
    }
}

/// The trained ensemble; none where it was complete before.
fn fit<A: Learned>(
    arguments: &Train,
    config: RunConfig,
    members: usize,
    resumed: Option<RunFolder>,
    output: &mut Output,
) -> Outcome<Option<Trained<A>>> {
    let names = (0..members).map(|member| member.to_string());
    let checkpoint = match &resumed {
        Some(folder) => Some(EnsembleCheckpoint::read::<A>(folder.path(), names.clone())?),
        None => None,
    };
    if let (Some(folder), Some(checkpoint)) = (&resumed, &checkpoint)
        && checkpoint.is_complete()
        && folder.path().join("report.html").exists()
    {
        complete(output, folder);
        return Ok(None);
    }
    let out = match &resumed {
        Some(folder) => folder.path().to_path_buf(),
        None => folder_of(arguments, &config)?,
    };
    let run = prepare::<A>(config, &out, output)?;
    let folder = match resumed {
        Some(folder) => folder,
        None => RunFolder::create(out)?,
    };
    let toml = run.config.to_toml()?;
    if checkpoint.is_none() {
        atomic_write(folder.config(), |file| file.write_all(toml.as_bytes()))?;
    }
    remove_remains(folder.path());
    names.for_each(|name| remove_remains(&folder.path().join(name)));
    begin(output, &folder, checkpoint.as_ref().map(EnsembleCheckpoint::epochs));
    let mut progress = Progress::new(*output, run.fit().epochs).of_members(members);
    let ensemble = run.train_members(members, folder.path(), &mut [&mut progress], checkpoint.as_ref())?;
    let seconds = progress.finish();
    output.line(format!("\ntrained {members} members in {}", duration(seconds)));
    Ok(Some(Trained { run, ensemble, folder, toml }))
}

impl<A: Learned> Trained<A> {
    /// Facts about the training: the members share its time.
    fn facts(&self, source: String) -> Outcome<Vec<(String, String)>> {
        let seconds = self.ensemble.members().map(|(_, member)| member.history().seconds()).fold(0.0, f64::max);
        facts(&self.run, seconds, source)
    }

    /// Tells where the members are.
    fn finish(&self, output: &mut Output, what: &str, command: &str) {
        let folder = self.folder.path();
        let models = self.ensemble.members().map(|(name, _)| folder.join(name).join("model.safetensors"));
        output.event(json!({ "event": "done", "folder": folder, "models": models.collect::<Vec<_>>() }));
        output.line(format!("\n{}", folder.display()));
        output.line(format!(
            "  0/model.safetensors … {}/model.safetensors  the members: ferroflow {command} --model {}/*/model.safetensors …",
            self.ensemble.members().len() - 1,
            folder.display()
        ));
        output.line(what);
    }
}

/// What a report says about disagreement, as lines.
fn disagreement(output: &mut Output, facts: &[(String, String)]) {
    let about = facts.iter().filter(|(what, _)| what.starts_with("Disagreement"));
    about.for_each(|(what, share)| output.line(format!("{what}: {share}")));
}

fn conclude(output: &mut Output, trained: &Trained<ContinuousApproximator>) -> Outcome {
    let run = &trained.run;
    let (data, source) = run.test_data()?;
    let draws = run.config.diagnostics.draws;
    sample::memory(&run.workflow, &data, draws)?;
    if data.datasets()?.unwrap_or(1) < 2 || draws < 2 {
        output.line("too few data sets for diagnostics");
        return Ok(());
    }
    let mut diagnosis = trained.ensemble.diagnose_on(&data, draws)?;
    diagnosis.report.facts.extend(trained.facts(source)?);
    diagnosis.report.configuration = trained.toml.clone();
    diagnosis.save(trained.folder.path())?;
    diagnose::report(output, &diagnosis);
    disagreement(output, &diagnosis.report.facts);
    trained.finish(output, "  report.html        verdicts, numbers and pictures of their draws together", "sample");
    Ok(())
}

fn conclude_estimates(output: &mut Output, trained: &Trained<ScoringRuleApproximator>) -> Outcome {
    let (data, source) = trained.run.test_data()?;
    if data.datasets()?.unwrap_or(1) < 2 {
        output.line("too few data sets for diagnostics");
        return Ok(());
    }
    let mut diagnosis = trained.ensemble.diagnose_on(&data)?;
    diagnosis.report.facts.extend(trained.facts(source)?);
    diagnosis.report.configuration = trained.toml.clone();
    diagnosis.save(trained.folder.path())?;
    output.line(format!("Diagnostics on {} data sets:\n\n{}", diagnosis.datasets, diagnosis.table));
    diagnosis.verdicts.iter().for_each(|verdict| output.line(format!("{:<8} {}", verdict.status, verdict.sentence)));
    disagreement(output, &diagnosis.report.facts);
    trained.finish(output, "  report.html        verdicts, numbers and pictures of their mean estimates", "estimate");
    Ok(())
}

fn conclude_ratio(output: &mut Output, trained: &Trained<RatioApproximator>) -> Outcome {
    let (data, source) = trained.run.test_data()?;
    mean_log_ratio(output, &trained.ensemble.log_ratio(&data)?, &source);
    trained.finish(output, "  config.toml, and of each member its history.csv", "log-prob");
    Ok(())
}
