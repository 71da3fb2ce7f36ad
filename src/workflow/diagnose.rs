//! How good is the posterior: numbers, verdicts, pictures, one page.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::basic::{BasicWorkflow, Workflow};
use super::misspecification::ATYPICAL;
use super::pictures;
use crate::approximators::{Approximator, Trainable};
use crate::codecs::atomic_write;
use crate::data::Record;
use crate::diagnostics::report::Report;
use crate::diagnostics::{Diagnostics, Draws, MetricTable, Status, TestQuantity, Verdict, prepend_test_quantities};
use crate::error::{Error, Result};

/// Draws for each data set when nothing else is asked for.
const DRAWS: usize = 1000;

/// What the diagnostics of a posterior say.
#[derive(Debug, Clone)]
pub struct Diagnosis {
    /// The numbers.
    pub diagnostics: Diagnostics,
    /// What they mean, one sentence for each diagnostic and variable.
    pub verdicts: Vec<Verdict>,
    /// The page with the pictures; facts about the run may be added before it is saved.
    pub report: Report,
}

/// What `metrics.json` holds.
#[derive(Serialize)]
struct Numbers<'a> {
    datasets: usize,
    draws: usize,
    status: Status,
    metrics: &'a MetricTable,
    verdicts: &'a [Verdict],
}

impl BasicWorkflow {
    /// Examines the posterior on `count` fresh simulations with 1000 draws each; hundreds of simulations tell something.
    pub fn diagnose(&self, count: usize) -> Result<Diagnosis> {
        self.diagnose_on(&self.simulate_as(count, "diagnose")?, DRAWS, &mut |_| {})
    }

    /// Examines the posterior on data sets whose parameters are known. `watch` is told how many draws are done.
    pub fn diagnose_on(&self, data: &Record, draws: usize, watch: &mut dyn FnMut(usize)) -> Result<Diagnosis> {
        let data = &self.single_elements(data)?;
        let datasets = data.datasets()?.unwrap_or(0);
        if datasets < 2 || draws < 2 {
            return Err(Error::argument(
                "diagnose",
                format!(
                    "{datasets} data sets with {draws} draws were given; at least 2 of both are needed, and hundreds tell \
                     something"
                ),
            ));
        }
        let sampled = self.sample_watched(data, draws, 0, self.seed(), watch)?;
        let mut diagnosis = self.diagnose_draws(data, &sampled)?;
        if let Some(p_values) = self.typicality(data)? {
            let atypical = p_values.iter().filter(|p| **p <= ATYPICAL).count();
            let share =
                format!("{atypical} of {} (about {:.0} by chance)", p_values.len(), ATYPICAL * p_values.len() as f64);
            diagnosis.report.facts.push((format!("Data sets unlike the simulations, p ≤ {ATYPICAL}"), share));
        }
        Ok(diagnosis)
    }
}

impl<A: Approximator> Workflow<A> {
    /// Examines posterior draws, name → `[datasets, draws, dim]`, of data sets whose parameters are known, however they were made.
    pub fn diagnose_draws(&self, data: &Record, sampled: &Record) -> Result<Diagnosis> {
        self.diagnose_with(data, sampled, &[])
    }

    /// As [`diagnose_draws`](Self::diagnose_draws), with scalar functions of all parameters that are examined like parameters, such
    /// as the log-likelihood of the data.
    pub fn diagnose_with(&self, data: &Record, sampled: &Record, quantities: &[TestQuantity]) -> Result<Diagnosis> {
        let keys: Vec<&str> = self.parameters().iter().map(|p| p.name.as_str()).collect();
        let draws = Draws::from_record_keys(sampled, &keys)?;
        let truths = draws.truths(data)?;
        let (draws, truths) = match quantities {
            [] => (draws, truths),
            _ => {
                let (mut drawn, mut known) = (Record::new(), Record::new());
                for &key in &keys {
                    drawn.insert(key, sampled.column(key)?.clone());
                    known.insert(key, data.column(key)?.clone());
                }
                prepend_test_quantities(quantities, &drawn, &known, draws, truths)?
            }
        };
        let diagnostics = Diagnostics::compute(&draws, &truths, crate::random::Key::new(self.seed()).fork("metrics"))?;
        let verdicts = diagnostics.verdicts();
        let figures = pictures::all(&draws, &truths, &diagnostics, self.history())?;
        let report = Report {
            title: match &self.training().simulator {
                Some(name) => format!("Posterior of {name}"),
                None => "Posterior".to_string(),
            },
            summary: self.summary(&diagnostics),
            verdicts: verdicts.clone(),
            metrics: diagnostics.table.clone(),
            figures,
            configuration: toml::to_string(self.configuration()).unwrap_or_default(),
            facts: self.facts()?,
        };
        Ok(Diagnosis { diagnostics, verdicts, report })
    }

    fn summary(&self, diagnostics: &Diagnostics) -> String {
        let training = self.training();
        format!(
            "Trained for {} epochs on {} data sets (repetitions counted), seed {}. Examined on {} data sets that have \
             known parameters, with {} draws for each.",
            training.epochs, training.datasets, training.seed, diagnostics.datasets, diagnostics.draws
        )
    }

    fn facts(&self) -> Result<Vec<(String, String)>> {
        let training = self.training();
        let built = self.approximator()?;
        let number = |value: Option<f64>| value.map(|v| format!("{v:.4}"));
        let events = self.history().events();
        let mut facts = vec![
            ("Simulator".to_string(), training.simulator.clone()),
            ("Seed".to_string(), Some(training.seed.to_string())),
            ("Epochs".to_string(), Some(training.epochs.to_string())),
            ("Steps".to_string(), Some(training.steps.to_string())),
            ("Data sets trained on, repetitions counted".to_string(), Some(training.datasets.to_string())),
            ("Loss of the last epoch".to_string(), number(training.loss)),
            ("Smallest validation loss".to_string(), number(training.validation_loss)),
            ("Trainable weights".to_string(), Some(built.parameters().layout().trainable_count().to_string())),
            ("ferroflow".to_string(), Some(env!("CARGO_PKG_VERSION").to_string())),
        ];
        facts.extend(events.iter().map(|event| (format!("Step {}", event.step), Some(event.message.clone()))));
        Ok(facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

impl Diagnosis {
    /// The worst status of all verdicts.
    pub fn status(&self) -> Status {
        self.verdicts.iter().map(|verdict| verdict.status).max().unwrap_or_default()
    }

    /// Writes the pictures, `metrics.json` and `report.html` into a folder, which is made if it is missing; gives the paths,
    /// the page last.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::file(folder, format!("the folder cannot be made ({error}); choose a folder that you may write to"))
        })?;
        let path = folder.join("metrics.json");
        let numbers = Numbers {
            datasets: self.diagnostics.datasets,
            draws: self.diagnostics.draws,
            status: self.status(),
            metrics: &self.diagnostics.table,
            verdicts: &self.verdicts,
        };
        let text = serde_json::to_string_pretty(&numbers)
            .map_err(|e| Error::file(&path, format!("the numbers cannot be written as JSON ({e})")))?;
        atomic_write(&path, |file| writeln!(file, "{text}"))?;
        let mut paths = vec![path];
        paths.extend(self.report.save(folder)?);
        Ok(paths)
    }
}
