//! Log-gamma: is the deviation of the ranks from uniformity larger than chance explains? (Modrák et al. 2023,
//! "Simulation-based calibration checking for Bayesian computation: the choice of test quantities shapes sensitivity")

use super::ecdf::{counts_below, sample_size, smallest_tails, uniform_samples};
use super::metric::{Aggregation, Metric};
use super::ranks::rank_counts;
use super::statistics::quantile;
use crate::diagnostics::{Draws, Truths};
use crate::error::{Error, Result};
use crate::random::Key;

/// Options of [`calibration_log_gamma`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogGamma {
    /// Number of simulated rank sets that the critical value comes from.
    pub num_null_draws: usize,
    /// Share of calibrated posteriors that are rejected.
    pub quantile: f64,
}

impl Default for LogGamma {
    fn default() -> Self {
        LogGamma { num_null_draws: 1000, quantile: 0.05 }
    }
}

/// `ln(γ / γ*)` with [`gamma_discrepancy`] γ of a variable's ranks and γ* the chosen quantile of γ under uniform ranks.
///
/// Negative: uniform ranks are rejected at the chosen level, the posterior is not calibrated. The null distribution is the
/// same for all variables.
pub fn calibration_log_gamma(draws: &Draws, truths: &Truths, options: &LogGamma, key: Key) -> Result<Metric> {
    let null = gamma_null_distribution(draws.datasets(), draws.draws(), options.num_null_draws, key)?;
    log_gamma_from_null(draws, truths, &null, options.quantile)
}

/// [`calibration_log_gamma`] from a null distribution that was computed before.
pub fn log_gamma_from_null(draws: &Draws, truths: &Truths, null: &[f64], quantile_level: f64) -> Result<Metric> {
    if null.is_empty() || !(0.0..=1.0).contains(&quantile_level) {
        return Err(Error::argument(
            "log-gamma",
            format!(
                "{} null draws and quantile {quantile_level} were given; give at least one and a quantile from 0 to 1",
                null.len()
            ),
        ));
    }
    let critical = quantile(null, quantile_level);
    let gammas: Vec<f64> = rank_counts(draws, truths)?
        .iter()
        .map(|ranks| gamma_discrepancy(ranks, draws.draws()))
        .collect::<Result<_>>()?;
    Ok(Metric::aggregate("Log Gamma", draws, Aggregation::Mean, |v| vec![(gammas[v] / critical).ln()]))
}

/// How unusual the most unusual value of the ranks' ECDF is: `2 min_j min(P(X_j ≤ C_j), P(X_j ≥ C_j))`.
///
/// `ranks` lie in `0 … num_post_draws`; at `z_j = j / (num_post_draws + 1)`, j from 1 to `num_post_draws + 1`, the count
/// `C_j = #{rank < j}` is compared with `X_j`, binomial with probability `z_j`.
pub fn gamma_discrepancy(ranks: &[usize], num_post_draws: usize) -> Result<f64> {
    if ranks.is_empty() || ranks.iter().any(|&rank| rank > num_post_draws) {
        return Err(Error::argument(
            "ranks",
            format!(
                "{} ranks with the largest {:?} were given for {num_post_draws} draws; ranks are 0 to the number of draws",
                ranks.len(),
                ranks.iter().max()
            ),
        ));
    }
    let z = levels(num_post_draws);
    let mut counts = vec![0u32; z.len()];
    ranks.iter().for_each(|&rank| counts[rank] += 1);
    for j in 1..counts.len() {
        counts[j] += counts[j - 1];
    }
    Ok(smallest_tails(&z, &counts, 1, ranks.len(), false)?[0])
}

/// γ of `num_null_draws` simulated sets of `num_ranks` uniform ranks.
pub fn gamma_null_distribution(
    num_ranks: usize,
    num_post_draws: usize,
    num_null_draws: usize,
    key: Key,
) -> Result<Vec<f64>> {
    gamma_null_from_uniforms(&uniform_samples(num_ranks, num_null_draws, key), num_post_draws, false)
}

/// [`gamma_null_distribution`] with the uniform numbers given: `C_j = #{u < z_j}`.
///
/// BayesFlow 2.0.12 multiplies a mean by N and rounds down, which is one too few for some counts, such as 29 of 50 or 55 of
/// 300; `peer_compatible` repeats that, and its upper tail as one minus the lower, to compare with it. Otherwise counts are
/// integers.
pub fn gamma_null_from_uniforms(
    uniforms: &[impl AsRef<[f64]>],
    num_post_draws: usize,
    peer_compatible: bool,
) -> Result<Vec<f64>> {
    let trials = sample_size(uniforms)?;
    let z = levels(num_post_draws);
    let counts = counts_below(&z, uniforms, |z, u| z <= u)?;
    smallest_tails(&z, &counts, uniforms.len(), trials, peer_compatible)
}

/// `j / (draws + 1)` for j from 1 to `draws + 1`.
fn levels(draws: usize) -> Vec<f64> {
    (1..=draws + 1).map(|j| j as f64 / (draws + 1) as f64).collect()
}

#[cfg(test)]
mod tests {
    use approx::{assert_abs_diff_eq, assert_relative_eq};

    use super::*;
    use crate::diagnostics::metrics::statistics::tests_support::normal_study;

    #[test]
    fn reference_values() {
        assert_abs_diff_eq!(gamma_discrepancy(&[3, 2, 3, 2, 1, 2], 5).unwrap(), 0.17558299, epsilon = 5e-9);
        for (ranks, draws, expected) in [(100, 100, 0.00425), (300, 1000, 0.00185)] {
            let null = gamma_null_distribution(ranks, draws, 4000, Key::new(9)).unwrap();
            assert_relative_eq!(quantile(&null, 0.05), expected, max_relative = 0.15);
        }
    }

    /// Calibrated posteriors are rejected in about 5 % of repetitions, wrong ones always.
    #[test]
    fn level_and_power() {
        let null = gamma_null_distribution(100, 99, 2000, Key::new(10)).unwrap();
        let rejected = |shift, scale, repetitions: u64| {
            let negative = (0..repetitions).filter(|&r| {
                let (draws, truths) = normal_study(Key::new(11).at(r), 100, 99, shift, scale);
                log_gamma_from_null(&draws, &truths, &null, 0.05).unwrap().values[0] < 0.0
            });
            negative.count() as f64 / repetitions as f64
        };
        let level = rejected(0.0, 1.0, 400);
        assert!((0.02..0.09).contains(&level), "{level}");
        assert!(rejected(0.0, 0.6, 20) > 0.9 && rejected(0.0, 1.8, 20) > 0.9 && rejected(0.7, 1.0, 20) > 0.9);
    }

    #[test]
    fn faults_are_named() {
        assert!(gamma_discrepancy(&[4], 3).unwrap_err().to_string().contains("largest Some(4)"));
        assert!(gamma_discrepancy(&[], 3).is_err());
        assert!(gamma_null_distribution(0, 10, 10, Key::new(1)).is_err());
        let (draws, truths) = normal_study(Key::new(1), 3, 3, 0.0, 1.0);
        let options = LogGamma { num_null_draws: 0, ..Default::default() };
        assert!(calibration_log_gamma(&draws, &truths, &options, Key::new(1)).is_err());
        assert!(log_gamma_from_null(&draws, &truths, &[0.1], 1.5).is_err());
    }
}
