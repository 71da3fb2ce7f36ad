//! Pictures of a trained posterior, as SVG. They only draw numbers: what is shown is computed elsewhere and comes as plain
//! columns; the same numbers give the same bytes.
//!
//! | picture | shows |
//! |---|---|
//! | [`loss`] | the course of the training |
//! | [`recovery`] | estimates with intervals against true values |
//! | [`calibration_ecdf`] | ranks of the truths against a uniform distribution, with simultaneous bands |
//! | [`rank_histogram`] | the same ranks, in bins |
//! | [`coverage`] | how often intervals hold the truth, for each width |
//! | [`z_score_contraction`] | error in posterior standard deviations against what was learned from the data |
//! | [`pairs`] | draws for one data set: each variable and each pair; the prior behind and the truth marked, if they are given |
//! | [`recovery_from_estimates`] | several point estimates of each data set against true values |
//! | [`calibration_ecdf_from_quantiles`] | how often predicted quantiles lie above the truth, for each level |
//! | [`tarp`] | coverage of balls around random points, for all variables together |
//! | [`plot_quantity`], [`pairs_quantity`] | any number per data set against true values, one by one and in pairs |
//! | [`posterior_predictive`], [`posterior_predictive_band`] | observed data among data that the posterior predicts |
//! | [`mmd_hypothesis_test`] | the distance of observed from simulated data among those that chance gives |
//! | [`pareto_k`] | whether importance weights can be relied on, for each data set |
//! | [`mc_calibration`], [`mc_confusion_matrix`], [`model_probabilities`] | predicted probabilities of models |
//!
//! Numbers that are not finite are left out and thousands of points are thinned; the description of the figure says how
//! many. `style` holds every colour and size, `panel` the axes, `grid` their arrangement.

mod axis;
mod canvas;
mod color_map;
mod confusion;
mod contour;
mod contraction;
mod coverage;
mod density;
mod ecdf;
mod estimates;
mod geometry;
mod grid;
mod histogram;
mod hypothesis_test;
mod legend;
mod loss;
mod marker;
pub(super) mod markup;
mod mc_calibration;
mod model_probabilities;
mod pairs;
mod pairs_quantity;
mod panel;
mod pareto;
mod predictive;
mod quantiles;
mod quantity;
mod ranks;
mod recovery;
mod series;
mod style;
mod tarp;

pub use confusion::{ConfusionSeries, mc_confusion_matrix};
pub use contraction::{ContractionSeries, z_score_contraction};
pub use coverage::{CoverageOptions, CoverageSeries, coverage};
pub use ecdf::{EcdfBand, EcdfOptions, EcdfSeries, RankStatistic, calibration_ecdf};
pub use estimates::{EstimateOptions, EstimateSeries, ScoreEstimates, recovery_from_estimates};
pub use grid::GridOptions;
pub use hypothesis_test::{HypothesisTestSeries, mmd_hypothesis_test};
pub use loss::{LossSeries, loss};
pub use marker::Marker;
pub use mc_calibration::{ModelCalibrationSeries, mc_calibration};
pub use model_probabilities::{ModelProbabilities, model_probabilities};
pub use pairs::{Pairs, pairs};
pub use pairs_quantity::{PairsQuantity, pairs_quantity};
pub use pareto::pareto_k;
pub use predictive::{PredictiveBand, PredictiveSeries, posterior_predictive, posterior_predictive_band};
pub use quantiles::{QuantileOptions, QuantileSeries, calibration_ecdf_from_quantiles};
pub use quantity::{QuantitySeries, plot_quantity};
pub use ranks::{RankBin, RankHistogramSeries, rank_histogram};
pub use recovery::{RecoveryOptions, RecoverySeries, recovery};
pub use tarp::{TarpSeries, tarp};

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Short name, also of the file: lower case letters, digits and underscores.
    pub name: String,
    /// Title for people.
    pub title: String,
    /// The SVG document.
    pub svg: String,
    /// How to read the picture, and what it does not show.
    pub description: String,
}
