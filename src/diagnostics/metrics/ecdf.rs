//! Empirical distribution functions (ECDF) of ranks and the bands they stay in when the posterior is calibrated (Säilynoja,
//! Bürkner and Vehtari 2022, "Graphical test for discrete uniformity and its applications in goodness-of-fit evaluation and
//! multiple sample comparison").

use rand::RngExt;
use serde::Serialize;

use super::binomial::{binomial, binomial_quantile, tails};
use super::statistics::{linspace, quantile};
use crate::error::{Error, Result};
use crate::random::Key;

/// A band around the ECDF of `N` uniform numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EcdfBand {
    /// One minus the confidence.
    pub alpha: f64,
    /// Evaluation points, ascending.
    pub z: Vec<f64>,
    /// Smallest value of the ECDF at each point.
    pub lower: Vec<f64>,
    /// Largest value of the ECDF at each point.
    pub upper: Vec<f64>,
}

/// Options of [`simultaneous_ecdf_bands`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimultaneousBand {
    /// Number of evaluation points; the number of estimates without it.
    pub num_points: Option<usize>,
    /// Number of simulated samples that the band is adjusted with.
    pub num_simulations: usize,
    /// Probability that the whole ECDF stays inside.
    pub confidence: f64,
    /// Distance of the outer evaluation points from 0 and 1.
    pub epsilon: f64,
    /// Upper limit for the number of evaluation points.
    pub max_num_points: usize,
}

impl Default for SimultaneousBand {
    fn default() -> Self {
        SimultaneousBand {
            num_points: None,
            num_simulations: 1000,
            confidence: 0.95,
            epsilon: 1e-5,
            max_num_points: 1000,
        }
    }
}

/// Options of [`pointwise_ecdf_bands`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointwiseBand {
    /// Number of evaluation points; the number of estimates without it.
    pub num_points: Option<usize>,
    /// Probability that the ECDF is inside at a given point.
    pub confidence: f64,
    /// First evaluation point.
    pub min_point: f64,
    /// Last evaluation point.
    pub max_point: f64,
    /// Upper limit for the number of evaluation points.
    pub max_num_points: usize,
}

impl Default for PointwiseBand {
    fn default() -> Self {
        PointwiseBand {
            num_points: None,
            confidence: 0.99,
            min_point: 1e-5,
            max_point: 1.0 - 1e-5,
            max_num_points: 1000,
        }
    }
}

/// A band that the whole ECDF of `num_estimates` uniform numbers stays in with the given confidence.
///
/// At equally spaced points z the limits are the quantiles `γ/2` and `1 − γ/2` of the binomial distribution of the count,
/// divided by N, where `γ` is the quantile `1 − confidence` of [`minimal_coverage_probs`] of simulated samples.
pub fn simultaneous_ecdf_bands(num_estimates: usize, options: &SimultaneousBand, key: Key) -> Result<EcdfBand> {
    let uniforms = uniform_samples(num_estimates, options.num_simulations, key);
    simultaneous_ecdf_bands_from_uniforms(&uniforms, options, false)
}

/// [`simultaneous_ecdf_bands`] with the simulated samples given, each as many uniform numbers as there are estimates.
///
/// `peer_compatible` counts as BayesFlow 2.0.12 does, see [`gamma_null_from_uniforms`](super::gamma_null_from_uniforms).
pub fn simultaneous_ecdf_bands_from_uniforms(
    uniforms: &[impl AsRef<[f64]>],
    options: &SimultaneousBand,
    peer_compatible: bool,
) -> Result<EcdfBand> {
    let estimates = uniforms.first().map_or(0, |u| u.as_ref().len());
    let count = checked(estimates, options.num_points, options.max_num_points, options.confidence)?;
    if !(0.0..0.5).contains(&options.epsilon) {
        return Err(Error::argument("epsilon", format!("is {}; give a number from 0 to 0.5", options.epsilon)));
    }
    let z = linspace(options.epsilon, 1.0 - options.epsilon, count);
    let gammas = minimal_coverage_probs(&z, uniforms, peer_compatible)?;
    let gamma = quantile(&gammas, 1.0 - options.confidence);
    band(z, estimates, 1.0 - options.confidence, gamma)
}

/// A band that the ECDF of `num_estimates` uniform numbers is inside at each single point with the given confidence; all
/// points together it leaves more often. The limits are the quantiles `α/2` and `1 − α/2` of the count, divided by N.
pub fn pointwise_ecdf_bands(num_estimates: usize, options: &PointwiseBand) -> Result<EcdfBand> {
    let count = checked(num_estimates, options.num_points, options.max_num_points, options.confidence)?;
    let alpha = 1.0 - options.confidence;
    band(linspace(options.min_point, options.max_point, count), num_estimates, alpha, alpha)
}

fn checked(estimates: usize, points: Option<usize>, max_points: usize, confidence: f64) -> Result<usize> {
    let count = points.unwrap_or(estimates).min(max_points);
    if estimates == 0 || count == 0 || !(confidence > 0.0 && confidence < 1.0) {
        return Err(Error::argument(
            "ECDF band",
            format!(
                "{estimates} estimates, {count} points and confidence {confidence} were given; give at least one \
                 estimate and point, and a confidence between 0 and 1"
            ),
        ));
    }
    Ok(count)
}

/// The band whose limits are the quantiles `gamma/2` and `1 − gamma/2` of the counts at `z`.
fn band(z: Vec<f64>, estimates: usize, alpha: f64, gamma: f64) -> Result<EcdfBand> {
    let limit = |level: f64| -> Result<Vec<f64>> {
        z.iter().map(|&p| Ok(binomial_quantile(level, estimates, p)? as f64 / estimates as f64)).collect()
    };
    Ok(EcdfBand { alpha, lower: limit(gamma / 2.0)?, upper: limit(1.0 - gamma / 2.0)?, z })
}

/// How unusual the most unusual value of each sample's ECDF is: `2 min_k min(P(X_k ≤ C_k), P(X_k ≥ C_k))` with the count
/// `C_k = #{u ≤ z_k}` and `X_k` binomial with N trials and probability `z_k`.
///
/// `z` ascends within \[0, 1\]; all samples are of one size. Time: samples × (N + points) steps, and for each point as many
/// binomial tails as different counts occur.
pub fn minimal_coverage_probs(z: &[f64], uniforms: &[impl AsRef<[f64]>], peer_compatible: bool) -> Result<Vec<f64>> {
    let trials = sample_size(uniforms)?;
    let counts = counts_below(z, uniforms, |z, u| z < u)?;
    smallest_tails(z, &counts, uniforms.len(), trials, peer_compatible)
}

/// Samples of uniform numbers on \[0, 1), sample `i` from the stream `key.at(i)`.
pub(crate) fn uniform_samples(size: usize, samples: usize, key: Key) -> Vec<Vec<f64>> {
    let sample = |i: usize| {
        let mut stream = key.at(i as u64).stream();
        (0..size).map(|_| stream.random::<f64>()).collect()
    };
    (0..samples).map(sample).collect()
}

pub(crate) fn sample_size(samples: &[impl AsRef<[f64]>]) -> Result<usize> {
    match samples.first().map(|sample| sample.as_ref().len()) {
        Some(size) if size > 0 && samples.iter().all(|sample| sample.as_ref().len() == size) => Ok(size),
        _ => Err(Error::shape(
            "uniform numbers",
            "there is no sample, an empty one or samples of different sizes; give at least one, all as large",
        )),
    }
}

/// Counts `[points, samples]`: how many numbers of a sample are not above the point in the sense of `above(point, number)`.
pub(crate) fn counts_below(
    z: &[f64],
    samples: &[impl AsRef<[f64]>],
    above: impl Fn(f64, f64) -> bool,
) -> Result<Vec<u32>> {
    if z.is_empty() || z.iter().any(|z| !(0.0..=1.0).contains(z)) || z.windows(2).any(|w| w[0] > w[1]) {
        return Err(Error::argument(
            "z",
            "the evaluation points are empty, outside of [0, 1] or do not ascend; sort them",
        ));
    }
    let width = samples.len();
    let mut counts = vec![0u32; z.len() * width];
    for (m, sample) in samples.iter().enumerate() {
        for &u in sample.as_ref() {
            let first = z.partition_point(|&z| above(z, u));
            if first < z.len() {
                counts[first * width + m] += 1;
            }
        }
        for k in 1..z.len() {
            counts[k * width + m] += counts[(k - 1) * width + m];
        }
    }
    Ok(counts)
}

/// `2 min_k min(P(X_k ≤ C_k), P(X_k ≥ C_k))` of each sample, from counts `[points, samples]`.
///
/// With `peer_compatible` the count is rounded down from `N · (C/N)` in floating point, and the upper tail is one minus
/// the lower, which loses values below 1e-16.
pub(crate) fn smallest_tails(
    z: &[f64],
    counts: &[u32],
    samples: usize,
    trials: usize,
    peer_compatible: bool,
) -> Result<Vec<f64>> {
    let mut smallest = vec![f64::INFINITY; samples];
    for (&probability, row) in z.iter().zip(counts.chunks_exact(samples)) {
        let binomial = binomial(trials, probability)?;
        let (low, high) = row.iter().fold((u32::MAX, 0), |(low, high), &c| (low.min(c), high.max(c)));
        let tail = |count: u32| {
            if !peer_compatible {
                let (lower, upper) = tails(&binomial, count as usize);
                return 2.0 * lower.min(upper);
            }
            let product = trials as f64 * (f64::from(count) / trials as f64);
            let (lower, _) = tails(&binomial, product as usize);
            let below = if product >= 1.0 { tails(&binomial, (product - 1.0) as usize).0 } else { 0.0 };
            2.0 * lower.min(1.0 - below)
        };
        // Most counts between the smallest and the largest occur in many samples.
        let table: Vec<f64> = (low..=high).map(tail).collect();
        for (smallest, &count) in smallest.iter_mut().zip(row) {
            *smallest = smallest.min(table[(count - low) as usize]);
        }
    }
    Ok(smallest)
}

/// The corners of the ECDF of fractional ranks as a step curve `(x, y)` from (0, 0) to (1, 1).
pub fn ecdf_steps(ranks: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let sorted = super::statistics::sorted(ranks);
    let x = std::iter::once(0.0).chain(sorted.iter().flat_map(|&r| [r, r])).chain([1.0]).collect();
    let y = (0..=sorted.len()).flat_map(|i| [i as f64 / sorted.len().max(1) as f64; 2]).collect();
    (x, y)
}

/// Calibration of predicted quantiles: for each of `levels` the share of data sets whose predicted quantile lies above the
/// truth. `quantiles` is `[datasets, levels]`, row-major. A calibrated estimator returns the levels.
pub fn ecdf_from_quantiles(quantiles: &[f64], truths: &[f64], levels: &[f64]) -> Result<Vec<f64>> {
    if truths.is_empty() || levels.is_empty() || quantiles.len() != truths.len() * levels.len() {
        return Err(Error::shape(
            "quantiles",
            format!(
                "{} quantiles for {} data sets and {} levels; expected [datasets, levels] with at least one of each",
                quantiles.len(),
                truths.len(),
                levels.len()
            ),
        ));
    }
    let above = |q| quantiles.chunks_exact(levels.len()).zip(truths).filter(move |(row, truth)| row[q] > **truth);
    Ok((0..levels.len()).map(|q| above(q).count() as f64 / truths.len() as f64).collect())
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn reference_bands() {
        let middles = [(50, 0.5102, 0.32, 0.70), (100, 0.5051, 0.36, 0.65), (300, 0.5017, 0.413, 0.590)];
        for (n, z, lower, upper) in middles {
            let band = simultaneous_ecdf_bands(n, &SimultaneousBand::default(), Key::new(5)).unwrap();
            assert_relative_eq!(band.z[n / 2], z, epsilon = 1e-4);
            assert!((band.lower[n / 2] - lower).abs() < 0.011, "{n}: {}", band.lower[n / 2]);
            assert!((band.upper[n / 2] - upper).abs() < 0.011, "{n}: {}", band.upper[n / 2]);
        }
        let band = pointwise_ecdf_bands(100, &PointwiseBand::default()).unwrap();
        for (z, lower, upper) in [(0.25, 0.14, 0.37), (0.5, 0.37, 0.63), (0.75, 0.63, 0.86)] {
            let at = (z * 99.0f64).round() as usize;
            assert_relative_eq!(band.lower[at], lower, epsilon = 0.011);
            assert_relative_eq!(band.upper[at], upper, epsilon = 0.011);
        }
    }

    /// The critical γ (specification §21.2), and the property it is made for: 95 % of new samples stay inside.
    #[test]
    fn simultaneous_confidence() {
        for (n, expected) in [(50, 0.0066), (100, 0.0039), (300, 0.0022)] {
            let z = linspace(1e-5, 1.0 - 1e-5, n);
            let gammas = minimal_coverage_probs(&z, &uniform_samples(n, 4000, Key::new(6)), false).unwrap();
            assert_relative_eq!(quantile(&gammas, 0.05), expected, max_relative = 0.15);
        }
        let band = simultaneous_ecdf_bands(100, &SimultaneousBand::default(), Key::new(7)).unwrap();
        let samples = uniform_samples(100, 2000, Key::new(8));
        let counts = counts_below(&band.z, &samples, |z, u| z < u).unwrap();
        let inside = (0..2000).filter(|m| {
            let share = |k: usize| f64::from(counts[k * 2000 + m]) / 100.0;
            (0..100).all(|k| band.lower[k] <= share(k) && share(k) <= band.upper[k])
        });
        let share = inside.count() as f64 / 2000.0;
        assert!((0.93..0.97).contains(&share), "{share}");
    }

    #[test]
    fn counts_and_peer_counts() {
        let samples = [vec![0.1, 0.5, 0.5], vec![0.9, 0.2, 0.5]];
        assert_eq!(counts_below(&[0.1, 0.5, 1.0], &samples, |z, u| z < u).unwrap(), [1, 0, 3, 2, 3, 3]);
        assert_eq!(counts_below(&[0.1, 0.5, 1.0], &samples, |z, u| z <= u).unwrap(), [0, 0, 1, 1, 3, 3]);
        // 50 · (29/50) is 28.999…: the peer counts 28 there.
        let (z, counts) = ([0.4], [29u32]);
        let exact = smallest_tails(&z, &counts, 1, 50, false).unwrap()[0];
        let peer = smallest_tails(&z, &counts, 1, 50, true).unwrap()[0];
        let expected = super::super::binomial_tails(29, 50, 0.4).unwrap().1 * 2.0;
        assert_relative_eq!(exact, expected, max_relative = 1e-12);
        assert!(peer > 1.5 * exact);
    }

    #[test]
    fn faults_are_named() {
        assert!(minimal_coverage_probs(&[0.5, 0.4], &[vec![0.1]], false).is_err());
        assert!(minimal_coverage_probs(&[0.5], &[vec![0.1], vec![]], false).is_err());
        let none: [Vec<f64>; 0] = [];
        assert!(minimal_coverage_probs(&[0.5], &none, false).is_err());
        assert!(pointwise_ecdf_bands(0, &PointwiseBand::default()).is_err());
        let options = SimultaneousBand { confidence: 1.0, ..Default::default() };
        assert!(simultaneous_ecdf_bands(10, &options, Key::new(1)).is_err());
        let options = PointwiseBand { min_point: -0.1, ..Default::default() };
        assert!(pointwise_ecdf_bands(10, &options).is_err());
        assert!(ecdf_from_quantiles(&[0.1], &[0.1, 0.2], &[0.5]).is_err());
    }

    #[test]
    fn curves() {
        let (x, y) = ecdf_steps(&[0.75, 0.25]);
        assert_eq!(x, [0.0, 0.25, 0.25, 0.75, 0.75, 1.0]);
        assert_eq!(y, [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]);
        let shares = ecdf_from_quantiles(&[0.0, 1.0, 2.0, 3.0], &[0.5, 2.0], &[0.1, 0.9]).unwrap();
        assert_eq!(shares, [0.0, 1.0]);
    }
}
