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

/// The smallest count with `P(X ≤ count) ≥ level` for X binomial with `trials` and `probability`.
pub fn binomial_quantile(level: f64, trials: usize, probability: f64) -> Result<usize> {
    if !(0.0..=1.0).contains(&level) {
        return Err(Error::argument("level", format!("is {level}; a quantile needs a number from 0 to 1")));
    }
    let binomial = binomial(trials, probability)?;
    // The cumulative probability of all trials is one, so that `high` always satisfies the condition.
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial.cdf(middle as u64) >= level { high = middle } else { low = middle + 1 }
    }
    Ok(high)
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
