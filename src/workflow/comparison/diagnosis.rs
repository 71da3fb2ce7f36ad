//! How good is a model comparison: numbers, pictures, one page.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{ComparisonWorkflow, MODEL_INDICES};
use crate::approximators::Trainable;
use crate::codecs::atomic_write;
use crate::data::Record;
use crate::diagnostics::plots::{self, ConfusionSeries, Figure, ModelCalibrationSeries};
use crate::diagnostics::report::Report;
use crate::diagnostics::{
    ConfusionMatrix, ConfusionNormalization, ExpectedCalibrationError, Metric, MetricTable, Status, Verdict,
    confusion_matrix, expected_calibration_error,
};
use crate::error::{Error, Result};

/// Bins of the calibration curves.
const BINS: usize = 10;
/// Expected calibration error that nobody acts on; chance is granted on top.
const ERROR_FINE: f64 = 0.03;
/// Expected calibration error that is bad.
const ERROR_BAD: f64 = 0.1;

/// What data sets of known models say about a comparison.
#[derive(Debug, Clone)]
pub struct ComparisonDiagnosis {
    /// Number of data sets.
    pub datasets: usize,
    /// How far predicted probabilities are from frequencies, for each model, with the curves.
    pub calibration: ExpectedCalibrationError,
    /// Counts of true models (rows) and most probable models (columns).
    pub confusion: ConfusionMatrix,
    /// Share of data sets whose most probable model is the true one.
    pub accuracy: f64,
    /// Mean of `−ln p` of the true models, nats.
    pub log_loss: f64,
    /// What the numbers mean.
    pub verdicts: Vec<Verdict>,
    /// The page with the pictures.
    pub report: Report,
}

impl ComparisonDiagnosis {
    pub(super) fn of(workflow: &ComparisonWorkflow, data: &Record) -> Result<Self> {
        let models = workflow.models();
        let truth = data.column(MODEL_INDICES)?.array.to_f64();
        let predictions = workflow.predict(data)?;
        let datasets = predictions.rows.len();
        if datasets < 2 || truth.len() != datasets * models.len() {
            let message = format!(
                "{} numbers for {datasets} data sets and {} models; give one-hot rows of at least two data sets",
                truth.len(),
                models.len()
            );
            return Err(Error::shape(MODEL_INDICES, message));
        }
        let probabilities = predictions.rows.concat();
        let calibration = expected_calibration_error(&probabilities, &truth, &models, BINS)?;
        let one_of = |row: &[f64]| (0..row.len()).find(|&m| row[m] == 1.0).unwrap_or(0);
        let true_models: Vec<usize> = truth.chunks(models.len()).map(one_of).collect();
        let best = predictions.best();
        let labels: Vec<i64> = (0..models.len() as i64).collect();
        let as_labels = |list: &[usize]| list.iter().map(|&m| m as i64).collect::<Vec<_>>();
        let confusion = confusion_matrix(
            &as_labels(&true_models),
            &as_labels(&best),
            Some(&labels),
            ConfusionNormalization::default(),
        )?;
        let right = true_models.iter().zip(&best).filter(|(t, b)| t == b).count();
        let losses = true_models.iter().zip(&predictions.rows).map(|(&t, row)| -row[t].max(f64::MIN_POSITIVE).ln());
        let log_loss = losses.sum::<f64>() / datasets as f64;
        let verdicts = verdicts(&calibration.metric, &predictions.rows);
        let figures = vec![calibration_figure(&calibration, &models)?, confusion_figure(&confusion, &models)?];
        let accuracy = right as f64 / datasets as f64;
        let training = workflow.workflow().training();
        let built = workflow.workflow().approximator()?;
        let facts = [
            ("Models", models.join(", ")),
            ("Seed", training.seed.to_string()),
            ("Epochs", training.epochs.to_string()),
            ("Data sets trained on, repetitions counted", training.datasets.to_string()),
            ("Trainable weights", built.parameters().layout().trainable_count().to_string()),
            ("Accuracy", format!("{accuracy:.4}")),
            ("Mean of −ln p(true model)", format!("{log_loss:.4} nats")),
            ("ferroflow", env!("CARGO_PKG_VERSION").to_string()),
        ];
        let report = Report {
            title: format!("Comparison of {}", models.join(", ")),
            summary: format!(
                "Trained for {} epochs on {} data sets (repetitions counted), seed {}. Examined on {datasets} data sets of known \
                 models.",
                training.epochs, training.datasets, training.seed
            ),
            verdicts: verdicts.clone(),
            metrics: MetricTable::new(vec![calibration.metric.clone()])?,
            figures,
            configuration: toml::to_string(workflow.workflow().configuration()).unwrap_or_default(),
            facts: facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
        };
        Ok(ComparisonDiagnosis { datasets, calibration, confusion, accuracy, log_loss, verdicts, report })
    }

    /// Writes the pictures, `metrics.json` and `report.html` into a folder, which is made if it is missing; gives the paths, the
    /// page last.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::file(folder, format!("the folder cannot be made ({error}); choose a folder that you may write to"))
        })?;
        let path = folder.join("metrics.json");
        let numbers = json!({
            "datasets": self.datasets,
            "accuracy": self.accuracy,
            "log_loss": self.log_loss,
            "metrics": self.report.metrics,
            "confusion": self.confusion.rows,
            "verdicts": self.verdicts,
        });
        let text = serde_json::to_string_pretty(&numbers)
            .map_err(|e| Error::file(&path, format!("the numbers cannot be written as JSON ({e})")))?;
        atomic_write(&path, |file| writeln!(file, "{text}"))?;
        let mut paths = vec![path];
        paths.extend(self.report.save(folder)?);
        Ok(paths)
    }
}

/// The expected calibration error of exact probabilities is not zero: a bin's frequency has a standard deviation of
/// `√(p(1 − p)/n)`, whose mean absolute value, weighted by the bins, is granted twice.
fn verdicts(metric: &Metric, rows: &[Vec<f64>]) -> Vec<Verdict> {
    let n = rows.len() as f64;
    let verdict = |(model, (name, &error)): (usize, (&String, &f64))| {
        let mut counts = [(0.0, 0.0); BINS];
        for row in rows {
            let bin = ((row[model] * BINS as f64) as usize).min(BINS - 1);
            counts[bin].0 += 1.0;
            counts[bin].1 += row[model] * (1.0 - row[model]);
        }
        let chance: f64 = counts.iter().map(|(_, variance)| (2.0 / std::f64::consts::PI * variance).sqrt() / n).sum();
        let fine = ERROR_FINE + 2.0 * chance;
        let status = match error {
            e if e <= fine => Status::Fine,
            e if e <= ERROR_BAD + 2.0 * chance => Status::Warning,
            _ => Status::Bad,
        };
        let advice = if status == Status::Fine { "" } else { "; train longer, or on more simulations" };
        Verdict {
            diagnostic: "Calibration".into(),
            metric: metric.name.clone(),
            variable: name.clone(),
            status,
            sentence: format!(
                "The probabilities of {name} are off by {error:.3} on average, up to {fine:.3} is fine{advice}."
            ),
        }
    };
    metric.variable_names.iter().zip(&metric.values).enumerate().map(verdict).collect()
}

fn calibration_figure(calibration: &ExpectedCalibrationError, models: &[String]) -> Result<Figure> {
    let series: Vec<ModelCalibrationSeries> = models
        .iter()
        .zip(&calibration.curves)
        .zip(&calibration.metric.values)
        .map(|((model, curve), &error)| {
            let total: usize = curve.count.iter().sum();
            let mut shares = vec![0.0; BINS];
            for (&predicted, &count) in curve.predicted.iter().zip(&curve.count) {
                shares[((predicted * BINS as f64) as usize).min(BINS - 1)] += count as f64 / total.max(1) as f64;
            }
            ModelCalibrationSeries {
                model: model.clone(),
                predicted: curve.predicted.clone(),
                observed: curve.observed.clone(),
                shares,
                error: Some(error),
            }
        })
        .collect();
    plots::mc_calibration(&series, &Default::default())
}

fn confusion_figure(confusion: &ConfusionMatrix, models: &[String]) -> Result<Figure> {
    plots::mc_confusion_matrix(&ConfusionSeries {
        models: models.to_vec(),
        rows: confusion.rows.clone(),
        shares: false,
    })
}
