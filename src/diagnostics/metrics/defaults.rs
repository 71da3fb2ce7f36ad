//! The diagnostics that every study gets.

use serde::Serialize;

use super::calibration_error::{CalibrationError, calibration_error};
use super::correlation::correlation;
use super::log_gamma::{LogGamma, gamma_null_distribution, log_gamma_from_null};
use super::metric::Aggregation;
use super::posterior::{posterior_contraction, posterior_z_score};
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
}

impl Diagnostics {
    /// All default diagnostics, with medians over data sets. At least two data sets and two draws are needed; hundreds of
    /// both tell something.
    pub fn compute(draws: &Draws, truths: &Truths, key: Key) -> Result<Self> {
        let nrmse = RootMeanSquaredError {
            normalization: Normalization::Prior(key.fork("prior error")),
            aggregation: Aggregation::Median,
        };
        let options = LogGamma::default();
        let nrmse = root_mean_squared_error(draws, truths, &nrmse)?;
        let contraction = posterior_contraction(draws, truths, Aggregation::Median)?;
        let z_score = posterior_z_score(draws, truths, Aggregation::Median)?;
        let correlation = correlation(draws, truths, Aggregation::Median)?;
        let null =
            gamma_null_distribution(draws.datasets(), draws.draws(), options.num_null_draws, key.fork("null ranks"))?;
        let table = MetricTable::new(vec![
            nrmse,
            log_gamma_from_null(draws, truths, &null, options.quantile)?,
            calibration_error(draws, truths, &CalibrationError::default())?,
            contraction,
            z_score,
            correlation,
        ])?;
        let ranks = rank_counts(draws, truths)?;
        let sbc = sbc_check_from_null(&ranks, draws.draws(), &null, 1.0 - options.quantile)?;
        Ok(Diagnostics { datasets: draws.datasets(), draws: draws.draws(), table, sbc })
    }

    /// One verdict for each diagnostic and variable.
    pub fn verdicts(&self) -> Vec<Verdict> {
        verdicts(self)
    }
}
