//! The diagnostics that every study gets.

use serde::Serialize;

use super::calibration_error::{CalibrationError, calibration_error};
use super::correlation::correlation;
use super::joint::{JointCheck, joint_check};
use super::log_gamma::{LogGamma, gamma_null_distribution, log_gamma_from_null};
use super::metric::Aggregation;
use super::posterior::{posterior_contraction, posterior_z_score};
use super::rank_test::{RankTest, rank_test};
use super::ranks::rank_counts;
use super::root_mean_squared_error::{Normalization, RootMeanSquaredError, root_mean_squared_error};
use super::sbc::{SbcCheck, sbc_check_from_null};
use super::table::MetricTable;
use super::verdicts::{Verdict, verdicts};
use crate::diagnostics::{Draws, Truths};
use crate::error::Result;
use crate::random::Key;

/// The default diagnostics of a study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnostics {
    /// Number of data sets.
    pub datasets: usize,
    /// Number of draws of each data set.
    pub draws: usize,
    /// NRMSE, Log Gamma, Calibration Error, Posterior Contraction, Posterior z-score and Correlation of every variable.
    pub table: MetricTable,
    /// The ECDF of the ranks of every variable with its simultaneous 95 % band.
    pub sbc: SbcCheck,
    /// The test of the ranks of every variable.
    pub tests: Vec<RankTest>,
    /// The joint distribution; none for a single variable.
    pub joint: Option<JointCheck>,
}

impl Diagnostics {
    /// All default diagnostics, with medians over data sets. At least two data sets and two draws are needed; hundreds of
    /// both tell something.
    pub fn compute(draws: &Draws, truths: &Truths, key: Key) -> Result<Self> {
        let options = LogGamma::default();
        let null =
            gamma_null_distribution(draws.datasets(), draws.draws(), options.num_null_draws, key.fork("null ranks"))?;
        Diagnostics::compute_from_null(draws, truths, &null, key)
    }

    /// [`compute`](Self::compute) with a null distribution of γ that was computed before for as many data sets and draws, see
    /// [`gamma_null_distribution`].
    pub fn compute_from_null(draws: &Draws, truths: &Truths, null: &[f64], key: Key) -> Result<Self> {
        let nrmse = RootMeanSquaredError {
            normalization: Normalization::Prior(key.fork("prior error")),
            aggregation: Aggregation::Median,
        };
        let options = LogGamma::default();
        let nrmse = root_mean_squared_error(draws, truths, &nrmse)?;
        let contraction = posterior_contraction(draws, truths, Aggregation::Median)?;
        let z_score = posterior_z_score(draws, truths, Aggregation::Median)?;
        let correlation = correlation(draws, truths, Aggregation::Median)?;
        let table = MetricTable::new(vec![
            nrmse,
            log_gamma_from_null(draws, truths, null, options.quantile)?,
            calibration_error(draws, truths, &CalibrationError::default())?,
            contraction,
            z_score,
            correlation,
        ])?;
        let ranks = rank_counts(draws, truths)?;
        let sbc = sbc_check_from_null(&ranks, draws.draws(), null, 1.0 - options.quantile)?;
        let tests = ranks.iter().map(|ranks| rank_test(ranks, draws.draws(), null)).collect::<Result<_>>()?;
        let joint = joint_check(draws, truths, null, key.fork("joint"))?;
        Ok(Diagnostics { datasets: draws.datasets(), draws: draws.draws(), table, sbc, tests, joint })
    }

    /// One verdict for each diagnostic and variable, and one for the joint distribution.
    pub fn verdicts(&self) -> Vec<Verdict> {
        verdicts(self)
    }
}
