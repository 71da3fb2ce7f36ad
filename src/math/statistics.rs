//! Descriptive statistics of one sample.

/// Arithmetic mean; NaN for an empty sample.
pub fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// `Σ(xᵢ − mean)²/(n − ddof)`: the maximum-likelihood variance with `ddof = 0`, the unbiased one with `ddof = 1`.
/// NaN when the sample has no more than `ddof` members.
pub fn variance(sample: &[f64], ddof: usize) -> f64 {
    if sample.len() <= ddof {
        return f64::NAN;
    }
    let centre = mean(sample);
    sample.iter().map(|x| (x - centre) * (x - centre)).sum::<f64>() / (sample.len() - ddof) as f64
}

/// Quantile of an ascending sample by linear interpolation between order statistics, type 7 of Hyndman and Fan (1996),
/// the default of NumPy and R: the `h`-th smallest with `h = (n − 1)q`, counted from 0 and interpolated.
///
/// NaN for an empty sample and for `q` outside of `[0, 1]`. The caller sorts.
pub fn quantile(sorted: &[f64], q: f64) -> f64 {
    let (Some(last), true) = (sorted.len().checked_sub(1), (0.0..=1.0).contains(&q)) else {
        return f64::NAN;
    };
    let position = last as f64 * q;
    let below = (position.floor() as usize).min(last);
    let (lower, upper) = (sorted[below], sorted[(below + 1).min(last)]);
    let weight = position - below as f64;
    if weight == 0.0 || lower == upper { lower } else { lower * (1.0 - weight) + upper * weight }
}
