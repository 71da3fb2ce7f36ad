//! Moments, quantiles and correlations of plain slices.

/// Arithmetic mean; NaN for no value.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Variance `Σ (x − mean)² / (n − ddof)`; `ddof` 0 is that of a population, 1 the unbiased estimate of a sample.
pub fn variance(values: &[f64], ddof: usize) -> f64 {
    let center = mean(values);
    let sum: f64 = values.iter().map(|x| (x - center).powi(2)).sum();
    if values.len() > ddof { sum / (values.len() - ddof) as f64 } else { f64::NAN }
}

/// Ascending copy; NaN last.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// Quantile of ascending values with linear interpolation between the order statistics at `(n − 1) p` (type 7 of Hyndman
/// and Fan 1996); NaN for no value and where a NaN is among the values. `p` is clamped to \[0, 1\].
pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let Some(&last) = sorted.last() else { return f64::NAN };
    if last.is_nan() || p.is_nan() {
        return f64::NAN;
    }
    let position = (sorted.len() - 1) as f64 * p.clamp(0.0, 1.0);
    let below = position.floor() as usize;
    let weight = position - below as f64;
    let (a, b) = (sorted[below], sorted[(below + 1).min(sorted.len() - 1)]);
    if weight == 0.0 || a == b {
        return a;
    }
    // From the nearer end, so that the result is monotone in p and exact at both ends.
    if weight < 0.5 { a + (b - a) * weight } else { b - (b - a) * (1.0 - weight) }
}

/// Quantile with linear interpolation between the order statistics at `(n − 1) p` (type 7 of Hyndman and Fan 1996).
pub fn quantile(values: &[f64], p: f64) -> f64 {
    quantile_of_sorted(&sorted(values), p)
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
    fn quantiles_interpolate_between_order_statistics() {
        let x = [3.0, 1.0, 2.0, 10.0];
        assert_eq!(quantile(&x, 0.5), 2.5);
        assert_eq!((quantile(&x, 0.0), quantile(&x, 1.0)), (1.0, 10.0));
        approx::assert_relative_eq!(quantile(&x, 0.9), 3.0 + 0.7 * 7.0, epsilon = 1e-12);
        assert_eq!(median(&x), 2.5);
        assert!(median(&[1.0, f64::NAN]).is_nan() && median(&[]).is_nan() && quantile(&[], 0.5).is_nan());
        assert_eq!(quantile(&[f64::INFINITY, f64::INFINITY], 0.3), f64::INFINITY);
    }

    #[test]
    fn moments() {
        assert_eq!(variance(&[1.0, 2.0, 3.0, 4.0], 0), 1.25);
        assert_eq!(variance(&[1.0, 3.0], 1), 2.0);
        assert!(variance(&[1.0], 1).is_nan());
        approx::assert_relative_eq!(pearson(&[1.0, 2.0, 3.0], &[6.0, 4.0, 2.0]), -1.0, epsilon = 1e-12);
        assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan());
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
