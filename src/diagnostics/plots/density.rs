//! Kernel density estimates for the pictures: Gaussian kernels with Scott's bandwidth, in one and two dimensions.
//!
//! The estimate of n points in d dimensions is `p(x) = (1/n) Σ_i N(x; x_i, h² Σ)` with the sample covariance Σ and
//! `h = n^(−1/(d+4))` (Scott 1992). Points are dealt out linearly to the knots of a grid, which is then convolved with the
//! kernel: the cost does not depend on n, and the error is below what a picture shows as long as h spans a few knots. In
//! two dimensions the grid lies along the whitened coordinates, so that narrow, strongly correlated clouds are resolved.

/// Knots of the one-dimensional grid.
const KNOTS: usize = 512;
/// The kernel is cut off at this many bandwidths.
const REACH: f64 = 4.0;
/// A density that is higher than this share of its peak at the smallest or largest value ends there.
const ABRUPT: f64 = 0.3;
/// Half of the widest grid in two dimensions, in standard deviations.
const WIDEST: f64 = 8.0;
/// Below this share of unexplained variance a cloud counts as a line, which has no density in the plane.
const SINGULAR: f64 = 1e-8;

/// A density at equally spaced positions.
#[derive(Clone, Debug)]
pub struct Curve {
    pub x: Vec<f64>,
    pub density: Vec<f64>,
}

/// The density of `values` between 0 and 1; `None` for fewer than three values or for a single distinct value.
///
/// Values outside of the interval count: what reaches in from there is part of the curve, and the curve integrates to the
/// share of mass inside. Where the density ends abruptly it is zero beyond the smallest or the largest value.
pub fn curve(values: &[f64]) -> Option<Curve> {
    let count = values.len() as f64;
    let deviation = variance(values).sqrt();
    if values.len() < 3 || deviation < 1e-9 {
        return None;
    }
    let bandwidth = deviation * count.powf(-0.2);
    let (low, high) = (-REACH * bandwidth, 1.0 + REACH * bandwidth);
    let step = (high - low) / (KNOTS - 1) as f64;
    let mut weights = vec![0.0; KNOTS];
    for value in values {
        let place = (value - low) / step;
        if place >= 0.0 && place < (KNOTS - 1) as f64 {
            let (knot, share) = (place as usize, place.fract());
            weights[knot] += 1.0 - share;
            weights[knot + 1] += share;
        }
    }
    let mut smooth = convolve(&weights, 1, KNOTS, 1, KNOTS, &kernel(bandwidth / step));
    let edges = values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[a, b], &x| [a.min(x), b.max(x)]);
    let peak = smooth.iter().copied().fold(0.0, f64::max);
    // An edge only where the density ends abruptly; elsewhere the tail runs out as the kernel says.
    let edge = |value: f64, none: f64| {
        let place = (value - low) / step;
        let height = if place >= 0.0 { smooth.get(place as usize).copied() } else { None };
        if height.is_some_and(|height| 2.0 * height > ABRUPT * peak) { place } else { none }
    };
    let edges = [edge(edges[0], f64::NEG_INFINITY), edge(edges[1], f64::INFINITY)];
    fold(&mut smooth, edges);
    let inside = |knot: &usize| (0.0..=1.0).contains(&(low + *knot as f64 * step));
    let knots: Vec<usize> = (0..KNOTS).filter(inside).collect();
    Some(Curve {
        x: knots.iter().map(|&knot| low + knot as f64 * step).collect(),
        density: knots.iter().map(|&knot| smooth[knot] / (count * step)).collect(),
    })
}

/// Folds what lies below the first and above the last edge (in knots) back inside: a density that ends abruptly, such as that
/// of a positive number, keeps its height at the end and does not spill over it.
fn fold(density: &mut [f64], [first, last]: [f64; 2]) {
    let knots = density.len();
    for knot in (0..knots).filter(|&knot| (knot as f64) < first || knot as f64 > last) {
        let edge = if (knot as f64) < first { first } else { last };
        let outside = std::mem::take(&mut density[knot]);
        let mirrored = 2.0 * edge - knot as f64;
        if mirrored >= first && mirrored <= last && mirrored < (knots - 1) as f64 {
            let (place, share) = (mirrored as usize, mirrored.fract());
            density[place] += (1.0 - share) * outside;
            density[place + 1] += share * outside;
        }
    }
}

/// A density on a square grid along whitened coordinates; its border is 0.
#[derive(Clone, Debug)]
pub struct Field {
    /// `values[row * side + column]`, not normalised.
    pub values: Vec<f64>,
    mean: (f64, f64),
    /// Cholesky factor of the covariance: `[[a, 0], [b, c]]`.
    factor: (f64, f64, f64),
    low: (f64, f64),
    step: (f64, f64),
}

impl Field {
    /// The density of `points`; `None` for fewer than four points or for points on a line.
    pub fn new(points: &[(f64, f64)], side: usize) -> Option<Self> {
        let count = points.len() as f64;
        if points.len() < 4 || side < 8 {
            return None;
        }
        let mean = (
            points.iter().map(|point| point.0).sum::<f64>() / count,
            points.iter().map(|point| point.1).sum::<f64>() / count,
        );
        let moment = |f: &dyn Fn(f64, f64) -> f64| {
            points.iter().map(|&(x, y)| f(x - mean.0, y - mean.1)).sum::<f64>() / (count - 1.0)
        };
        let (xx, xy, yy) = (moment(&|x, _| x * x), moment(&|x, y| x * y), moment(&|_, y| y * y));
        let unexplained = yy - xy * xy / xx;
        if xx < 1e-18 || yy < 1e-18 || unexplained.is_nan() || unexplained < SINGULAR * yy {
            return None;
        }
        let factor = (xx.sqrt(), xy / xx.sqrt(), unexplained.sqrt());
        let white: Vec<(f64, f64)> = points
            .iter()
            .map(|&(x, y)| {
                let first = (x - mean.0) / factor.0;
                (first, (y - mean.1 - factor.1 * first) / factor.2)
            })
            .collect();
        let bandwidth = count.powf(-1.0 / 6.0);
        let (first, second): (Vec<f64>, Vec<f64>) = white.iter().copied().unzip();
        let (x_low, x_high) = reach(&first, bandwidth);
        let (y_low, y_high) = reach(&second, bandwidth);
        let step = ((x_high - x_low) / (side - 1) as f64, (y_high - y_low) / (side - 1) as f64);
        let mut weights = vec![0.0; side * side];
        let last = (side - 1) as f64;
        for (x, y) in white {
            let (column, row) = ((x - x_low) / step.0, (y - y_low) / step.1);
            if !(column >= 0.0 && column < last && row >= 0.0 && row < last) {
                continue;
            }
            let corner = row as usize * side + column as usize;
            let (right, down) = (column.fract(), row.fract());
            weights[corner] += (1.0 - right) * (1.0 - down);
            weights[corner + 1] += right * (1.0 - down);
            weights[corner + side] += (1.0 - right) * down;
            weights[corner + side + 1] += right * down;
        }
        let along = convolve(&weights, side, side, 1, side, &kernel(bandwidth / step.0));
        let mut values = convolve(&along, side, side, side, 1, &kernel(bandwidth / step.1));
        for index in 0..side {
            for border in [index, (side - 1) * side + index, index * side, index * side + side - 1] {
                values[border] = 0.0;
            }
        }
        Some(Field { values, mean, factor, low: (x_low, y_low), step })
    }

    /// The point at a (fractional) column and row of the grid.
    pub fn point(&self, column: f64, row: f64) -> (f64, f64) {
        let (first, second) = (self.low.0 + column * self.step.0, self.low.1 + row * self.step.1);
        (self.mean.0 + self.factor.0 * first, self.mean.1 + self.factor.1 * first + self.factor.2 * second)
    }

    /// For each share of mass the density that this share lies below: the region above it holds the rest.
    pub fn levels(&self, below: &[f64]) -> Vec<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let total: f64 = sorted.iter().sum();
        let mut mass = 0.0;
        let cumulative: Vec<f64> = sorted
            .iter()
            .map(|value| {
                mass += value / total;
                mass
            })
            .collect();
        below
            .iter()
            .map(|&share| sorted[cumulative.partition_point(|&mass| mass < share).min(sorted.len() - 1)])
            .collect()
    }
}

/// From the smallest to the largest value with room for the kernel, within [`WIDEST`].
fn reach(values: &[f64], bandwidth: f64) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min) - REACH * bandwidth;
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max) + REACH * bandwidth;
    (low.max(-WIDEST), high.min(WIDEST))
}

fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0)
}

/// Half of a normal density with the given standard deviation in knots, from its middle on; the whole sums to 1.
fn kernel(deviation: f64) -> Vec<f64> {
    let length = (REACH * deviation).ceil() as usize + 1;
    let half: Vec<f64> = (0..length).map(|knot| (-0.5 * (knot as f64 / deviation).powi(2)).exp()).collect();
    let total = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half.into_iter().map(|weight| weight / total).collect()
}

/// Convolves `lines` lines of `length` knots with a symmetric kernel; knots are `stride` apart, lines `pitch`.
fn convolve(values: &[f64], lines: usize, length: usize, stride: usize, pitch: usize, half: &[f64]) -> Vec<f64> {
    let mut smooth = vec![0.0; values.len()];
    for line in 0..lines {
        for knot in 0..length {
            let value = values[line * pitch + knot * stride];
            if value == 0.0 {
                continue;
            }
            for target in knot.saturating_sub(half.len() - 1)..(knot + half.len()).min(length) {
                smooth[line * pitch + target * stride] += value * half[knot.abs_diff(target)];
            }
        }
    }
    smooth
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, summed over the points and their mirror images at both ends.
    fn direct(values: &[f64], x: f64) -> f64 {
        let bandwidth = variance(values).sqrt() * (values.len() as f64).powf(-0.2);
        // This set ends abruptly on both sides.
        let [low, high] = [values[0], values[values.len() - 1]];
        if x < low || x > high {
            return 0.0;
        }
        let kernel = |x: f64| (-0.5 * (x / bandwidth).powi(2)).exp();
        let images = |value: &f64| kernel(x - value) + kernel(2.0 * low - x - value) + kernel(2.0 * high - x - value);
        values.iter().map(images).sum::<f64>() / (values.len() as f64 * bandwidth * (2.0 * std::f64::consts::PI).sqrt())
    }

    fn quantiles(count: usize) -> Vec<f64> {
        // A skewed set inside of [0, 1].
        (0..count).map(|i| ((i as f64 + 0.5) / count as f64).powi(2) * 0.6 + 0.2).collect()
    }

    #[test]
    fn the_curve_agrees_with_the_definition() {
        let values = quantiles(200);
        let curve = curve(&values).unwrap();
        let peak = curve.density.iter().copied().fold(0.0, f64::max);
        let step = curve.x[1] - curve.x[0];
        let at_an_edge = |x: f64| (x - values[0]).abs() < 2.0 * step || (x - values[199]).abs() < 2.0 * step;
        for (&x, &density) in curve.x.iter().zip(&curve.density).filter(|(x, _)| !at_an_edge(**x)) {
            assert!((density - direct(&values, x)).abs() < 1e-2 * peak, "{x}: {density} and {}", direct(&values, x));
        }
    }

    #[test]
    fn degenerate_clouds_have_no_density() {
        assert!(curve(&[0.5; 10]).is_none());
        assert!(curve(&[0.2, 0.4]).is_none());
        let line: Vec<(f64, f64)> = quantiles(50).into_iter().map(|x| (x, 2.0 * x)).collect();
        assert!(Field::new(&line, 48).is_none());
        let flat: Vec<(f64, f64)> = quantiles(50).into_iter().map(|x| (x, 0.3)).collect();
        assert!(Field::new(&flat, 48).is_none());
    }

    #[test]
    fn levels_hold_their_mass() {
        let points: Vec<(f64, f64)> =
            quantiles(400).into_iter().enumerate().map(|(i, x)| (x, x + 0.3 * (i as f64 * 2.4).sin())).collect();
        let field = Field::new(&points, 64).unwrap();
        let total: f64 = field.values.iter().sum();
        for (share, level) in [0.05, 0.5, 0.9].into_iter().zip(field.levels(&[0.05, 0.5, 0.9])) {
            let below = field.values.iter().filter(|value| **value < level).sum::<f64>() / total;
            assert!((below - share).abs() < 0.02, "{share}: {below}");
        }
        let middle = field.point(31.5, 31.5);
        assert!((0.0..1.0).contains(&middle.0), "{middle:?}");
    }
}
