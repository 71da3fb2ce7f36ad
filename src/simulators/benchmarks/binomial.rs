//! Binomial draws that are cheap for small expectations.

use rand::RngExt;
use rand_distr::{Binomial, Distribution};

use crate::error::{Error, Result};
use crate::random::Stream;

/// Below this expectation, counts are drawn by inversion.
const INVERSION: f64 = 10.0;
/// Counts that an expectation below `INVERSION` does not reach (30 standard deviations).
const UNREACHABLE: u64 = 110;

/// Successes of `n` trials with probability `p`.
///
/// Inversion as in Kachitvichyanukul and Schmeiser (1988), which the crate `rand_distr` uses too, with one look before the
/// power: as `(1 − p)ⁿ ≥ 1 − np`, a uniform number below `1 − np` means no success. Days with few infected people cost next to
/// nothing.
pub(super) fn binomial(rng: &mut Stream, n: u64, p: f64) -> Result<u64> {
    let expected = n as f64 * p;
    if !(p <= 0.5 && (0.0..INVERSION).contains(&expected)) {
        let binomial =
            Binomial::new(n, p).map_err(|e| Error::value("probability of a count", format!("is {p}: {e}")))?;
        return Ok(binomial.sample(rng));
    }
    loop {
        let mut u: f64 = rng.random();
        if u < 1.0 - expected {
            return Ok(0);
        }
        let odds = p / (1.0 - p);
        let mut probability = libm::exp(n as f64 * libm::log1p(-p));
        let mut count = 0;
        while u > probability && count <= UNREACHABLE.min(n) {
            u -= probability;
            count += 1;
            probability *= odds * (n as f64 - count as f64 + 1.0) / count as f64;
        }
        if count <= UNREACHABLE.min(n) {
            return Ok(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    /// Frequencies of 40 000 draws against the probabilities, five standard errors wide.
    #[test]
    fn frequencies() {
        let draws = 40_000;
        for (n, p) in
            [(1000, 1e-6), (1000, 5e-4), (1000, 0.003), (1000, 0.0099), (20, 0.3), (5, 0.5), (1, 0.2), (12, 0.9)]
        {
            let mut counts = vec![0.0; 60];
            let mut rng = Key::new(4).stream();
            (0..draws).for_each(|_| counts[binomial(&mut rng, n, p).unwrap() as usize] += 1.0 / f64::from(draws));
            let mut probability = (1.0 - p).powi(n as i32);
            for (k, share) in counts.iter().enumerate().take(n as usize + 1) {
                let bound = 5.0 * (probability / f64::from(draws)).sqrt() + 2.0 / f64::from(draws);
                assert!((share - probability).abs() < bound, "{n} {p} {k}: {share} {probability}");
                probability *= p / (1.0 - p) * (n as f64 - k as f64) / (k as f64 + 1.0);
            }
        }
        let mut rng = Key::new(5).stream();
        assert_eq!(binomial(&mut rng, 1000, 0.0).unwrap(), 0);
        assert_eq!(binomial(&mut rng, 1000, 1.0).unwrap(), 1000);
        assert!(binomial(&mut rng, 1000, f64::NAN).is_err());
    }
}
