//! Density of a first passage at the lower boundary (Navarro and Fuss 2009).

use std::f64::consts::PI;

use crate::math::log_sum_exp;

/// Below this time, in units of the squared boundary, the series for small times is used.
const SMALL: f64 = 0.5;
/// Terms of either series; at `SMALL` the next ones are below 1e-16 of the first.
const TERMS: i32 = 7;

/// Log-density of reaching 0 at `time`, started at `start × boundary`.
///
/// ```text
/// f(t) = e^(−v a w − v² t/2) / a² · h(t/a²)
/// h(u) = (2πu³)^(−1/2) Σ_k (w + 2k) e^(−(w + 2k)²/(2u)) = π Σ_k k e^(−k² π² u/2) sin(kπw)
/// ```
pub(super) fn log_density(time: f64, drift: f64, boundary: f64, start: f64) -> f64 {
    let u = time / (boundary * boundary);
    let log_h = if u < SMALL { small(u, start) } else { large(u, start) };
    log_h - drift * boundary * start - 0.5 * drift * drift * time - 2.0 * boundary.ln()
}

/// The leading exponential is taken out: times near zero do not underflow.
fn small(u: f64, w: f64) -> f64 {
    let term = |k: i32| {
        let x = w + 2.0 * f64::from(k);
        (x, -x * x / (2.0 * u))
    };
    let terms: Vec<(f64, f64)> = (-TERMS..=TERMS).map(term).collect();
    let log_sum = |sign: f64| {
        let logs: Vec<f64> =
            terms.iter().filter(|(x, _)| x * sign > 0.0).map(|(x, log)| (x * sign).ln() + log).collect();
        log_sum_exp(&logs)
    };
    let (plus, minus) = (log_sum(1.0), log_sum(-1.0));
    // ln(e^plus − e^minus); the density is positive.
    plus + (-(minus - plus).exp()).ln_1p() - 0.5 * (2.0 * PI * u * u * u).ln()
}

fn large(u: f64, w: f64) -> f64 {
    let rate = 0.5 * PI * PI * u;
    let term = |k: i32| {
        let k = f64::from(k);
        k * (-(k * k - 1.0) * rate).exp() * (k * PI * w).sin()
    };
    PI.ln() - rate + (1..=TERMS).map(term).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::super::passage::first_passage;
    use super::*;
    use crate::random::Key;

    #[test]
    fn the_two_series_agree() {
        for w in [0.1, 0.3, 0.5, 0.9] {
            for u in [0.3, 0.5, 0.8] {
                assert!((small(u, w) - large(u, w)).abs() < 1e-9, "{u} {w}: {} {}", small(u, w), large(u, w));
            }
        }
        assert!(log_density(1e-4, 1.0, 1.0, 0.5).is_finite());
    }

    /// Both boundaries together have the probability one.
    #[test]
    fn it_is_a_density() {
        for (v, a, w) in [(0.0, 1.0, 0.5), (1.5, 1.2, 0.3), (-3.0, 2.0, 0.6)] {
            let step = 1e-4;
            let total: f64 = (0..200_000)
                .map(|i| (f64::from(i) + 0.5) * step)
                .map(|t| log_density(t, v, a, w).exp() + log_density(t, -v, a, 1.0 - w).exp())
                .sum::<f64>()
                * step;
            assert!((total - 1.0).abs() < 1e-6, "{v} {a} {w}: {total}");
        }
    }

    /// The share of draws in a bin is the integral of the density over it.
    #[test]
    fn draws_have_the_density() {
        let (v, a, w) = (1.2, 1.4, 0.35);
        let count = 40_000;
        let mut bins = [[0.0; 12]; 2];
        for i in 0..count {
            let (time, upper) = first_passage(&mut Key::new(5).at(i).stream(), v, a, w);
            if let Some(bin) = bins[usize::from(upper)].get_mut((time / 0.1) as usize) {
                *bin += 1.0 / count as f64;
            }
        }
        for (upper, bins) in bins.iter().enumerate() {
            for (b, share) in bins.iter().enumerate() {
                let density = |t: f64| match upper {
                    0 => log_density(t, v, a, w).exp(),
                    _ => log_density(t, -v, a, 1.0 - w).exp(),
                };
                let steps = 1000;
                let width = 0.1 / f64::from(steps);
                let expected: f64 =
                    (0..steps).map(|i| density(0.1 * b as f64 + (f64::from(i) + 0.5) * width) * width).sum();
                let bound = 5.0 * (expected * (1.0 - expected) / count as f64).sqrt() + 1e-4;
                assert!((share - expected).abs() < bound, "{upper} {b}: {share} {expected}");
            }
        }
    }
}
