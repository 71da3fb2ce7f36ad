//! How typical an observed data set is of the simulations that a model was trained on.
//!
//! In the space of what the last network is given (conditions and learned summaries), the squared Mahalanobis distance from the
//! centre of simulated data sets,
//!
//! ```text
//! d² = (c − μ)ᵀ Σ⁻¹ (c − μ)
//! p  = (1 + number of simulated data sets at least as far) / (1 + number of simulated data sets)
//! ```
//!
//! Moments come from one half of the simulations and distances from the other, so that `p` is uniform for data sets of the
//! simulator. A small `p` says that the posterior is an extrapolation. (Schmitt et al. 2021, arXiv:2112.08866, for the use of the
//! summary space)

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::math::cholesky::{cholesky_by, solve_lower};

/// Simulations below which nothing is said.
const FEWEST: usize = 40;
/// What is added to the variance of each feature, relative to it, so that features that depend on each other do no harm.
const RIDGE: f64 = 1e-6;
/// Variance of a feature that does not vary.
const SMALLEST: f64 = 1e-12;

/// The distribution of simulated data sets as a network sees them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typicality {
    /// Centre, `[C]`.
    mean: Vec<f64>,
    /// Lower triangular `L` with `Σ = L Lᵀ`, `[C, C]`.
    factor: Vec<f64>,
    /// Squared distances of simulated data sets, in ascending order.
    distances: Vec<f64>,
}

impl Typicality {
    /// From the conditions of simulated data sets, `[datasets, C]`; `None` for fewer than forty, or no conditions.
    pub fn of(conditions: &[f32], width: usize) -> Option<Self> {
        let rows: Vec<&[f32]> = conditions.chunks(width.max(1)).collect();
        if width == 0 || rows.len() < FEWEST || conditions.iter().any(|c| !c.is_finite()) {
            return None;
        }
        // Every other row: neighbours come from the same batch.
        let (first, second): (Vec<_>, Vec<_>) = rows.chunks(2).map(|pair| (pair[0], pair.get(1))).unzip();
        let n = first.len() as f64;
        let mut mean = vec![0.0; width];
        first.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, &c)| *m += f64::from(c) / n));
        let mut covariance = vec![0.0; width * width];
        for row in &first {
            for i in 0..width {
                let a = f64::from(row[i]) - mean[i];
                for j in 0..=i {
                    covariance[i * width + j] += a * (f64::from(row[j]) - mean[j]) / n;
                }
            }
        }
        for i in 0..width {
            let variance = &mut covariance[i * width + i];
            *variance += RIDGE * *variance + SMALLEST;
        }
        // Pivots that rounding makes negative are lifted.
        let pivot = |rest: f64, variance: f64| Some(rest.max(RIDGE * variance * RIDGE + SMALLEST));
        let factor = cholesky_by(&covariance, width, pivot)?;
        let mut typicality = Typicality { mean, factor, distances: Vec::new() };
        let mut distances: Vec<f64> = second.into_iter().flatten().map(|row| typicality.distance(row)).collect();
        distances.sort_by(f64::total_cmp);
        typicality.distances = distances;
        Some(typicality)
    }

    /// `p` for each row of conditions, `[datasets, C]`.
    pub fn p_values(&self, conditions: &[f32]) -> Result<Vec<f64>> {
        let width = self.mean.len();
        if !conditions.len().is_multiple_of(width) {
            let message =
                format!("{} numbers are no rows of {width}; give what this model's network reads", conditions.len());
            return Err(Error::shape("conditions", message));
        }
        let count = self.distances.len();
        let p_value = |row: &[f32]| {
            let distance = self.distance(row);
            let further = count - self.distances.partition_point(|d| *d < distance);
            (1 + further) as f64 / (1 + count) as f64
        };
        Ok(conditions.chunks(width).map(p_value).collect())
    }

    /// Squared distance: `‖L⁻¹ (c − μ)‖²`. A value that is not a number is infinitely far.
    fn distance(&self, row: &[f32]) -> f64 {
        let mut solved: Vec<f64> = row.iter().zip(&self.mean).map(|(c, mean)| f64::from(*c) - mean).collect();
        solve_lower(&self.factor, &mut solved);
        let squared: f64 = solved.iter().map(|v| v * v).sum();
        if squared.is_nan() { f64::INFINITY } else { squared }
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::random::Key;

    fn correlated(rows: usize, key: Key) -> Vec<f32> {
        let mut stream = key.stream();
        let mut draw = || -> f64 { StandardNormal.sample(&mut stream) };
        (0..rows)
            .flat_map(|_| {
                let (a, b) = (draw(), draw());
                // The third feature depends on the first two, the fourth does not vary.
                [a, 0.9 * a + 0.4 * b, a - b, 2.0].map(|v| v as f32)
            })
            .collect()
    }

    #[test]
    fn p_values_of_simulated_data_are_uniform() {
        let typicality = Typicality::of(&correlated(2000, Key::new(1)), 4).unwrap();
        let p = typicality.p_values(&correlated(4000, Key::new(2))).unwrap();
        for level in [0.01, 0.05, 0.5, 0.9] {
            let share = p.iter().filter(|p| **p <= level).count() as f64 / 4000.0;
            assert!((share - level).abs() < 0.04, "{share} of the p-values are at most {level}");
        }
    }

    #[test]
    fn what_no_simulation_does_is_atypical() {
        let typicality = Typicality::of(&correlated(1000, Key::new(1)), 4).unwrap();
        // Each feature is within its range, but they do not belong together; then a feature that never varied; then NaN.
        for row in [[1.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 2.1], [f32::NAN, 0.0, 0.0, 2.0]] {
            assert!(typicality.p_values(&row).unwrap()[0] < 0.005, "{row:?}");
        }
        assert!(typicality.p_values(&[0.3, 0.3, 0.225, 2.0]).unwrap()[0] > 0.2);
        assert!(typicality.p_values(&[0.0; 5]).is_err());
        assert_eq!(Typicality::of(&[1.0; 30], 1), None);
    }
}
