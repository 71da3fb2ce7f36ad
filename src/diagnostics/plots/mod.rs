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
//! | [`pairs`] | draws for one data set: each variable and each pair, the prior behind, the truth marked |
//!
//! Numbers that are not finite are left out and thousands of points are thinned; the description of the figure says how
//! many. `style` holds every colour and size, `panel` the axes, `grid` their arrangement.

mod axis;
mod canvas;
mod contour;
mod contraction;
mod coverage;
mod density;
mod ecdf;
mod geometry;
mod grid;
mod legend;
mod loss;
pub(super) mod markup;
mod pairs;
mod panel;
mod ranks;
mod recovery;
mod series;
mod style;

pub use contraction::{ContractionSeries, z_score_contraction};
pub use coverage::{CoverageOptions, CoverageSeries, coverage};
pub use ecdf::{EcdfBand, EcdfOptions, EcdfSeries, RankStatistic, calibration_ecdf};
pub use grid::GridOptions;
pub use loss::{LossSeries, loss};
pub use pairs::{Pairs, pairs};
pub use ranks::{RankBin, RankHistogramSeries, rank_histogram};
pub use recovery::{RecoveryOptions, RecoverySeries, recovery};

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
