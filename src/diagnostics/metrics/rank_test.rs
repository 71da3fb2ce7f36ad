//! Are ranks uniform? One p-value from three looks: the whole distribution, its centre, its spread.

use rand::RngExt;
use serde::Serialize;

use super::log_gamma::gamma_discrepancy;
use super::sbc::RankShape;
use super::statistics::quantile;
use crate::error::{Error, Result};
use crate::math::normal_cdf;
use crate::random::Stream;

/// Share of calibrated posteriors from which on the null distribution is continued by a formula: beyond it too few
/// simulated values are left.
const CONTINUED: f64 = 0.05;

/// The result of [`rank_test`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RankTest {
    /// [`gamma_discrepancy`] of the ranks.
    pub gamma: f64,
    /// Its p-value, see [`gamma_p_value`].
    pub gamma_p_value: f64,
    /// Standard scores of centre and spread.
    pub shape: RankShape,
    /// Thrice the smallest of the p-values of γ, centre and spread, at most 1: the probability that uniform ranks look as
    /// unusual is no larger.
    pub p_value: f64,
}

/// Tests ranks in `0 … num_post_draws` for uniformity, with a null distribution of γ for as many data sets and draws, see
/// [`gamma_null_distribution`](super::gamma_null_distribution).
///
/// γ sees any deviation; the scores of centre and spread, which are normal under uniformity, see a shifted posterior and one
/// of wrong width earlier.
pub fn rank_test(ranks: &[usize], num_post_draws: usize, null: &[f64]) -> Result<RankTest> {
    let gamma = gamma_discrepancy(ranks, num_post_draws)?;
    let gamma_p_value = gamma_p_value(gamma, null)?;
    let shape = RankShape::new(ranks, num_post_draws);
    let smallest = gamma_p_value.min(two_sided(shape.bias)).min(two_sided(shape.overconfidence));
    Ok(RankTest { gamma, gamma_p_value, shape, p_value: (3.0 * smallest).min(1.0) })
}

/// The probability that a standard normal score is as far from 0.
pub(crate) fn two_sided(score: f64) -> f64 {
    2.0 * normal_cdf(-score.abs())
}

/// The probability that γ of uniform ranks is as small, from simulated values.
///
/// Down to the 5 % quantile γ* of the null distribution it is the share of smaller values. Below, where a thousand simulated
/// values are too few, it is `0.05 (γ ln γ) / (γ* ln γ*)`: the number of almost independent chances to be as unusual, by
/// which the single probability γ is multiplied, grows as the squared normal score of γ.
pub fn gamma_p_value(gamma: f64, null: &[f64]) -> Result<f64> {
    if null.is_empty() || null.iter().any(|g| g.is_nan()) || !(0.0..=2.0).contains(&gamma) {
        return Err(Error::argument(
            "gamma",
            format!(
                "γ {gamma} and {} null values came; give a γ from 0 to 2 and at least one null value, none of them NaN",
                null.len()
            ),
        ));
    }
    let critical = quantile(null, CONTINUED);
    if gamma >= critical || critical >= (-1f64).exp() {
        let smaller = null.iter().filter(|&&g| g <= gamma).count();
        return Ok((1 + smaller) as f64 / (1 + null.len()) as f64);
    }
    let scaled = |gamma: f64| if gamma > 0.0 { -gamma * gamma.ln() } else { 0.0 };
    Ok(CONTINUED * scaled(gamma) / scaled(critical))
}

/// p-values adjusted for the number of tests (Holm 1979, "A simple sequentially rejective multiple test procedure"): those
/// below a level are false alarms with at most this probability, all tests together and however they depend on each other.
///
/// The i-th smallest of m is multiplied by `m − i + 1`, and raised to the adjusted value of its predecessor if that is larger.
/// NaN counts as 1.
pub fn holm_adjusted(p_values: &[f64]) -> Vec<f64> {
    let known: Vec<f64> = p_values.iter().map(|p| if p.is_nan() { 1.0 } else { *p }).collect();
    let mut order: Vec<usize> = (0..known.len()).collect();
    order.sort_by(|&a, &b| known[a].total_cmp(&known[b]));
    let mut adjusted = vec![1.0; known.len()];
    let mut largest: f64 = 0.0;
    for (place, &test) in order.iter().enumerate() {
        largest = largest.max((known.len() - place) as f64 * known[test]).min(1.0);
        adjusted[test] = largest;
    }
    adjusted
}

/// The rank of a value among others; equal ones are split at random, so that the rank of one of several exchangeable values
/// is uniform in any case.
pub(crate) fn rank_among(values: impl Iterator<Item = f64>, value: f64, stream: &mut Stream) -> usize {
    let (mut below, mut equal) = (0, 0);
    for other in values {
        below += usize::from(other < value);
        equal += usize::from(other == value);
    }
    below + if equal > 0 { stream.random_range(0..=equal) } else { 0 }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;
    use crate::diagnostics::metrics::log_gamma::gamma_null_distribution;
    use crate::random::Key;

    fn uniform_ranks(key: Key, datasets: usize, draws: usize) -> Vec<usize> {
        let mut stream = key.stream();
        (0..datasets).map(|_| stream.random_range(0..=draws)).collect()
    }

    /// The formula beyond 5 %, from 4000 values, against 20 000 values.
    #[test]
    fn the_continued_tail_is_right() {
        for (datasets, draws) in [(50, 40), (200, 60)] {
            let all = gamma_null_distribution(datasets, draws, 20_000, Key::new(1)).unwrap();
            let few: Vec<f64> = all[..4000].to_vec();
            for level in [0.01, 0.002] {
                let p = gamma_p_value(quantile(&all, level), &few).unwrap();
                assert!((0.6..1.7).contains(&(p / level)), "{datasets}, {draws}: {p} for {level}");
            }
        }
    }

    /// All three looks together reject uniform ranks no more often than they should, and a bent one always.
    #[test]
    fn level_and_power() {
        let (datasets, draws) = (100, 80);
        let null = gamma_null_distribution(datasets, draws, 1000, Key::new(2)).unwrap();
        let p = |ranks: &[usize]| rank_test(ranks, draws, &null).unwrap().p_value;
        let small = (0..4000).filter(|&r| p(&uniform_ranks(Key::new(3).at(r), datasets, draws)) < 0.01);
        let share = small.count() as f64 / 4000.0;
        assert!((0.001..0.015).contains(&share), "{share}");
        let bent: Vec<usize> = (0..100).map(|i| i * i / 125).collect();
        assert!(p(&bent) < 1e-4, "{}", p(&bent));
    }

    #[test]
    fn holm() {
        let adjusted = holm_adjusted(&[0.01, 0.04, 0.03, 0.005, f64::NAN]);
        for (value, expected) in adjusted.iter().zip([0.04, 0.09, 0.09, 0.025, 1.0]) {
            assert_relative_eq!(*value, expected, epsilon = 1e-12);
        }
        assert!(holm_adjusted(&[]).is_empty());
        assert_eq!(holm_adjusted(&[0.9, 0.8]), [1.0, 1.0]);
    }

    #[test]
    fn equal_values_are_split() {
        let mut stream = Key::new(4).stream();
        let ranks: Vec<usize> =
            (0..300).map(|_| rank_among([1.0, 2.0, 2.0, 3.0].into_iter(), 2.0, &mut stream)).collect();
        for rank in 1..=3 {
            assert!((70..130).contains(&ranks.iter().filter(|&&r| r == rank).count()));
        }
        assert_eq!(rank_among([1.0, 2.0].into_iter(), 1.5, &mut stream), 1);
    }

    #[test]
    fn faults_are_named() {
        assert!(gamma_p_value(f64::NAN, &[0.5]).unwrap_err().to_string().contains("NaN"));
        assert!(gamma_p_value(0.5, &[]).is_err() && rank_test(&[9], 3, &[0.5]).is_err());
        assert_eq!(gamma_p_value(0.0, &[0.001, 0.2, 0.5]).unwrap(), 0.0);
    }
}
