//! How good are estimates: quantiles against frequencies, medians and means against the truth.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::estimate::PointWorkflow;
use super::pictures;
use crate::approximators::Trainable;
use crate::codecs::atomic_write;
use crate::data::{Column, Entry, Record};
use crate::diagnostics::plots::{self, EstimateSeries, Figure, QuantileSeries, ScoreEstimates};
use crate::diagnostics::report::Report;
use crate::diagnostics::{
    Metric, MetricTable, Status, Verdict, binomial_tails, ecdf_from_quantiles, holm_adjusted, pearson,
};
use crate::error::{Error, Result};
use crate::networks::ScoringRule;

/// Level of the family of tests of all quantiles.
const LEVEL: f64 = 0.01;

/// What data sets of known parameters say about estimates.
#[derive(Debug, Clone)]
pub struct EstimateDiagnosis {
    /// Number of data sets.
    pub datasets: usize,
    /// Numbers for each scalar variable.
    pub table: MetricTable,
    /// What they mean.
    pub verdicts: Vec<Verdict>,
    /// The page with the pictures.
    pub report: Report,
}

/// The values of one scalar variable.
struct Scalar {
    name: String,
    truth: Vec<f64>,
    /// Estimates of each rule with places as heads: its name, and `[datasets][estimates]`.
    rules: Vec<(String, Vec<Vec<f64>>)>,
}

impl PointWorkflow {
    /// Examines the estimates on `count` fresh simulations.
    pub fn diagnose(&self, count: usize) -> Result<EstimateDiagnosis> {
        self.diagnose_on(&self.simulate_as(count, "diagnose")?)
    }

    /// Examines the estimates on data sets whose parameters are known.
    pub fn diagnose_on(&self, data: &Record) -> Result<EstimateDiagnosis> {
        self.diagnose_estimates(data, &self.estimate(data)?)
    }

    /// Examines estimates, in the form of [`estimate`](Self::estimate), of data sets whose parameters are known, however they were made.
    pub fn diagnose_estimates(&self, data: &Record, estimates: &Record) -> Result<EstimateDiagnosis> {
        let scalars = self.scalars(data, estimates)?;
        let datasets = scalars.first().map_or(0, |scalar| scalar.truth.len());
        if datasets < 2 {
            let message =
                format!("{datasets} data sets were given; at least 2 are needed, and hundreds tell something");
            return Err(Error::argument("diagnose", message));
        }
        let names: Vec<String> = scalars.iter().map(|scalar| scalar.name.clone()).collect();
        let mut metrics = Vec::new();
        let mut verdicts = Vec::new();
        let mut figures = Vec::new();
        if !self.history().is_empty() {
            figures.push(pictures::loss(self.history())?);
        }
        figures.push(recovery_figure(&scalars)?);
        for (number, (rule, _)) in scalars[0].rules.iter().enumerate() {
            let of = |scalar: &Scalar, f: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
                scalar.rules[number].1.iter().map(|row| f(row)).collect()
            };
            let middle = |row: &[f64]| row[row.len() / 2];
            let correlations = scalars.iter().map(|scalar| pearson(&of(scalar, &middle), &scalar.truth));
            metrics.push(metric(format!("Correlation ({rule})"), &names, correlations.collect()));
            let Some(ScoringRule::Quantile { q }) = self.configuration().inference_network.scoring_rules.get(rule)
            else {
                continue;
            };
            let mut shares = Vec::new();
            for scalar in &scalars {
                shares.push(ecdf_from_quantiles(&scalar.rules[number].1.concat(), &scalar.truth, q)?);
            }
            verdicts.extend(judged(rule, q, &scalars, &shares)?);
            let error =
                |share: &Vec<f64>| share.iter().zip(q).map(|(s, q)| (s - q).abs()).sum::<f64>() / q.len() as f64;
            let errors = shares.iter().map(error).collect();
            metrics.push(metric(format!("Calibration Error ({rule})"), &names, errors));
            let series: Vec<QuantileSeries> = scalars
                .iter()
                .zip(shares)
                .map(|(scalar, share)| QuantileSeries { variable: scalar.name.clone(), levels: q.clone(), share })
                .collect();
            let band = crate::diagnostics::pointwise_ecdf_bands(datasets, &Default::default())?;
            let mut figure =
                plots::calibration_ecdf_from_quantiles(&series, &pictures::drawn(&band), &Default::default())?;
            figure.name = format!("calibration_{rule}");
            figures.push(figure);
        }
        let table = MetricTable::new(metrics)?;
        let training = self.training();
        let facts = [
            ("Simulator", training.simulator.clone().unwrap_or_default()),
            ("Seed", training.seed.to_string()),
            ("Epochs", training.epochs.to_string()),
            ("Data sets trained on, repetitions counted", training.datasets.to_string()),
            ("Trainable weights", self.approximator()?.parameters().layout().trainable_count().to_string()),
            ("ferroflow", env!("CARGO_PKG_VERSION").to_string()),
        ];
        let report = Report {
            title: format!("Estimates of {}", training.simulator.as_deref().unwrap_or("parameters")),
            summary: format!(
                "Trained for {} epochs on {} data sets (repetitions counted), seed {}. Examined on {datasets} data sets that have \
                 known parameters.",
                training.epochs, training.datasets, training.seed
            ),
            verdicts: verdicts.clone(),
            metrics: table.clone(),
            figures,
            configuration: toml::to_string(self.configuration()).unwrap_or_default(),
            facts: facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect(),
        };
        Ok(EstimateDiagnosis { datasets, table, verdicts, report })
    }

    /// Truth and estimates of each scalar variable.
    fn scalars(&self, data: &Record, estimates: &Record) -> Result<Vec<Scalar>> {
        let mut scalars = Vec::new();
        for info in self.parameters() {
            let truth = data.column(&info.name)?.array.to_f64();
            let d = info.dimension.max(1);
            let rows = truth.len() / d;
            for dim in 0..d {
                let mut rules = Vec::new();
                for (rule, entry) in estimates.group(&info.name)?.iter() {
                    let Some(column) = places(entry) else { continue };
                    let values = column.array.to_f64();
                    let per = values.len() / rows.max(1);
                    let of = |row: usize| values[row * per..(row + 1) * per].iter().skip(dim).step_by(d).copied();
                    rules.push((rule.to_string(), (0..rows).map(|row| of(row).collect()).collect()));
                }
                let name = if d == 1 { info.name.clone() } else { format!("{}_{dim}", info.name) };
                scalars.push(Scalar { name, truth: truth.iter().skip(dim).step_by(d).copied().collect(), rules });
            }
        }
        match scalars.iter().any(|scalar| scalar.rules.is_empty()) {
            true => Err(Error::argument("scoring_rules", "give no place of the parameters; add one, such as the mean")),
            false => Ok(scalars),
        }
    }
}

/// The estimates of all rules against the true values.
fn recovery_figure(scalars: &[Scalar]) -> Result<Figure> {
    let score =
        |(rule, rows): &(String, Vec<Vec<f64>>)| ScoreEstimates { score: rule.clone(), estimates: columns(rows) };
    let series = scalars.iter().map(|scalar| EstimateSeries {
        variable: scalar.name.clone(),
        truth: scalar.truth.clone(),
        scores: scalar.rules.iter().map(score).collect(),
    });
    plots::recovery_from_estimates(&series.collect::<Vec<_>>(), &Default::default())
}

/// Rows as columns.
fn columns(rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let count = rows.first().map_or(0, Vec::len);
    (0..count).map(|column| rows.iter().map(|row| row[column]).collect()).collect()
}

/// The estimate of a rule that can be compared with the truth: its only head, or its mean.
fn places(entry: &Entry) -> Option<&Column> {
    match entry {
        Entry::Column(column) => Some(column),
        Entry::Group(heads) => heads.columns().find(|(name, _)| *name == "mean").map(|(_, column)| column),
    }
}

fn metric(name: String, names: &[String], values: Vec<f64>) -> Metric {
    Metric { name, variable_names: names.to_vec(), rows: None, values }
}

/// One binomial test for each quantile, adjusted together (Holm 1979).
fn judged(rule: &str, q: &[f64], scalars: &[Scalar], shares: &[Vec<f64>]) -> Result<Vec<Verdict>> {
    let datasets = scalars[0].truth.len();
    let mut p_values = Vec::new();
    for share in shares {
        for (share, level) in share.iter().zip(q) {
            let (lower, upper) = binomial_tails((share * datasets as f64).round() as usize, datasets, *level)?;
            p_values.push((2.0 * lower.min(upper)).min(1.0));
        }
    }
    let adjusted = holm_adjusted(&p_values);
    Ok(scalars
        .iter()
        .zip(shares)
        .zip(adjusted.chunks(q.len()))
        .map(|((scalar, share), p)| {
            let worst = (0..q.len()).fold(0, |worst, i| if p[i] < p[worst] { i } else { worst });
            let bad = p[worst] < LEVEL;
            let advice = if bad { "; train longer, or on more simulations" } else { "" };
            Verdict {
                diagnostic: "Calibration".into(),
                metric: format!("Calibration Error ({rule})"),
                variable: scalar.name.clone(),
                status: if bad { Status::Bad } else { Status::Fine },
                sentence: format!(
                    "{:.1} % of the true values of {} lie below the {} quantile, which promises {:.1} % (adjusted p = {:.3}){advice}.",
                    100.0 * share[worst],
                    scalar.name,
                    q[worst],
                    100.0 * q[worst],
                    p[worst]
                ),
            }
        })
        .collect())
}

impl EstimateDiagnosis {
    /// Writes the pictures, `metrics.json` and `report.html` into a folder, which is made if it is missing; gives the paths, the
    /// page last.
    pub fn save(&self, folder: impl AsRef<Path>) -> Result<Vec<PathBuf>> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(|error| {
            Error::file(folder, format!("the folder cannot be made ({error}); choose a folder that you may write to"))
        })?;
        let path = folder.join("metrics.json");
        let numbers = json!({ "datasets": self.datasets, "metrics": self.table, "verdicts": self.verdicts });
        let text = serde_json::to_string_pretty(&numbers)
            .map_err(|e| Error::file(&path, format!("the numbers cannot be written as JSON ({e})")))?;
        atomic_write(&path, |file| writeln!(file, "{text}"))?;
        let mut paths = vec![path];
        paths.extend(self.report.save(folder)?);
        Ok(paths)
    }
}
