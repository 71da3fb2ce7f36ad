//! Simulation-based calibration: do the ranks look uniform, and if not, what is wrong with the posterior?

use serde::Serialize;

use super::binomial::plausible_counts;
use super::ecdf::EcdfBand;
use super::log_gamma::gamma_null_distribution;
use super::statistics::quantile;
use crate::error::{Error, Result};
use crate::random::Key;

/// Options of [`sbc_check`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SbcOptions {
    /// Probability that the ECDF of a calibrated posterior stays inside the band.
    pub confidence: f64,
    /// Number of simulated rank sets that the band is adjusted with.
    pub num_simulations: usize,
}

impl Default for SbcOptions {
    fn default() -> Self {
        SbcOptions { confidence: 0.95, num_simulations: 1000 }
    }
}

/// The result of [`sbc_check`]: one band, and a check for each variable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SbcCheck {
    /// The simultaneous band at `z_j = j / (draws + 1)`.
    pub band: EcdfBand,
    /// The quantile `1 − confidence` of γ of the simulated rank sets, whose halves are the levels of the band's limits.
    pub critical_gamma: f64,
    /// One check for each variable.
    pub variables: Vec<EcdfCheck>,
}

/// The ECDF of one variable's ranks against the band.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EcdfCheck {
    /// The ECDF at the points of the band.
    pub ecdf: Vec<f64>,
    /// True when it stays inside.
    pub inside: bool,
    /// Where it is farthest outside, or nearest to the band's limits from inside.
    pub excursion: Excursion,
    /// What the curve says about centre and width.
    pub shape: RankShape,
}

/// A point of an ECDF and its place relative to the band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Excursion {
    /// The evaluation point.
    pub z: f64,
    /// The ECDF minus `z` there.
    pub difference: f64,
    /// How far it is outside of the band (positive) or inside (negative or zero), in units of the ECDF.
    pub beyond: f64,
}

/// Centre and spread of the ranks `u ∈ [0, 1]`, as standard scores under uniformity.
///
/// The area under the ECDF minus the diagonal is `½ − mean u`, so that a curve above the diagonal throughout means a
/// posterior that lies too high. A curve that is above it on the left and below it on the right has `mean |u − ½| > ¼`:
/// too many extreme ranks, a posterior that is too narrow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankShape {
    /// `(½ − mean u) √(12 N)`; positive when the draws lie above the truth too often.
    pub bias: f64,
    /// `(mean |u − ½| − ¼) √(48 N)`; positive when the posterior is too narrow.
    pub overconfidence: f64,
}

/// What is wrong with a posterior whose ranks are not uniform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miscalibration {
    /// Too narrow: overconfident.
    TooNarrow,
    /// Too wide: underconfident.
    TooWide,
    /// Its draws lie above the truth too often.
    TooHigh,
    /// Its draws lie below the truth too often.
    TooLow,
    /// Neither centre nor width is clearly wrong: the form of the posterior differs.
    Irregular,
}

impl RankShape {
    /// A standard score below this is compatible with chance: one of 370 calibrated posteriors exceeds it.
    pub const CLEAR: f64 = 3.0;

    /// From integer ranks in `0 … num_post_draws`; a rank is spread evenly over its share of the unit interval.
    pub(crate) fn new(ranks: &[usize], num_post_draws: usize) -> Self {
        let count = ranks.len() as f64;
        let place = |rank: usize| (rank as f64 + 0.5) / (num_post_draws + 1) as f64;
        let values = (num_post_draws + 1) as f64;
        // Mean and variance of the discrete uniform distribution of u and of |u − ½|.
        let variance = (1.0 - values.powi(-2)) / 12.0;
        let all = || (0..=num_post_draws).map(|rank| (place(rank) - 0.5).abs());
        let spread = all().sum::<f64>() / values;
        let spread_variance = all().map(|x| (x - spread).powi(2)).sum::<f64>() / values;
        let mean = ranks.iter().map(|&rank| place(rank)).sum::<f64>() / count;
        let distance = ranks.iter().map(|&rank| (place(rank) - 0.5).abs()).sum::<f64>() / count;
        let score = |x: f64, variance: f64| if variance > 0.0 { x * (count / variance).sqrt() } else { 0.0 };
        RankShape { bias: score(0.5 - mean, variance), overconfidence: score(distance - spread, spread_variance) }
    }

    /// What is wrong, the clearer fault first; [`Miscalibration::Irregular`] alone when neither is clear.
    pub fn miscalibration(&self) -> Vec<Miscalibration> {
        let width = if self.overconfidence > 0.0 { Miscalibration::TooNarrow } else { Miscalibration::TooWide };
        let center = if self.bias > 0.0 { Miscalibration::TooHigh } else { Miscalibration::TooLow };
        let mut faults = vec![(self.overconfidence.abs(), width), (self.bias.abs(), center)];
        faults.retain(|(score, _)| *score > Self::CLEAR);
        faults.sort_by(|a, b| b.0.total_cmp(&a.0));
        if faults.is_empty() { vec![Miscalibration::Irregular] } else { faults.into_iter().map(|f| f.1).collect() }
    }
}

/// Checks integer ranks in `0 … num_post_draws` (outer index variable, inner index data set) for uniformity.
///
/// At `z_j = j / (draws + 1)`, j from 1 to `draws`, the count `#{rank < j}` of a calibrated posterior is exactly binomial
/// with probability `z_j`. So the band is exact for any number of draws, which a band for continuous numbers is not: with
/// few draws the ECDF of fractional ranks has visible steps, and a rank of 0 alone would leave it. "Inside" here and a
/// [`calibration_log_gamma`](super::calibration_log_gamma) that is not negative are the same statement.
pub fn sbc_check(
    ranks: &[impl AsRef<[usize]>],
    num_post_draws: usize,
    options: &SbcOptions,
    key: Key,
) -> Result<SbcCheck> {
    let datasets = ranks.first().map_or(0, |r| r.as_ref().len());
    if options.num_simulations == 0 {
        return Err(Error::argument("num_simulations", "is 0; the band needs at least one simulated rank set"));
    }
    let null = gamma_null_distribution(datasets, num_post_draws, options.num_simulations, key)?;
    sbc_check_from_null(ranks, num_post_draws, &null, options.confidence)
}

/// [`sbc_check`] from a null distribution of γ that was computed before for as many data sets and draws.
pub fn sbc_check_from_null(
    ranks: &[impl AsRef<[usize]>],
    num_post_draws: usize,
    null: &[f64],
    confidence: f64,
) -> Result<SbcCheck> {
    let datasets = ranks.first().map_or(0, |r| r.as_ref().len());
    let valid = |r: &[usize]| r.len() == datasets && r.iter().all(|&rank| rank <= num_post_draws);
    if datasets == 0 || num_post_draws == 0 || !ranks.iter().all(|r| valid(r.as_ref())) {
        return Err(Error::argument(
            "ranks",
            format!(
                "expected for each variable as many ranks, each from 0 to the number of draws, which is \
                 {num_post_draws}; there are {} variables, the first with {datasets} ranks",
                ranks.len()
            ),
        ));
    }
    if !(confidence > 0.0 && confidence < 1.0) || null.is_empty() {
        return Err(Error::argument(
            "confidence",
            format!(
                "confidence {confidence} and {} values of γ were given; give a confidence between 0 and 1 and at least one",
                null.len()
            ),
        ));
    }
    let critical_gamma = quantile(null, 1.0 - confidence);
    let z: Vec<f64> = (1..=num_post_draws).map(|j| j as f64 / (num_post_draws + 1) as f64).collect();
    let limits: Vec<(usize, usize)> =
        z.iter().map(|&p| plausible_counts(critical_gamma / 2.0, datasets, p)).collect::<Result<_>>()?;
    let share = |count: usize| count as f64 / datasets as f64;
    let band = EcdfBand {
        alpha: 1.0 - confidence,
        lower: limits.iter().map(|l| share(l.0)).collect(),
        upper: limits.iter().map(|l| share(l.1)).collect(),
        z,
    };
    let variables = ranks.iter().map(|ranks| check(ranks.as_ref(), num_post_draws, &band)).collect();
    Ok(SbcCheck { band, critical_gamma, variables })
}

fn check(ranks: &[usize], num_post_draws: usize, band: &EcdfBand) -> EcdfCheck {
    let mut below = vec![0usize; num_post_draws + 1];
    ranks.iter().for_each(|&rank| below[rank] += 1);
    let mut sum = 0;
    let ecdf: Vec<f64> = below[..num_post_draws]
        .iter()
        .map(|n| {
            sum += n;
            sum as f64 / ranks.len() as f64
        })
        .collect();
    let start = Excursion { z: 0.5, difference: 0.0, beyond: f64::NEG_INFINITY };
    let excursion = ecdf.iter().enumerate().fold(start, |worst, (k, &value)| {
        let beyond = (band.lower[k] - value).max(value - band.upper[k]);
        if beyond > worst.beyond { Excursion { z: band.z[k], difference: value - band.z[k], beyond } } else { worst }
    });
    EcdfCheck { inside: excursion.beyond <= 0.0, excursion, shape: RankShape::new(ranks, num_post_draws), ecdf }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::metrics::log_gamma::log_gamma_from_null;
    use crate::diagnostics::metrics::ranks::rank_counts;
    use crate::diagnostics::metrics::statistics::tests_support::normal_study;

    fn faults(shift: f64, scale: f64) -> (bool, Vec<Miscalibration>) {
        let (draws, truths) = normal_study(Key::new(12), 300, 200, shift, scale);
        let ranks = rank_counts(&draws, &truths).unwrap();
        let check = sbc_check(&ranks, 200, &SbcOptions::default(), Key::new(13)).unwrap();
        (check.variables[0].inside, check.variables[0].shape.miscalibration())
    }

    #[test]
    fn faults_have_names() {
        assert_eq!(faults(0.0, 1.0), (true, vec![Miscalibration::Irregular]));
        assert_eq!(faults(0.0, 0.5), (false, vec![Miscalibration::TooNarrow]));
        assert_eq!(faults(0.0, 2.0), (false, vec![Miscalibration::TooWide]));
        assert_eq!(faults(0.6, 1.0).1[0], Miscalibration::TooHigh);
        assert_eq!(faults(-0.6, 1.0).1[0], Miscalibration::TooLow);
        assert_eq!(faults(0.4, 0.5).1, [Miscalibration::TooNarrow, Miscalibration::TooHigh]);
    }

    /// 95 % of calibrated curves stay inside, also with few draws; inside is the same as a log-gamma that is not negative.
    #[test]
    fn level() {
        for draws in [5, 99] {
            let ranks: Vec<Vec<usize>> = (0..400)
                .map(|r| {
                    let (draws, truths) = normal_study(Key::new(14).at(r), 60, draws, 0.0, 1.0);
                    rank_counts(&draws, &truths).unwrap().remove(0)
                })
                .collect();
            let options = SbcOptions { num_simulations: 4000, ..Default::default() };
            let check = sbc_check(&ranks, draws, &options, Key::new(15)).unwrap();
            let inside = check.variables.iter().filter(|v| v.inside).count() as f64 / 400.0;
            assert!((0.92..0.985).contains(&inside), "{draws} draws: {inside}");
        }
        let null = gamma_null_distribution(80, 50, 1000, Key::new(15)).unwrap();
        for r in 0..40 {
            let (draws, truths) = normal_study(Key::new(16).at(r), 80, 50, 0.3, 1.0);
            let log_gamma = log_gamma_from_null(&draws, &truths, &null, 0.05).unwrap().values[0];
            let ranks = rank_counts(&draws, &truths).unwrap();
            let check = sbc_check(&ranks, 50, &SbcOptions::default(), Key::new(15)).unwrap();
            assert_eq!(check.variables[0].inside, log_gamma >= -1e-9);
        }
    }

    /// Standard scores of uniform ranks have mean 0 and variance 1.
    #[test]
    fn scores_are_standard() {
        let scores: Vec<RankShape> = (0..500)
            .map(|r| {
                let (draws, truths) = normal_study(Key::new(17).at(r), 50, 20, 0.0, 1.0);
                RankShape::new(&rank_counts(&draws, &truths).unwrap()[0], 20)
            })
            .collect();
        for of in [(|s: &RankShape| s.bias) as fn(&RankShape) -> f64, |s| s.overconfidence] {
            let values: Vec<f64> = scores.iter().map(of).collect();
            let (mean, sd) = (crate::math::mean(&values), crate::math::variance(&values, 1).sqrt());
            assert!(mean.abs() < 0.15 && (sd - 1.0).abs() < 0.1, "mean {mean}, sd {sd}");
        }
    }

    #[test]
    fn faults_of_arguments() {
        let options = SbcOptions::default();
        assert!(sbc_check(&[vec![1, 11]], 10, &options, Key::new(1)).is_err());
        assert!(sbc_check(&[vec![1], vec![1, 2]], 10, &options, Key::new(1)).is_err());
        let none: [Vec<usize>; 0] = [];
        assert!(sbc_check(&none, 10, &options, Key::new(1)).is_err());
        let options = SbcOptions { confidence: 0.0, ..options };
        assert!(sbc_check(&[vec![1]], 10, &options, Key::new(1)).is_err());
    }
}
