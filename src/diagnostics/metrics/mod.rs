//! The numbers of the diagnostics: pure functions over [`Draws`](super::Draws) and [`Truths`](super::Truths), on the host
//! in f64. Pictures draw what these functions return and compute nothing themselves.
//!
//! Every function whose result depends on random numbers takes a [`Key`](crate::random::Key), or the random numbers
//! themselves (`…_from_uniforms`, [`Normalization::PriorRows`]), so that results repeat.

mod binomial;
mod bootstrap;
mod calibration_error;
mod classification;
mod correlation;
mod coverage;
mod defaults;
mod ecdf;
mod histogram;
mod joint;
mod log_gamma;
mod metric;
mod mmd;
mod posterior;
mod predictive;
mod psis;
mod rank_test;
mod ranks;
mod recovery;
mod root_mean_squared_error;
mod sbc;
mod statistics;
mod streaming;
mod table;
mod tarp;
mod verdicts;

pub use binomial::{binomial_quantile, binomial_tails};
pub use bootstrap::{BootstrapComparison, NullSample, bootstrap_comparison, mmd_comparison, null_rows};
pub use calibration_error::{CalibrationError, calibration_error};
pub use classification::{
    Binning, CalibrationCurve, ConfusionMatrix, ConfusionNormalization, ExpectedCalibrationError, calibration_curve,
    confusion_matrix, expected_calibration_error,
};
pub use correlation::correlation;
pub use coverage::{CoverageCurve, EmpiricalCoverage, IntervalType, compute_empirical_coverage, coverage_widths};
pub use defaults::Diagnostics;
pub use ecdf::{
    EcdfBand, PointwiseBand, SimultaneousBand, ecdf_from_quantiles, ecdf_steps, minimal_coverage_probs,
    pointwise_ecdf_bands, simultaneous_ecdf_bands, simultaneous_ecdf_bands_from_uniforms,
};
pub use histogram::{HistogramBin, RankHistogram, rank_histogram};
pub use joint::{JointCheck, PairCheck, density_ranks, joint_check, pair_ranks};
pub use log_gamma::{
    LogGamma, calibration_log_gamma, gamma_discrepancy, gamma_null_distribution, gamma_null_from_uniforms,
    log_gamma_from_null,
};
pub use metric::{Aggregation, Metric};
pub use mmd::{Estimator, KERNEL_SCALES, Kernel, MaximumMeanDiscrepancy, maximum_mean_discrepancy};
pub use posterior::{posterior_contraction, posterior_z_score};
pub use predictive::{PredictiveCheck, predictive_checks};
pub use psis::{K_HAT_LIMIT, Psis, psis};
pub use rank_test::{RankTest, gamma_p_value, holm_adjusted, rank_test};
pub use ranks::{Distance, DistanceRanks, distance_ranks, fractional_ranks, rank_counts};
pub use recovery::{Recovery, credible_interval, recovery, smoothed};
pub use root_mean_squared_error::{
    Normalization, RootMeanSquaredError, root_mean_squared_error, rowwise_root_mean_squared_error,
};
pub use sbc::{EcdfCheck, Excursion, Miscalibration, RankShape, SbcCheck, SbcOptions, sbc_check, sbc_check_from_null};
pub use statistics::{linspace, median, pearson};
pub use streaming::{LatestDiscrepancy, MeanRootSquaredError, StreamingMetric};
pub use table::MetricTable;
pub use tarp::{Tarp, tarp, tarp_from_null, tarp_from_points};
pub use verdicts::{
    CALIBRATION_ERROR_FINE, CONTRACTION_FINE, CORRELATION_GAP, FAMILY_LEVEL, FAMILY_LEVEL_BAD, NRMSE_BAD, NRMSE_FINE,
    Status, Verdict, Z_SCORE_BAD, Z_SCORE_FINE, overall, verdicts,
};
