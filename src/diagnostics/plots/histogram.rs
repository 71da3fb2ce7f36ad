//! Histograms as outlines.

/// Bins of a histogram over the range of its values.
const BINS: usize = 28;

/// The outline of a histogram with unit area over the range of the values, from the ground to the ground.
pub fn histogram(values: &[f64]) -> Vec<(f64, f64)> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.is_empty() {
        return Vec::new();
    }
    // Few draws have fewer bins; a single distinct value is one narrow bar.
    let bins = ((values.len() as f64).sqrt().ceil() as usize).clamp(1, BINS);
    let (low, high, bins) = if high - low < 1e-9 { (low - 0.01, high + 0.01, 1) } else { (low, high, bins) };
    let width = (high - low) / bins as f64;
    let mut counts = vec![0.0; bins];
    for value in values {
        counts[(((value - low) / width) as usize).min(bins - 1)] += 1.0;
    }
    let mut outline = vec![(low, 0.0)];
    for (bin, count) in counts.into_iter().enumerate() {
        let height = count / (values.len() as f64 * width);
        outline.push((low + bin as f64 * width, height));
        outline.push((low + (bin as f64 + 1.0) * width, height));
    }
    outline.push((high, 0.0));
    outline
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_has_unit_area() {
        let outline = histogram(&[0.1, 0.2, 0.2, 0.4, 0.9]);
        let area: f64 = outline.windows(2).map(|pair| (pair[1].0 - pair[0].0) * (pair[0].1 + pair[1].1) / 2.0).sum();
        assert!((area - 1.0).abs() < 1e-12, "{area}");
        assert_eq!(histogram(&[0.5; 4]).len(), 4);
        assert!(histogram(&[]).is_empty());
    }
}
