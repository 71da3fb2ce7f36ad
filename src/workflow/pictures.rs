//! The pictures of a study, drawn from the numbers of its diagnostics.

use super::history::History;
use crate::diagnostics::metrics::{
    self, Aggregation, Diagnostics, IntervalType, RankHistogram, compute_empirical_coverage, fractional_ranks,
    posterior_contraction, posterior_z_score,
};
use crate::diagnostics::plots::{
    self, ContractionSeries, CoverageOptions, CoverageSeries, EcdfBand, EcdfOptions, EcdfSeries, Figure, GridOptions,
    LossSeries, Pairs, RankHistogramSeries, RecoveryOptions, RecoverySeries, TarpSeries,
};
use crate::diagnostics::{Draws, Truths};
use crate::error::Result;

/// Interval widths at which the coverage is drawn: a curve of so many points looks smooth.
const COVERAGE_POINTS: usize = 100;
/// Probability of the intervals and bands.
const PROBABILITY: f64 = 0.95;
/// Probability that a bin of calibrated ranks stays within its band.
const BIN_PROBABILITY: f64 = 0.99;
/// Panels of the picture of pairs beyond this number are too small to read.
const MOST_PAIRS: usize = 10;

/// All pictures: calibration first, since it decides about the rest.
pub(super) fn all(draws: &Draws, truths: &Truths, diagnostics: &Diagnostics, history: &History) -> Result<Vec<Figure>> {
    let ranks = fractional_ranks(draws, truths)?;
    let mut figures = vec![
        recovery(draws, truths)?,
        ecdf(draws, &ranks, diagnostics)?,
        rank_histogram(draws, &ranks)?,
        coverage(draws, truths)?,
        contraction(draws, truths)?,
        pairs(draws, truths)?,
    ];
    if let Some(joint) = &diagnostics.joint {
        figures.insert(4, tarp(&joint.tarp)?);
    }
    if !history.is_empty() {
        figures.insert(0, loss(history)?);
    }
    Ok(figures)
}

pub(super) fn loss(history: &History) -> Result<Figure> {
    plots::loss(&LossSeries {
        unit: "Step".into(),
        loss: history.losses().collect(),
        validation: history.validation_by_step(),
        learning_rate: history.learning_rates().collect(),
        ..LossSeries::default()
    })
}

fn recovery(draws: &Draws, truths: &Truths) -> Result<Figure> {
    let series = |one: metrics::Recovery| RecoverySeries {
        variable: one.variable,
        truth: one.truth,
        estimate: one.estimate,
        lower: one.lower,
        upper: one.upper,
        correlation: Some(one.correlation).filter(|r| r.is_finite()),
    };
    let series: Vec<_> = metrics::recovery(draws, truths, PROBABILITY)?.into_iter().map(series).collect();
    plots::recovery(&series, &RecoveryOptions { probability: PROBABILITY, ..RecoveryOptions::default() })
}

fn ecdf(draws: &Draws, ranks: &[Vec<f64>], diagnostics: &Diagnostics) -> Result<Figure> {
    let series: Vec<_> = draws
        .names()
        .into_iter()
        .zip(ranks)
        .map(|(variable, ranks)| EcdfSeries { variable, ranks: ranks.clone() })
        .collect();
    plots::calibration_ecdf(&series, &drawn(&diagnostics.sbc.band), &EcdfOptions::default())
}

/// A band as pictures draw it.
pub(super) fn drawn(band: &metrics::EcdfBand) -> EcdfBand {
    EcdfBand {
        levels: band.z.clone(),
        lower: band.lower.clone(),
        upper: band.upper.clone(),
        confidence: 1.0 - band.alpha,
    }
}

fn rank_histogram(draws: &Draws, ranks: &[Vec<f64>]) -> Result<Figure> {
    let bins = ((draws.datasets() as f64 / RankHistogram::ENOUGH) as usize).clamp(4, 20).min(draws.draws() + 1);
    let series: Result<Vec<_>> = draws
        .names()
        .iter()
        .zip(ranks)
        .map(|(name, ranks)| RankHistogramSeries::from_ranks(name, ranks, draws.draws(), bins, BIN_PROBABILITY))
        .collect();
    plots::rank_histogram(&series?, &GridOptions::default())
}

fn coverage(draws: &Draws, truths: &Truths) -> Result<Figure> {
    let points = COVERAGE_POINTS.min(draws.draws() + 1);
    let widths: Vec<f64> = (0..=points).map(|j| j as f64 / points as f64).collect();
    let coverage = compute_empirical_coverage(draws, truths, &widths, PROBABILITY, IntervalType::Central)?;
    let series: Vec<_> = coverage
        .variables
        .into_iter()
        .map(|curve| CoverageSeries {
            variable: curve.variable,
            width: curve.width_represented,
            estimate: curve.estimate,
            lower: curve.lower,
            upper: curve.upper,
        })
        .collect();
    plots::coverage(&series, &CoverageOptions { probability: PROBABILITY, ..CoverageOptions::default() })
}

fn tarp(tarp: &metrics::Tarp) -> Result<Figure> {
    plots::tarp(&TarpSeries {
        credibility: tarp.band.z.clone(),
        coverage: tarp.coverage.clone(),
        lower: tarp.band.lower.clone(),
        upper: tarp.band.upper.clone(),
        confidence: 1.0 - tarp.band.alpha,
        p_value: Some(tarp.test.p_value),
    })
}

fn contraction(draws: &Draws, truths: &Truths) -> Result<Figure> {
    let contraction = posterior_contraction(draws, truths, Aggregation::None)?;
    let z_score = posterior_z_score(draws, truths, Aggregation::None)?;
    let series: Vec<_> = draws
        .names()
        .into_iter()
        .enumerate()
        .map(|(v, variable)| ContractionSeries {
            variable,
            contraction: contraction.column(v),
            z_score: z_score.column(v),
        })
        .collect();
    plots::z_score_contraction(&series, &GridOptions::default())
}

/// Draws for the first data set; the true values of all data sets are draws from the prior.
fn pairs(draws: &Draws, truths: &Truths) -> Result<Figure> {
    let shown = 0..draws.variables().len().min(MOST_PAIRS);
    let mut figure = plots::pairs(&Pairs {
        variables: draws.names()[shown.clone()].to_vec(),
        posterior: shown.clone().map(|v| draws.of(0, v).to_vec()).collect(),
        prior: shown.clone().map(|v| truths.variable(v).to_vec()).collect(),
        truth: shown.clone().map(|v| truths.variable(v)[0]).collect(),
    })?;
    if draws.variables().len() > shown.len() {
        figure.description.push_str(&format!(
            " Only the first {} of {} variables are shown.",
            shown.len(),
            draws.variables().len()
        ));
    }
    Ok(figure)
}
