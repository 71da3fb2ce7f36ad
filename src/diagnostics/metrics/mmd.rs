//! Maximum mean discrepancy: a distance between two sets of points (Gretton, Borgwardt, Rasch, Schölkopf and Smola 2012,
//! "A kernel two-sample test").

use serde::Serialize;

use crate::codecs::Array;
use crate::error::{Error, Result};

/// Scales of the kernels: eleven powers of ten in equal steps, so that distances of any size find one that fits.
pub const KERNEL_SCALES: [f64; 11] =
    [1e-6, 1.5849e-5, 2.5119e-4, 3.9811e-3, 6.3096e-2, 1.0, 15.849, 251.19, 3981.1, 63096.0, 1e6];

/// How similar two points at squared distance `d²` are, summed over all [`KERNEL_SCALES`] c.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kernel {
    /// `Σ c / (c + d²)`.
    #[default]
    InverseMultiquadratic,
    /// `Σ exp(−d² / 2c)`.
    Gaussian,
    /// `Σ exp(−d / 2c)`: what BayesFlow 2.0.12 computes under the name of the Gaussian kernel.
    Laplacian,
}

impl Kernel {
    /// The similarity of two points.
    pub fn similarity(self, a: &[f64], b: &[f64]) -> f64 {
        let squared: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        match self {
            Kernel::InverseMultiquadratic => KERNEL_SCALES.iter().map(|c| c / (c + squared)).sum(),
            Kernel::Gaussian => KERNEL_SCALES.iter().map(|c| (-0.5 * squared / c).exp()).sum(),
            Kernel::Laplacian => {
                let distance = squared.sqrt();
                KERNEL_SCALES.iter().map(|c| (-0.5 * distance / c).exp()).sum()
            }
        }
    }
}

/// How the squared discrepancy is estimated from m points x and n points y.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// `mean k(x, x) + mean k(y, y) − 2 mean k(x, y)`: never negative, zero for equal sets.
    #[default]
    Biased,
    /// `Σ_{i≠j} k(xᵢ, xⱼ)/(m(m−1)) + Σ_{i≠j} k(yᵢ, yⱼ)/(n(n−1)) − 2 mean k(x, y)`: zero on average for equal distributions.
    Unbiased,
}

/// Options of [`maximum_mean_discrepancy`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MaximumMeanDiscrepancy {
    /// The kernel.
    pub kernel: Kernel,
    /// The estimator.
    pub estimator: Estimator,
    /// Computes [`Estimator::Unbiased`] as BayesFlow 2.0.12 does, which is not unbiased: `Σk(x,x)/(m(m+1)) +
    /// Σk(y,y)/(n(n+1)) − 4 mean k(x,y)`.
    pub peer_compatible: bool,
}

/// Sums of similarities within and between two sets, from which every estimate follows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sums {
    /// Sum over all ordered pairs of x, pairs of a point with itself included, and how many points there are.
    pub within_x: (f64, usize),
    /// The same for y.
    pub within_y: (f64, usize),
    /// Sum over all pairs of a point of x and a point of y.
    pub between: f64,
}

impl MaximumMeanDiscrepancy {
    /// The squared discrepancy; `peak` is the similarity of a point with itself.
    pub(crate) fn estimate(&self, sums: &Sums) -> f64 {
        let (m, n) = (sums.within_x.1 as f64, sums.within_y.1 as f64);
        let between = sums.between / (m * n);
        let peak = KERNEL_SCALES.len() as f64;
        match (self.estimator, self.peer_compatible) {
            (Estimator::Biased, _) => sums.within_x.0 / (m * m) + sums.within_y.0 / (n * n) - 2.0 * between,
            (Estimator::Unbiased, false) => {
                let apart = |sum: f64, count: f64| (sum - count * peak) / (count * (count - 1.0));
                apart(sums.within_x.0, m) + apart(sums.within_y.0, n) - 2.0 * between
            }
            (Estimator::Unbiased, true) => {
                sums.within_x.0 / (m * (m + 1.0)) + sums.within_y.0 / (n * (n + 1.0)) - 4.0 * between
            }
        }
    }

    /// Refuses sets that are too small for the estimator.
    pub(crate) fn check(&self, x: &Points, y: &Points) -> Result<()> {
        let least = if self.estimator == Estimator::Unbiased && !self.peer_compatible { 2 } else { 1 };
        if x.count() < least || y.count() < least || x.width != y.width {
            return Err(Error::shape(
                "maximum mean discrepancy",
                format!(
                    "{} points of {} numbers and {} points of {} numbers came; give at least {least} of both, as wide as \
                     each other",
                    x.count(),
                    x.width,
                    y.count(),
                    y.width
                ),
            ));
        }
        Ok(())
    }
}

/// Points `[rows, …]` with the remaining axes taken together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Points {
    width: usize,
    values: Vec<f64>,
}

impl Points {
    pub fn new(name: &str, array: &Array) -> Result<Self> {
        let width = array.shape().get(1..).unwrap_or(&[]).iter().product();
        if array.shape().len() < 2 || width == 0 {
            return Err(Error::shape(
                name,
                format!("the shape is {:?}; expected [rows, dimension] with a dimension from 1 up", array.shape()),
            ));
        }
        let values = array.to_f64();
        match values.iter().position(|x| !x.is_finite()) {
            None => Ok(Points { width, values }),
            Some(at) => Err(Error::value(
                name,
                format!("row {} holds {}; distances need finite numbers: leave this row out", at / width, values[at]),
            )),
        }
    }

    pub fn count(&self) -> usize {
        self.values.len() / self.width
    }

    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// The sum over all ordered pairs, those of a point with itself included.
    pub fn within(&self, kernel: Kernel) -> f64 {
        let count = self.count();
        let apart: f64 = (0..count)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .map(|(i, j)| kernel.similarity(self.row(i), self.row(j)))
            .sum();
        2.0 * apart + (count * KERNEL_SCALES.len()) as f64
    }

    /// The sum over all pairs of a point of this set and one of the other.
    pub fn between(&self, other: &Points, kernel: Kernel) -> f64 {
        let row = |i: usize| (0..other.count()).map(move |j| kernel.similarity(self.row(i), other.row(j))).sum::<f64>();
        (0..self.count()).map(row).sum()
    }
}

/// The squared maximum mean discrepancy of points `x` `[m, …]` and `y` `[n, …]`, the remaining axes taken together.
///
/// # Errors
/// No points (fewer than two for the unbiased estimator), different widths, or numbers that are not finite.
pub fn maximum_mean_discrepancy(x: &Array, y: &Array, options: &MaximumMeanDiscrepancy) -> Result<f64> {
    let (x, y) = (Points::new("x", x)?, Points::new("y", y)?);
    options.check(&x, &y)?;
    Ok(options.estimate(&Sums {
        within_x: (x.within(options.kernel), x.count()),
        within_y: (y.within(options.kernel), y.count()),
        between: x.between(&y, options.kernel),
    }))
}

#[cfg(test)]
mod tests {
    use approx::{assert_abs_diff_eq, assert_relative_eq};
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::random::Key;

    fn example() -> (Array, Array) {
        (
            Array::f64([3, 2], vec![0.0, 0.0, 1.0, 0.0, 0.0, 2.0]).unwrap(),
            Array::f64([2, 2], vec![0.5, 0.5, 1.5, -1.0]).unwrap(),
        )
    }

    #[test]
    fn reference_values() {
        let (x, y) = example();
        let of = |kernel, estimator, peer_compatible| {
            maximum_mean_discrepancy(&x, &y, &MaximumMeanDiscrepancy { kernel, estimator, peer_compatible }).unwrap()
        };
        let close = |value: f64, expected: f64| assert_abs_diff_eq!(value, expected, epsilon = 2e-4);
        close(of(Kernel::InverseMultiquadratic, Estimator::Biased, false), 4.53203807);
        close(of(Kernel::InverseMultiquadratic, Estimator::Unbiased, true), -10.51648779);
        close(of(Kernel::Laplacian, Estimator::Biased, true), 4.51548929);
        close(of(Kernel::Laplacian, Estimator::Unbiased, true), -10.93091788);
    }

    /// The U-statistic and the true Gaussian kernel, term by term.
    #[test]
    fn the_unbiased_estimator_leaves_out_pairs_of_one_point() {
        let (x, y) = example();
        let k = |squared: f64| KERNEL_SCALES.iter().map(|c| (-squared / (2.0 * c)).exp()).sum::<f64>();
        let xx = (k(1.0) + k(4.0) + k(5.0)) / 3.0;
        let yy = k(1.0 + 2.25);
        let xy = [0.5, 3.25, 0.5, 1.25, 2.5, 11.25].map(k).iter().sum::<f64>() / 6.0;
        let options =
            MaximumMeanDiscrepancy { kernel: Kernel::Gaussian, estimator: Estimator::Unbiased, peer_compatible: false };
        let value = maximum_mean_discrepancy(&x, &y, &options).unwrap();
        assert_relative_eq!(value, xx + yy - 2.0 * xy, epsilon = 1e-12);
    }

    #[test]
    fn equal_distributions_have_no_discrepancy_on_average() {
        let mut stream = Key::new(1).stream();
        let mut points = |shift: f64| -> Array {
            let values = (0..80).map(|_| -> f64 { StandardNormal.sample(&mut stream) }).map(|x| x + shift).collect();
            Array::f64([40, 2], values).unwrap()
        };
        let options = MaximumMeanDiscrepancy { estimator: Estimator::Unbiased, ..Default::default() };
        let mut average = |shift: f64| {
            let values = (0..100).map(|_| maximum_mean_discrepancy(&points(0.0), &points(shift), &options).unwrap());
            values.sum::<f64>() / 100.0
        };
        assert_abs_diff_eq!(average(0.0), 0.0, epsilon = 0.02);
        assert!(average(1.0) > 0.2);
        let (x, _) = example();
        assert_abs_diff_eq!(maximum_mean_discrepancy(&x, &x, &Default::default()).unwrap(), 0.0, epsilon = 1e-12);
    }

    #[test]
    fn faults_are_named() {
        let (x, _) = example();
        let of = |y: &Array, estimator| {
            let options = MaximumMeanDiscrepancy { estimator, ..Default::default() };
            maximum_mean_discrepancy(&x, y, &options).unwrap_err().to_string()
        };
        let wide = Array::f64([1, 3], vec![0.0; 3]).unwrap();
        assert!(of(&wide, Estimator::Biased).contains("1 points of 3 numbers"));
        let one = Array::f64([1, 2], vec![0.0; 2]).unwrap();
        assert!(of(&one, Estimator::Unbiased).contains("at least 2 of both"));
        assert!(of(&Array::vector(vec![1.0]), Estimator::Biased).contains("expected [rows, dimension]"));
        let bad = Array::f64([2, 2], vec![0.0, 0.0, 1.0, f64::NAN]).unwrap();
        assert!(of(&bad, Estimator::Biased).contains("row 1 holds NaN"));
    }
}
