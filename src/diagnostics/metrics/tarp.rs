//! Tests of accuracy with random points (TARP): coverage of balls around random points, which judges all variables together
//! (Lemos, Coogan, Hezaveh and Perreault-Levasseur 2023, "Sampling-based accuracy testing of posterior estimators for general
//! inference").

use rand::RngExt;
use serde::Serialize;

use super::ecdf::EcdfBand;
use super::log_gamma::gamma_null_distribution;
use super::rank_test::{RankTest, rank_among, rank_test};
use super::sbc::sbc_check_from_null;
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};
use crate::math::{mean, variance};
use crate::random::Key;

/// Number of simulated rank sets that band and p-value come from.
const NULL_DRAWS: usize = 1000;

/// Probability that the band holds the whole curve of an exact posterior.
const CONFIDENCE: f64 = 0.95;

/// The result of [`tarp`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tarp {
    /// For each data set the number of draws nearer to its random point than the truth; equal distances are split at random.
    pub ranks: Vec<usize>,
    /// Expected coverage at the credibilities of the band: the share of data sets whose truth lies inside of the ball that
    /// holds this share of the draws.
    pub coverage: Vec<f64>,
    /// Credibilities, and the simultaneous 95 % band of the coverage of an exact posterior.
    pub band: EcdfBand,
    /// The test of the ranks, which are uniform for an exact posterior.
    pub test: RankTest,
}

/// TARP with random points of its own: for each data set one point, uniform over the range of the true values of all data
/// sets, which knows nothing of its data. Distances are Euclidean in standard deviations of the true values.
///
/// The rank of the truth's distance among those of the draws is uniform on `0 … draws` if the posterior is exact. The curve
/// lies above the diagonal in the middle and to the left where balls hold too many truths. Uniform ranks for points that do
/// not depend on the data are necessary, not sufficient: draws from the prior pass.
///
/// # Errors
/// Draws and true values that do not belong together.
pub fn tarp(draws: &Draws, truths: &Truths, key: Key) -> Result<Tarp> {
    let null = gamma_null_distribution(draws.datasets(), draws.draws(), NULL_DRAWS, key.fork("null ranks"))?;
    tarp_from_null(draws, truths, &null, key)
}

/// [`tarp`] with a null distribution of γ that was computed before for as many data sets and draws.
pub fn tarp_from_null(draws: &Draws, truths: &Truths, null: &[f64], key: Key) -> Result<Tarp> {
    check_pair(draws, truths)?;
    let mut stream = key.fork("random points").stream();
    let width = draws.variables().len();
    let mut points = vec![0.0; truths.datasets() * width];
    for v in 0..width {
        let known = truths.variable(v);
        let low = known.iter().copied().fold(f64::INFINITY, f64::min);
        let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for dataset in 0..truths.datasets() {
            points[dataset * width + v] = low + stream.random::<f64>() * (high - low);
        }
    }
    tarp_from_points(draws, truths, &points, null, key)
}

/// [`tarp_from_null`] with the points `[datasets, variables]` given, row-major. They may depend on the data of their data set,
/// not on its true values.
pub fn tarp_from_points(draws: &Draws, truths: &Truths, points: &[f64], null: &[f64], key: Key) -> Result<Tarp> {
    check_pair(draws, truths)?;
    let width = draws.variables().len();
    if points.len() != draws.datasets() * width {
        return Err(Error::shape(
            "points",
            format!(
                "{} numbers came; give one for each of {} data sets × {width} variables",
                points.len(),
                draws.datasets()
            ),
        ));
    }
    // A variable that does not vary says nothing about nearness.
    let scales: Vec<f64> = (0..width)
        .map(|v| match variance(truths.variable(v), 1).sqrt() {
            sd if sd > 0.0 => 1.0 / sd,
            _ => 1.0,
        })
        .collect();
    let mut stream = key.fork("equal distances").stream();
    let ranks: Vec<usize> = (0..draws.datasets())
        .map(|i| {
            let point = &points[i * width..(i + 1) * width];
            let mut distances = vec![0.0; draws.draws()];
            let mut truth = 0.0;
            for v in 0..width {
                let squared = |x: f64| ((x - point[v]) * scales[v]).powi(2);
                truth += squared(truths.variable(v)[i]);
                distances.iter_mut().zip(draws.of(i, v)).for_each(|(d, &x)| *d += squared(x));
            }
            rank_among(distances.into_iter(), truth, &mut stream)
        })
        .collect();
    let test = rank_test(&ranks, draws.draws(), null)?;
    let check = sbc_check_from_null(&[&ranks], draws.draws(), null, CONFIDENCE)?;
    let coverage = check.variables.into_iter().next().map_or(Vec::new(), |check| check.ecdf);
    Ok(Tarp { ranks, coverage, band: check.band, test })
}

impl Tarp {
    /// Mean difference of coverage and credibility, from −½ to ½: negative when the truths are farther from the random points
    /// than the draws are.
    pub fn mean_difference(&self) -> f64 {
        mean(&self.coverage.iter().zip(&self.band.z).map(|(c, z)| c - z).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::statistics::tests_support::normal_study;

    #[test]
    fn exact_posteriors_pass_and_wrong_ones_do_not() {
        let p = |shift: f64, scale: f64, seed: u64| {
            let (draws, truths) = normal_study(Key::new(30).at(seed), 300, 100, shift, scale);
            tarp(&draws, &truths, Key::new(31).at(seed)).unwrap().test.p_value
        };
        let small = (0..60).filter(|&seed| p(0.0, 1.0, seed) < 0.05).count();
        assert!(small <= 8, "{small}");
        assert!((0..5).all(|seed| p(0.0, 0.5, seed) < 0.01 && p(0.0, 2.0, seed) < 0.01));
    }

    /// Two variables whose truths are equal, drawn as independent ones: the margins are right, the balls are not.
    #[test]
    fn wrong_dependence_is_seen_by_near_points() {
        let mut stream = Key::new(32).stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        let truths: Vec<f64> = (0..400).map(|_| normal()).flat_map(|x| [x, x]).collect();
        let drawn: Vec<f64> = (0..400 * 100 * 2).map(|_| normal()).collect();
        let draws = Draws::from_array(&Array::f64([400, 100, 2], drawn).unwrap()).unwrap();
        let truths = Truths::from_array(&Array::f64([400, 2], truths).unwrap()).unwrap();
        let null = gamma_null_distribution(400, 100, 500, Key::new(33)).unwrap();
        let corner: Vec<f64> = (0..400).flat_map(|_| [3.0, -3.0]).collect();
        let tarp = tarp_from_points(&draws, &truths, &corner, &null, Key::new(34)).unwrap();
        assert!(tarp.test.p_value < 1e-3, "{:?}", tarp.test);
        assert_eq!((tarp.ranks.len(), tarp.coverage.len(), tarp.band.z.len()), (400, 100, 100));
    }

    #[test]
    fn the_same_key_gives_the_same_result_and_faults_are_named() {
        let (draws, truths) = normal_study(Key::new(35), 40, 30, 1.0, 1.0);
        assert_eq!(tarp(&draws, &truths, Key::new(1)).unwrap(), tarp(&draws, &truths, Key::new(1)).unwrap());
        let all_left = tarp_from_points(&draws, &truths, &[-100.0; 40], &[0.5], Key::new(1)).unwrap();
        assert!(all_left.mean_difference() > 0.1, "{}", all_left.mean_difference());
        let error = tarp_from_points(&draws, &truths, &[0.0; 3], &[0.5], Key::new(1)).unwrap_err().to_string();
        assert!(error.contains("40 data sets × 1 variables"), "{error}");
    }
}
