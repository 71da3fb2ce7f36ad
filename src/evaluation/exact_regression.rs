//! The amortized posterior of the linear regression against the exact one.
//!
//! For held-out data sets, draws are compared with the exact posterior: given σ, β is Gaussian, and σ is integrated on a
//! grid. Two numbers per data set and parameter say how far off the draws are:
//!
//! ```text
//! mean error   |mean of the draws − exact mean| / exact standard deviation
//! width error  |ln(standard deviation of the draws / exact standard deviation)|
//! ```

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::math::{mean, quantile, variance};
use crate::random::Key;
use crate::simulators::{LinearRegression, Request, Simulator, exact_posterior};
use crate::workflow::BasicWorkflow;

/// Data sets whose draws are held in memory at once.
const BLOCK: usize = 50;

/// How far an amortized posterior is from the exact one, over all data sets and parameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Mean of the mean errors.
    pub mean_error: f64,
    /// Median of the mean errors.
    pub median_mean_error: f64,
    /// Mean of the width errors.
    pub width_error: f64,
    /// Median of the width errors.
    pub median_width_error: f64,
}

/// Compares draws of a workflow for the linear regression with the exact posterior of `datasets` data sets that no
/// training with another seed has seen. The parameters must be called `beta` and `sigma`.
pub fn exact_regression(workflow: &BasicWorkflow, datasets: usize, draws: usize, seed: u64) -> Result<Agreement> {
    let key = Key::new(seed).fork("exact");
    let (mut mean_errors, mut width_errors) = (Vec::new(), Vec::new());
    for start in (0..datasets).step_by(BLOCK) {
        let count = BLOCK.min(datasets - start);
        let data = LinearRegression::default().sample(&Request::new(count, key).first(start as u64))?;
        let posterior = workflow.sample_from(&data, draws, 0, key.at(start as u64).words()[0].into())?;
        let (beta, sigma) = (posterior.column("beta")?.array.to_f64(), posterior.column("sigma")?.array.to_f64());
        let (x, y) = (data.column("x")?, data.column("y")?);
        let (xs, ys) = (x.array.to_f64(), y.array.to_f64());
        for dataset in 0..count {
            let elements = match &x.offsets {
                Some(offsets) => offsets[dataset]..offsets[dataset + 1],
                None => dataset * xs.len() / count..(dataset + 1) * xs.len() / count,
            };
            let exact = exact_posterior(&xs[elements.clone()], &ys[elements])?;
            for parameter in 0..3 {
                let rows = dataset * draws..(dataset + 1) * draws;
                let values: Vec<f64> = match parameter {
                    2 => sigma[rows].to_vec(),
                    _ => rows.map(|row| beta[2 * row + parameter]).collect(),
                };
                mean_errors.push((mean(&values) - exact.mean[parameter]).abs() / exact.sd[parameter]);
                width_errors.push((variance(&values, 1).sqrt() / exact.sd[parameter]).ln().abs());
            }
        }
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        quantile(values, 0.5)
    };
    Ok(Agreement {
        mean_error: mean(&mean_errors),
        width_error: mean(&width_errors),
        median_mean_error: median(&mut mean_errors),
        median_width_error: median(&mut width_errors),
    })
}
