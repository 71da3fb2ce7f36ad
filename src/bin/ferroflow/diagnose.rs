//! `ferroflow diagnose`.

use std::sync::Arc;

use ferroflow::Error;
use ferroflow::diagnostics::{Status, Verdict};
use ferroflow::random::Key;
use ferroflow::simulators::{Pool, Request, Simulator, find};
use ferroflow::workflow::{Diagnosis, History};

use crate::arguments::Diagnose;
use crate::checks;
use crate::output::{Outcome, Output};
use crate::progress::DrawsBar;
use crate::sample;

pub fn run(arguments: Diagnose) -> Outcome {
    let Diagnose { model, simulator, count, data, draws, place, out } = arguments;
    checks::folder_output(&out)?;
    let mut workflow = sample::load(&model, &place)?;
    if let Some(folder) = model.parent()
        && workflow.history().is_empty()
        && folder.join("history.csv").is_file()
    {
        workflow.set_history(History::read_csv(&folder.join("history.csv"))?);
    }
    let (record, source) = match &data {
        Some(path) => {
            checks::input(path)?;
            (workflow.read(path, true)?, path.display().to_string())
        }
        None => {
            let name = simulator.or_else(|| workflow.training().simulator.clone()).ok_or_else(|| {
                Error::argument(
                    "--simulator",
                    "the model was trained on a file, so that nothing can be simulated; give test data with --data",
                )
            })?;
            let simulator: Arc<dyn Simulator> = find(&name)?.into();
            crate::simulate::memory(&*simulator, "--count", count)?;
            let pool = Pool::new(checks::threads(place.threads))?;
            let key = Key::new(workflow.training().seed).fork("diagnose");
            let record = simulator.sample(&Request::new(count, key).pool(&pool))?;
            for variable in workflow.parameters().iter().chain(workflow.data_variables()) {
                if !record.contains(&variable.name) {
                    let keys: Vec<&str> = record.keys().collect();
                    let message = format!(
                        "{name} does not make '{}', which the model needs; its variables are: {}",
                        variable.name,
                        keys.join(", ")
                    );
                    return Err(Error::argument("--simulator", message).into());
                }
            }
            (record, format!("fresh simulations of {name}"))
        }
    };
    sample::memory(&workflow, &record, draws)?;
    let mut bar = DrawsBar::new(record.datasets()?.unwrap_or(1), draws);
    let mut diagnosis = workflow.diagnose_on(&record, draws, &mut |done| bar.set(done))?;
    bar.finish();
    diagnosis.report.facts.push(("Test data".into(), source));
    let paths = diagnosis.save(&out)?;
    let mut output = Output::default();
    report(&mut output, &diagnosis);
    output.line(format!("\n{} pictures, metrics.json and report.html are in {}", paths.len() - 2, out.display()));
    Ok(())
}

/// The table of numbers and the verdicts: in full where something is not fine, in one line each where it is.
pub fn report(output: &mut Output, diagnosis: &Diagnosis) {
    let Diagnosis { diagnostics, verdicts, .. } = diagnosis;
    output.line(format!("Diagnostics on {} data sets with {} draws each:\n", diagnostics.datasets, diagnostics.draws));
    output.line(diagnostics.table.to_string().trim_end());
    output.line("");
    let mut sorted: Vec<&Verdict> = verdicts.iter().filter(|v| v.status != Status::Fine).collect();
    sorted.sort_by_key(|verdict| std::cmp::Reverse(verdict.status));
    for verdict in sorted {
        output.line(format!("{:<8} {}", verdict.status, verdict.sentence));
    }
    let mut shown: Vec<&str> = Vec::new();
    for verdict in verdicts {
        if shown.contains(&verdict.diagnostic.as_str()) {
            continue;
        }
        shown.push(&verdict.diagnostic);
        let fine: Vec<&Verdict> =
            verdicts.iter().filter(|v| v.diagnostic == verdict.diagnostic && v.status == Status::Fine).collect();
        if let Some(first) = fine.first() {
            let names: Vec<&str> = fine.iter().map(|v| v.variable.as_str()).collect();
            output.line(format!(
                "{:<8} {} of {} ({})",
                Status::Fine,
                verdict.diagnostic,
                names.join(", "),
                criterion(&first.diagnostic)
            ));
        }
    }
}

/// By what a diagnostic is judged, in short; the report has the numbers.
fn criterion(diagnostic: &str) -> &'static str {
    match diagnostic {
        "Calibration" => "ranks inside the 95 % band, log-gamma at least 0",
        "Coverage" => "credible intervals hold what they promise, within chance and 5 points",
        "Recovery" => "NRMSE at most 0.9; the prior has 1",
        "Contraction" => "narrower than the prior by at least 5 % of its variance",
        "Bias" => "median z-score within ±0.25 and chance",
        "Correlation" => "with the truth, as large as the contraction promises",
        _ => "within its threshold",
    }
}
