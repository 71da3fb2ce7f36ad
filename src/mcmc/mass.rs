//! The mass matrix: the scale of each variable, or of all together, learned from the draws of the warmup.

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::math::cholesky::{cholesky, solve_lower_transposed};
use crate::random::Stream;

/// Which mass matrix is learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MassMatrix {
    /// The variance of each variable.
    #[default]
    Diagonal,
    /// The covariance of all variables, for strong correlations. A step costs `D²` more.
    Dense,
}

/// The inverse `Σ` of the mass matrix, an estimate of the covariance of the draws. Momenta are drawn from `N(0, Σ⁻¹)`.
#[derive(Debug, Clone)]
pub(super) enum Mass {
    Diagonal(Vec<f64>),
    /// `Σ` and its factor `L` with `Σ = LLᵀ`, both `[D, D]`.
    Dense {
        covariance: Vec<f64>,
        factor: Vec<f64>,
    },
}

impl Mass {
    pub(super) fn unit(kind: MassMatrix, dimension: usize) -> Self {
        let unit: Vec<f64> = (0..dimension * dimension).map(|k| f64::from(k % (dimension + 1) == 0)).collect();
        match kind {
            MassMatrix::Diagonal => Mass::Diagonal(vec![1.0; dimension]),
            MassMatrix::Dense => Mass::Dense { covariance: unit.clone(), factor: unit },
        }
    }

    /// `Σ p`.
    pub(super) fn velocity(&self, momentum: &[f64]) -> Vec<f64> {
        match self {
            Mass::Diagonal(variance) => momentum.iter().zip(variance).map(|(p, v)| p * v).collect(),
            Mass::Dense { covariance, .. } => covariance
                .chunks(momentum.len())
                .map(|row| row.iter().zip(momentum).map(|(c, p)| c * p).sum())
                .collect(),
        }
    }

    pub(super) fn draw_momentum(&self, dimension: usize, stream: &mut Stream) -> Vec<f64> {
        let mut momentum: Vec<f64> = (0..dimension).map(|_| StandardNormal.sample(stream)).collect();
        match self {
            Mass::Diagonal(variance) => momentum.iter_mut().zip(variance).for_each(|(p, v)| *p /= v.sqrt()),
            // Lᵀ p = ε.
            Mass::Dense { factor, .. } => solve_lower_transposed(factor, &mut momentum),
        }
        momentum
    }
}

/// Moments of the draws of a window (Welford 1962).
#[derive(Debug, Clone)]
pub(super) struct Moments {
    kind: MassMatrix,
    count: f64,
    mean: Vec<f64>,
    /// Sums of squares `[D]`, or of products `[D, D]`.
    sums: Vec<f64>,
}

/// Draws' worth of belief in the prior scale, and that scale: an estimate from few draws stays invertible.
const PRIOR_DRAWS: f64 = 5.0;
const PRIOR_VARIANCE: f64 = 1e-3;

impl Moments {
    pub(super) fn new(kind: MassMatrix, dimension: usize) -> Self {
        let sums = if kind == MassMatrix::Dense { dimension * dimension } else { dimension };
        Moments { kind, count: 0.0, mean: vec![0.0; dimension], sums: vec![0.0; sums] }
    }

    pub(super) fn add(&mut self, x: &[f64]) {
        self.count += 1.0;
        let before: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        self.mean.iter_mut().zip(&before).for_each(|(mean, difference)| *mean += difference / self.count);
        let after: Vec<f64> = x.iter().zip(&self.mean).map(|(x, mean)| x - mean).collect();
        let d = x.len();
        for (index, sum) in self.sums.iter_mut().enumerate() {
            let (i, j) = if self.kind == MassMatrix::Dense { (index / d, index % d) } else { (index, index) };
            *sum += before[i.min(j)] * after[i.max(j)];
        }
    }

    /// The mass matrix of the draws so far, drawn towards a small multiple of the unit; `None` when they do not give one.
    pub(super) fn mass(&self) -> Option<Mass> {
        let (n, d) = (self.count, self.mean.len());
        if n < 2.0 {
            return None;
        }
        let weight = n / (n + PRIOR_DRAWS);
        let prior = (1.0 - weight) * PRIOR_VARIANCE;
        let diagonal = |index: usize| self.kind == MassMatrix::Diagonal || index.is_multiple_of(d + 1);
        let shrunk = |(index, sum): (usize, &f64)| weight * sum / (n - 1.0) + if diagonal(index) { prior } else { 0.0 };
        let covariance: Vec<f64> = self.sums.iter().enumerate().map(shrunk).collect();
        if covariance.iter().any(|c| !c.is_finite()) {
            return None;
        }
        match self.kind {
            MassMatrix::Diagonal => Some(Mass::Diagonal(covariance)),
            MassMatrix::Dense => Some(Mass::Dense { factor: cholesky(&covariance, d)?, covariance }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    #[test]
    fn momenta_have_the_inverse_covariance() {
        let covariance = vec![4.0, 1.8, 1.8, 1.0];
        let mass = Mass::Dense { factor: cholesky(&covariance, 2).unwrap(), covariance: covariance.clone() };
        let mut stream = Key::new(1).stream();
        let mut products = [0.0; 4];
        let draws = 200_000;
        for _ in 0..draws {
            // Σ p has the covariance Σ.
            let v = mass.velocity(&mass.draw_momentum(2, &mut stream));
            (0..4).for_each(|k| products[k] += v[k / 2] * v[k % 2] / f64::from(draws));
        }
        for (got, expected) in products.iter().zip(&covariance) {
            assert!((got - expected).abs() < 0.05, "{products:?}");
        }
        assert!(cholesky(&[1.0, 2.0, 2.0, 1.0], 2).is_none());
    }

    #[test]
    fn moments_of_a_window() {
        let mut moments = Moments::new(MassMatrix::Dense, 2);
        assert!(moments.mass().is_none());
        [[1.0, 2.0], [3.0, 1.0], [5.0, 6.0]].iter().for_each(|x| moments.add(x));
        let Some(Mass::Dense { covariance, .. }) = moments.mass() else { panic!("a dense matrix") };
        let (weight, prior) = (3.0 / 8.0, 5.0 / 8.0 * 1e-3);
        let expected = [4.0 * weight + prior, 4.0 * weight, 4.0 * weight, 7.0 * weight + prior];
        assert!(covariance.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{covariance:?}");
    }
}
