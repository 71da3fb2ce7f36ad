//! Posteriors of the benchmark of Lueckmann et al. (2021, arXiv:2101.04653) against its reference posteriors.
//!
//! For each task a posterior is trained on 10 000 simulations with the defaults for so few, the same for all tasks, and 10 000 draws
//! for each of the given observations are held against the reference draws by the [`ClassifierTest`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ClassifierTest;
use crate::codecs::{Array, safetensors};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::Pool;
use crate::workflow::{Run, RunConfig};

/// A task of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SbibmTask {
    /// The name in the benchmark, which is that of the folder with its observations.
    pub name: &'static str,
    /// The simulator.
    pub simulator: &'static str,
    /// The task whose folder holds the reference draws.
    reference: &'static str,
    /// Published accuracies of neural posterior estimation with 10 000 simulations for the observations 1 to 5.
    pub published: [f64; OBSERVATIONS],
}

/// Observations of each task.
pub const OBSERVATIONS: usize = 5;

/// The tasks. The published values are those of the benchmark's authors (sbi-benchmark/results, `main_paper.csv`, method NPE; the
/// Gaussian mixture from their repetition after its simulator was corrected).
pub const SBIBM_TASKS: &[SbibmTask] = &[
    task("gaussian_linear", "sbibm-gaussian-linear", [0.565, 0.531, 0.534, 0.592, 0.523]),
    task("gaussian_linear_uniform", "sbibm-gaussian-linear-uniform", [0.557, 0.556, 0.587, 0.534, 0.537]),
    task("two_moons", "sbibm-two-moons", [0.542, 0.571, 0.646, 0.674, 0.588]),
    task("gaussian_mixture", "sbibm-gaussian-mixture", [0.661, 0.560, 0.670, 0.607, 0.647]),
    task("slcp", "sbibm-slcp", [0.944, 0.938, 0.799, 0.916, 0.849]),
    SbibmTask {
        reference: "slcp",
        ..task("slcp_distractors", "sbibm-slcp-distractors", [0.987, 0.973, 0.962, 0.987, 0.954])
    },
    task("bernoulli_glm", "sbibm-bernoulli-glm", [0.675, 0.659, 0.759, 0.683, 0.630]),
    SbibmTask {
        reference: "bernoulli_glm",
        ..task("bernoulli_glm_raw", "sbibm-bernoulli-glm-raw", [0.773, 0.713, 0.836, 0.727, 0.802])
    },
    task("sir", "sbibm-sir", [0.897, 0.953, 0.675, 0.594, 0.568]),
    task("lotka_volterra", "sbibm-lotka-volterra", [0.998, 0.999, 0.993, 1.000, 0.995]),
];

const fn task(name: &'static str, simulator: &'static str, published: [f64; OBSERVATIONS]) -> SbibmTask {
    SbibmTask { name, simulator, reference: name, published }
}

impl SbibmTask {
    /// Mean of the published accuracies.
    pub fn published_mean(&self) -> f64 {
        self.published.iter().sum::<f64>() / OBSERVATIONS as f64
    }

    /// The task of a name, with underscores or hyphens.
    pub fn named(name: &str) -> Option<&'static SbibmTask> {
        let name = name.trim_start_matches("sbibm-").replace('-', "_");
        SBIBM_TASKS.iter().find(|task| task.name == name)
    }
}

/// Accuracies for one task and one seed of the training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SbibmRow {
    /// Always `sbibm`.
    pub workload: String,
    /// Name of the task.
    pub task: String,
    /// Seed of simulations and training.
    pub seed: u64,
    /// Simulations, those held out for validation included.
    pub simulations: usize,
    /// Accuracy of the classifier for each observation.
    pub c2st: Vec<f64>,
    /// Epochs that were trained.
    pub epochs: usize,
    /// Smallest validation loss.
    pub validation_loss: Option<f64>,
    /// Seconds of training, and of draws and tests.
    pub training_s: f64,
    /// See `training_s`.
    pub testing_s: f64,
}

/// What to run.
#[derive(Debug, Clone)]
pub struct SbibmOptions {
    /// The folder with a folder of observations and reference draws for each task.
    pub reference: PathBuf,
    /// Simulations for each training.
    pub simulations: usize,
    /// Draws that are held against as many reference draws.
    pub draws: usize,
    /// Number of threads; results do not depend on it.
    pub threads: usize,
    /// Gaps of the configuration are filled by the defaults.
    pub config: RunConfig,
}

/// Trains one posterior and tests it on all observations.
pub fn sbibm(task: &SbibmTask, seed: u64, options: &SbibmOptions) -> Result<SbibmRow> {
    let observations: Vec<Observation> =
        (1..=OBSERVATIONS).map(|number| Observation::read(task, number, &options.reference)).collect::<Result<_>>()?;
    let began = std::time::Instant::now();
    let mut run: Run = Run::prepare(RunConfig {
        simulator: Some(task.simulator.into()),
        budget: Some(options.simulations),
        seed: Some(seed),
        threads: Some(options.threads),
        ..options.config.clone()
    })?;
    let history = run.train(&mut [], None)?;
    let training_s = began.elapsed().as_secs_f64();
    let width = observations[0].values.len();
    let values = observations.iter().flat_map(|observation| observation.values.iter().copied()).collect();
    let observed = Record::new().with("observables", Array::f64([OBSERVATIONS, width], values)?);
    let draws = run.workflow.sample_from(&observed, options.draws, 0, seed)?;
    let draws = draws.column("parameters")?.array.to_f64();
    let pool = Pool::new(options.threads)?;
    let of_each = draws.len() / OBSERVATIONS;
    let dimension = of_each / options.draws;
    let c2st = observations.iter().zip(draws.chunks(of_each)).map(|(observation, draws)| {
        let reference = &observation.reference[..observation.reference.len().min(of_each)];
        ClassifierTest::default().accuracy(draws, reference, dimension, &pool)
    });
    Ok(SbibmRow {
        workload: "sbibm".into(),
        task: task.name.into(),
        seed,
        simulations: options.simulations,
        c2st: c2st.collect::<Result<_>>()?,
        epochs: history.epoch_losses().len(),
        validation_loss: history.validation_losses().iter().flatten().copied().reduce(f64::min),
        training_s,
        testing_s: began.elapsed().as_secs_f64() - training_s,
    })
}

/// An observation and draws from its posterior.
struct Observation {
    values: Vec<f64>,
    reference: Vec<f64>,
}

impl Observation {
    fn read(task: &SbibmTask, number: usize, folder: &Path) -> Result<Self> {
        let file = |task: &str| folder.join(task).join(format!("obs_{number:02}.safetensors"));
        let array = |path: PathBuf, key: &str| -> Result<Vec<f64>> {
            let file = safetensors::read(&path)?;
            let array = file.arrays.get(key).ok_or_else(|| {
                Error::file(
                    &path,
                    format!("the array '{key}' is missing; give the folder of the benchmark's references"),
                )
            })?;
            Ok(array.to_f64())
        };
        Ok(Observation {
            values: array(file(task.name), "observation")?,
            reference: array(file(task.reference), "reference_posterior_samples")?,
        })
    }
}

/// The table of the README: each task with the published mean and the means of the rows' seeds, and a line for all tasks.
pub fn sbibm_table(rows: &[SbibmRow]) -> String {
    let mut lines = vec![
        "| task | published NPE | ferroflow, mean | by seed | by observation | difference |".to_string(),
        "|---|---|---|---|---|---|".to_string(),
    ];
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let list = |values: Vec<f64>| values.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>().join(" ");
    let (mut published, mut ours) = (Vec::new(), Vec::new());
    for task in SBIBM_TASKS {
        let mut of_task: Vec<&SbibmRow> = rows.iter().filter(|row| row.task == task.name).collect();
        if of_task.is_empty() {
            continue;
        }
        of_task.sort_by_key(|row| row.seed);
        let by_seed: Vec<f64> = of_task.iter().map(|row| mean(&row.c2st)).collect();
        let of_observation =
            |i: usize| mean(&of_task.iter().filter_map(|row| row.c2st.get(i).copied()).collect::<Vec<_>>());
        let by_observation = (0..OBSERVATIONS).map(of_observation).collect();
        published.push(task.published_mean());
        ours.push(mean(&by_seed));
        lines.push(format!(
            "| {} | {:.3} | {:.3} | {} | {} | {:+.3} |",
            task.name.replace('_', " "),
            task.published_mean(),
            mean(&by_seed),
            list(by_seed.clone()),
            list(by_observation),
            mean(&by_seed) - task.published_mean()
        ));
    }
    let (published, ours) = (mean(&published), mean(&ours));
    lines.push(format!("| mean | {published:.3} | {ours:.3} | | | {:+.3} |", ours - published));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_has_its_simulator() {
        for task in SBIBM_TASKS {
            assert_eq!(crate::simulators::find(task.simulator).unwrap().name(), task.simulator);
            assert_eq!(SbibmTask::named(task.simulator), Some(task));
        }
    }

    #[test]
    fn the_table_averages_seeds_and_tasks() {
        let row = |task: &str, seed: u64, value: f64| SbibmRow {
            workload: "sbibm".into(),
            task: task.into(),
            seed,
            simulations: 10_000,
            c2st: vec![value; OBSERVATIONS],
            epochs: 1,
            validation_loss: None,
            training_s: 1.0,
            testing_s: 1.0,
        };
        let table = sbibm_table(&[row("slcp", 2, 0.9), row("slcp", 1, 0.8), row("sir", 1, 0.6)]);
        assert!(table.contains("| slcp | 0.889 | 0.850 | 0.800 0.900 | 0.850"), "{table}");
        assert!(table.contains("| mean | 0.813 | 0.725 |"), "{table}");
    }
}
