//! Binomial probabilities of ECDF values: of N uniform numbers, the count below z is binomial with probability z.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::error::{Error, Result};

/// `(P(X ≤ count), P(X ≥ count))` for X binomial with `trials` and `probability`. Both tails are computed directly, so
/// that the smaller one keeps its relative precision.
pub fn binomial_tails(count: usize, trials: usize, probability: f64) -> Result<(f64, f64)> {
    Ok(tails(&binomial(trials, probability)?, count))
}

pub(crate) fn tails(binomial: &Binomial, count: usize) -> (f64, f64) {
    let upper = if count == 0 { 1.0 } else { binomial.sf(count as u64 - 1) };
    (binomial.cdf(count as u64), upper)
}

/// Relative distance within which a tail probability counts as equal to a level. Critical levels are themselves tail
/// probabilities of counts, often of the mirrored point, so that equality is common and would be decided by rounding.
const TIE: f64 = 1e-10;

/// The smallest count with `P(X ≤ count) ≥ level` for X binomial with `trials` and `probability`.
pub fn binomial_quantile(level: f64, trials: usize, probability: f64) -> Result<usize> {
    if !(0.0..=1.0).contains(&level) {
        return Err(Error::argument("level", format!("is {level}; a quantile needs a number from 0 to 1")));
    }
    let binomial = binomial(trials, probability)?;
    Ok(if level > 0.5 {
        smallest(trials, |count| binomial.sf(count) <= (1.0 - level) * (1.0 + TIE))
    } else {
        smallest(trials, |count| binomial.cdf(count) >= level * (1.0 - TIE))
    })
}

/// The smallest and the largest count of which neither tail, count included, is less probable than `tail`.
pub(crate) fn plausible_counts(tail: f64, trials: usize, probability: f64) -> Result<(usize, usize)> {
    let binomial = binomial(trials, probability)?;
    let tail = tail * (1.0 - TIE);
    let lower = smallest(trials, |count| binomial.cdf(count) >= tail);
    Ok((lower, smallest(trials, |count| binomial.sf(count) < tail)))
}

/// The smallest count up to `trials` that satisfies a condition which holds from some count on; `trials` if none below does.
fn smallest(trials: usize, condition: impl Fn(u64) -> bool) -> usize {
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = low + (high - low) / 2;
        if condition(middle as u64) { high = middle } else { low = middle + 1 }
    }
    high
}

pub(crate) fn binomial(trials: usize, probability: f64) -> Result<Binomial> {
    Binomial::new(probability, trials as u64).map_err(|_| {
        Error::argument("probability", format!("is {probability}; a probability needs a number from 0 to 1"))
    })
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use statrs::distribution::Discrete;

    use super::*;

    #[test]
    fn quantiles_of_the_histogram_band() {
        assert_eq!(binomial_quantile(0.005, 300, 0.1).unwrap(), 17);
        assert_eq!(binomial_quantile(0.995, 300, 0.1).unwrap(), 44);
        assert_eq!(binomial_quantile(0.0, 300, 0.1).unwrap(), 0);
        assert_eq!(binomial_quantile(1.0, 300, 1.0).unwrap(), 300);
        assert!(binomial_quantile(f64::NAN, 300, 0.1).is_err() && binomial_quantile(0.5, 3, 1.1).is_err());
    }

    /// P(X ≤ 1) = P(X ≥ 3) = 5/16 for four fair coins: as a level it is met by both counts.
    #[test]
    fn equality_is_not_decided_by_rounding() {
        for noise in [-1e-13, 0.0, 1e-13] {
            let tail = 5.0 / 16.0 * (1.0 + noise);
            assert_eq!(binomial_quantile(tail, 4, 0.5).unwrap(), 1);
            assert_eq!(binomial_quantile(1.0 - tail, 4, 0.5).unwrap(), 2);
            assert_eq!(plausible_counts(tail, 4, 0.5).unwrap(), (1, 3));
        }
        assert_eq!(plausible_counts(0.32, 4, 0.5).unwrap(), (2, 2));
    }

    /// Against sums of the probabilities, deep into both tails and for many trials.
    #[test]
    fn tails_are_sums() {
        for (trials, probability) in [(1, 0.5), (60, 0.05), (300, 0.4), (20_000, 0.5), (20_000, 0.001)] {
            let binomial = binomial(trials, probability).unwrap();
            let center = trials as f64 * probability;
            for offset in [-6.0, -2.0, 0.0, 3.0, 6.0] {
                let count =
                    (center + offset * (center * (1.0 - probability)).sqrt()).clamp(0.0, trials as f64) as usize;
                let (lower, upper) = binomial_tails(count, trials, probability).unwrap();
                let sum = |range: std::ops::RangeInclusive<usize>| range.map(|k| binomial.pmf(k as u64)).sum::<f64>();
                assert_relative_eq!(lower, sum(0..=count), max_relative = 1e-8);
                assert_relative_eq!(upper, sum(count..=trials), max_relative = 1e-8);
            }
        }
        assert_eq!(binomial_tails(5, 5, 1.0).unwrap(), (1.0, 1.0));
        assert_eq!(binomial_tails(4, 5, 1.0).unwrap(), (0.0, 1.0));
        assert_eq!(binomial_tails(0, 5, 0.0).unwrap(), (1.0, 1.0));
        assert_eq!(binomial_tails(1, 5, 0.0).unwrap(), (1.0, 0.0));
    }
}
