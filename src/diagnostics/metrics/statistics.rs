//! Order statistics and correlations of plain slices, beside [`crate::math::statistics`].

use crate::math::{self, mean};

/// Ascending copy; NaN last.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Quantile of values in any order, see [`math::quantile`](crate::math::quantile).
pub(crate) fn quantile(values: &[f64], p: f64) -> f64 {
    math::quantile(&sorted(values), p)
}

/// Median; the mean of the two middle values for an even number. NaN for no value or where one is NaN.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    match sorted.last() {
        Some(last) if !last.is_nan() => (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0,
        _ => f64::NAN,
    }
}

/// Pearson correlation of two series; NaN when one has no variance or the lengths differ.
pub fn pearson(x: &[f64], y: &[f64]) -> f64 {
    if x.len() != y.len() {
        return f64::NAN;
    }
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (a, b) = (a - mx, b - my);
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    if xx == 0.0 || yy == 0.0 { f64::NAN } else { (xy / (xx.sqrt() * yy.sqrt())).clamp(-1.0, 1.0) }
}

/// `count` equally spaced points from `start` to `end`, both included.
pub fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let step = (end - start) / count.saturating_sub(1).max(1) as f64;
    (0..count).map(|i| if i > 0 && i + 1 == count { end } else { start + i as f64 * step }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_statistics_and_correlation() {
        assert_eq!((quantile(&[3.0, 1.0, 2.0, 10.0], 0.5), median(&[3.0, 1.0, 2.0, 10.0])), (2.5, 2.5));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert!(median(&[1.0, f64::NAN]).is_nan() && median(&[]).is_nan());
        approx::assert_relative_eq!(pearson(&[1.0, 2.0, 3.0], &[6.0, 4.0, 2.0]), -1.0, epsilon = 1e-12);
        assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan() && pearson(&[1.0], &[1.0, 2.0]).is_nan());
    }

    #[test]
    fn linspace_ends_exactly() {
        let z = linspace(0.005, 0.995, 20);
        assert_eq!((z[0], z[19], z.len()), (0.005, 0.995, 20));
        assert_eq!(linspace(0.5, 1.0, 1), [0.5]);
        assert!(linspace(0.0, 1.0, 0).is_empty());
    }
}

/// Studies for the tests of all metrics.
#[cfg(test)]
pub(crate) mod tests_support {
    use rand_distr::{Distribution, StandardNormal};

    use crate::codecs::Array;
    use crate::diagnostics::{Draws, Truths};
    use crate::random::Key;

    /// Six data sets, five draws `0.8 t + 0.25 (s − 2) + 0.05 i`, one variable, with known results (specification §21.1).
    pub(crate) fn example() -> (Draws, Truths) {
        let truths = [0.1, -0.4, 1.2, 0.7, -1.1, 0.3];
        let draw = |i: usize, s: usize| 0.8 * truths[i] + 0.25 * (s as f64 - 2.0) + 0.05 * i as f64;
        let draws = (0..6).flat_map(|i| (0..5).map(move |s| draw(i, s))).collect();
        (
            Draws::from_array(&Array::f64([6, 5, 1], draws).unwrap()).unwrap(),
            Truths::from_array(&Array::f64([6, 1], truths.to_vec()).unwrap()).unwrap(),
        )
    }

    /// The normal model θ ~ N(0, 1), y ~ N(θ, 1), with draws of its exact posterior N(y/2, 1/2), moved by `shift`
    /// posterior standard deviations and made `scale` times as wide: calibrated for `shift` 0 and `scale` 1.
    pub(crate) fn normal_study(key: Key, datasets: usize, draws: usize, shift: f64, scale: f64) -> (Draws, Truths) {
        let (mut truths, mut values) = (Vec::new(), Vec::new());
        for dataset in 0..datasets {
            let mut stream = key.at(dataset as u64).stream();
            let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
            let theta = normal();
            let center = 0.5 * (theta + normal());
            truths.push(theta);
            values.extend((0..draws).map(|_| center + 0.5f64.sqrt() * (shift + scale * normal())));
        }
        (
            Draws::from_array(&Array::f64([datasets, draws, 1], values).unwrap()).unwrap(),
            Truths::from_array(&Array::f64([datasets, 1], truths).unwrap()).unwrap(),
        )
    }
}
