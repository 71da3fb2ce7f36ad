//! Exact draws of first passages of a Wiener process between two boundaries.
//!
//! Between boundaries at equal distance d from the start the exit time does not depend on the side, and the side is a coin
//! with `P(up) = 1/(1 + e^(−2vd))`. For other starts the process is followed from one such exit to the next until it is at
//! a boundary; the number of exits is small, as each one ends at the nearer boundary about every other time. In units
//! of d² and with m = |v| d, the density of the exit time is
//!
//! ```text
//! f(t) = (1 + e^(−2m)) g(t) S(t),   g inverse Gaussian with mean 1/m and shape 1,   0 ≤ S ≤ 1
//! S(t) = Σ_k (−1)^k (2k + 1) e^(−((2k + 1)² − 1)/(2t))
//! ```
//!
//! so that a draw from g is accepted with probability S, at least every other one on average, whatever the drift. The idea is that
//! of Drugowitsch (2016, "Fast and accurate Monte Carlo sampling of first-passage times from Wiener diffusion models").

use std::f64::consts::PI;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::math::sigmoid;
use crate::random::Stream;

/// Time until a process with drift and unit variance, started at `start × boundary`, reaches 0 or `boundary`, and whether it is
/// the upper one.
pub(super) fn first_passage(rng: &mut Stream, drift: f64, boundary: f64, start: f64) -> (f64, bool) {
    let mut position = start * boundary;
    let mut time = 0.0;
    loop {
        let below = position <= boundary - position;
        let distance = if below { position } else { boundary - position };
        time += distance * distance * exit_time(rng, drift.abs() * distance);
        let up = rng.random::<f64>() < sigmoid(2.0 * drift * distance);
        match (below, up) {
            (true, false) => return (time, false),
            (false, true) => return (time, true),
            // The boundaries are equally far.
            (true, true) if 2.0 * distance >= boundary => return (time, true),
            (true, true) => position += distance,
            (false, false) => position -= distance,
        }
    }
}

/// Exit time from (−1, 1) of a process that starts at 0 with drift m ≥ 0.
fn exit_time(rng: &mut Stream, m: f64) -> f64 {
    loop {
        let t = inverse_gaussian(rng, m);
        if rng.random::<f64>() < acceptance(t) {
            return t;
        }
    }
}

/// A draw from the inverse Gaussian with mean 1/m and shape 1 (Michael, Schucany and Haas 1976), in a form that holds for m = 0.
fn inverse_gaussian(rng: &mut Stream, m: f64) -> f64 {
    let z: f64 = StandardNormal.sample(rng);
    let half = 0.5 * z * z;
    let x = 1.0 / (m + half + (half * (half + 2.0 * m)).sqrt());
    match rng.random::<f64>() * (1.0 + m * x) <= 1.0 {
        true => x,
        false => 1.0 / (m * m * x),
    }
}

/// The series S, for small and for large times, to rounding.
fn acceptance(t: f64) -> f64 {
    let odd = [(1.0, 1.0), (3.0, -1.0), (5.0, 1.0), (7.0, -1.0), (9.0, 1.0)];
    if t.is_nan() || t == f64::INFINITY {
        return 0.0;
    }
    if t <= 1.0 {
        return odd.iter().map(|(n, sign)| sign * n * libm::exp(-(n * n - 1.0) / (2.0 * t))).sum();
    }
    let rate = PI * PI * t / 8.0;
    let series: f64 = odd.iter().map(|(n, sign)| sign * n * libm::exp(-(n * n - 1.0) * rate)).sum();
    let factor = (0.5 * PI).sqrt() * 0.5 * PI * t * t.sqrt();
    factor * libm::exp(0.5 / t - rate) * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn the_two_series_meet() {
        for t in [0.9999999, 1.0000001] {
            let small: f64 = (0..9)
                .map(|k| {
                    (-1f64).powi(k) * f64::from(2 * k + 1) * (-f64::from((2 * k + 1).pow(2) - 1) / (2.0 * t)).exp()
                })
                .sum();
            assert!((acceptance(t) - small).abs() < 1e-12, "{t}: {} {small}", acceptance(t));
        }
        let values: Vec<f64> = (1..400).map(|i| acceptance(0.05 * f64::from(i))).collect();
        assert!(values.iter().all(|s| (0.0..=1.0).contains(s)) && values.windows(2).all(|w| w[0] >= w[1]));
    }

    /// Mean and choice probability in closed form; 40 000 passages, five standard errors.
    #[test]
    fn moments_in_closed_form() {
        let count = 40_000;
        for (v, a, w) in [
            (0.0, 1.0, 0.5),
            (0.0, 2.0, 0.2),
            (1.0, 1.0, 0.5),
            (2.0, 1.5, 0.3),
            (-1.5, 1.0, 0.7),
            (6.0, 2.0, 0.4),
            (1e-9, 1.0, 0.3),
        ] {
            let passages: Vec<(f64, bool)> =
                (0..count).map(|i| first_passage(&mut Key::new(8).at(i).stream(), v, a, w)).collect();
            let n = count as f64;
            let mean = passages.iter().map(|p| p.0).sum::<f64>() / n;
            let sd = (passages.iter().map(|p| (p.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
            let upper = passages.iter().filter(|p| p.1).count() as f64 / n;
            let z = w * a;
            let (expected_upper, expected_mean) = if v.abs() < 1e-6 {
                (w, z * (a - z))
            } else {
                let upper = (-2.0 * v * z).exp_m1() / (-2.0 * v * a).exp_m1();
                (upper, (a * upper - z) / v)
            };
            assert!((mean - expected_mean).abs() < 5.0 * sd / n.sqrt(), "{v} {a} {w}: mean {mean} {expected_mean}");
            let bound = 5.0 * (expected_upper * (1.0 - expected_upper) / n).sqrt() + 1e-6;
            assert!((upper - expected_upper).abs() < bound, "{v} {a} {w}: upper {upper} {expected_upper}");
        }
    }
}
