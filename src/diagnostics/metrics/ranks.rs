//! Ranks of the true values among the draws (Talts et al. 2018, "Validating Bayesian inference algorithms with
//! simulation-based calibration").

use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::{Error, Result};

/// `#{s : x[i, s] < θ[i]}` for each variable and data set, from 0 to the number of draws: outer index variable, inner
/// index data set. Uniform on the `draws + 1` values if the posterior is calibrated.
pub fn rank_counts(draws: &Draws, truths: &Truths) -> Result<Vec<Vec<usize>>> {
    check_pair(draws, truths)?;
    let below = |x: &[f64], truth: f64| x.iter().filter(|&&x| x < truth).count();
    let ranks = |v| draws.variable(v).zip(truths.variable(v)).map(|(x, &truth)| below(x, truth)).collect();
    Ok((0..draws.variables().len()).map(ranks).collect())
}

/// The share of draws strictly below the true value: outer index variable, inner index data set.
pub fn fractional_ranks(draws: &Draws, truths: &Truths) -> Result<Vec<Vec<f64>>> {
    let share = |ranks: Vec<usize>| ranks.into_iter().map(|rank| rank as f64 / draws.draws() as f64).collect();
    Ok(rank_counts(draws, truths)?.into_iter().map(share).collect())
}

/// A user's distance between a point and its reference point, both of as many values: all variables for joint ranks, else
/// a single one.
pub type Distance<'a> = &'a dyn Fn(&[f64], &[f64]) -> f64;

/// Options of [`distance_ranks`].
#[derive(Clone, Copy)]
pub struct DistanceRanks<'a> {
    /// One rank for all variables together, from distances of points, instead of one for each variable.
    pub stacked: bool,
    /// Reference points of the data sets and variables; the origin without them.
    pub references: Option<&'a Truths>,
    /// The distance; without it the `p_norm` of the difference.
    pub distance: Option<Distance<'a>>,
    /// The exponent p of the norm `(Σ |a − b|^p)^(1/p)`.
    pub p_norm: f64,
}

impl Default for DistanceRanks<'_> {
    fn default() -> Self {
        DistanceRanks { stacked: false, references: None, distance: None, p_norm: 2.0 }
    }
}

/// The share of draws whose distance to a reference point is strictly smaller than that of the truth: outer index variable
/// (a single one when `stacked`), inner index data set. Joint distances see wrong dependencies between variables that
/// ranks of single variables cannot (Lemos et al. 2023, "Sampling-based accuracy testing of posterior estimators").
pub fn distance_ranks(draws: &Draws, truths: &Truths, options: &DistanceRanks) -> Result<Vec<Vec<f64>>> {
    check_pair(draws, truths)?;
    if let Some(references) = options.references {
        check_pair(draws, references).map_err(|error| Error::shape("references", error.to_string()))?;
    }
    if options.p_norm.is_nan() || options.p_norm <= 0.0 {
        return Err(Error::argument("p_norm", format!("is {}; give a positive exponent", options.p_norm)));
    }
    let distance = |a: &[f64], b: &[f64]| match options.distance {
        Some(distance) => distance(a, b),
        None => norm(a.iter().zip(b).map(|(a, b)| a - b), options.p_norm),
    };
    let all: Vec<usize> = (0..draws.variables().len()).collect();
    let groups: Vec<&[usize]> = if options.stacked { vec![&all] } else { all.chunks(1).collect() };
    let rank = |group: &[usize], i: usize| {
        let point = |of: &dyn Fn(usize) -> f64| group.iter().map(|&v| of(v)).collect::<Vec<_>>();
        let reference = point(&|v| options.references.map_or(0.0, |r| r.variable(v)[i]));
        let truth = distance(&point(&|v| truths.variable(v)[i]), &reference);
        let nearer = (0..draws.draws()).filter(|&s| distance(&point(&|v| draws.of(i, v)[s]), &reference) < truth);
        nearer.count() as f64 / draws.draws() as f64
    };
    Ok(groups.into_iter().map(|group| (0..draws.datasets()).map(|i| rank(group, i)).collect()).collect())
}

fn norm(differences: impl Iterator<Item = f64>, p: f64) -> f64 {
    if p == 1.0 {
        differences.map(f64::abs).sum()
    } else if p == 2.0 {
        differences.map(|d| d * d).sum::<f64>().sqrt()
    } else if p.is_infinite() {
        differences.map(f64::abs).fold(0.0, f64::max)
    } else {
        differences.map(|d| d.abs().powf(p)).sum::<f64>().powf(1.0 / p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::statistics::tests_support::example;

    #[test]
    fn reference_example() {
        let (draws, truths) = example();
        assert_eq!(rank_counts(&draws, &truths).unwrap(), [[3, 2, 3, 2, 1, 2]]);
        assert_eq!(fractional_ranks(&draws, &truths).unwrap()[0][0], 0.6);
    }

    #[test]
    fn distances_single_joint_and_own() {
        let draws = Array::f64([1, 3, 2], vec![3.0, 4.0, 0.0, 1.0, -6.0, 0.0]).unwrap();
        let draws = Draws::from_array(&draws).unwrap();
        let truths = Truths::from_array(&Array::f64([1, 2], vec![-4.0, 3.5]).unwrap()).unwrap();
        let ranks = |options| distance_ranks(&draws, &truths, &options).unwrap();
        let third = 1.0 / 3.0;
        assert_eq!(ranks(DistanceRanks::default()), [[2.0 * third], [2.0 * third]]);
        let stacked = DistanceRanks { stacked: true, ..Default::default() };
        assert_eq!(ranks(stacked), [[2.0 * third]]);
        assert_eq!(ranks(DistanceRanks { p_norm: 1.0, ..stacked }), [[1.0]]);
        assert_eq!(ranks(DistanceRanks { p_norm: f64::INFINITY, ..stacked }), [[third]]);
        assert_eq!(ranks(DistanceRanks { references: Some(&truths), ..Default::default() }), [[0.0], [0.0]]);
        let first = |a: &[f64], b: &[f64]| a[0] - b[0];
        assert_eq!(ranks(DistanceRanks { distance: Some(&first), ..stacked }), [[third]]);
        let wrong = DistanceRanks { p_norm: 0.0, ..stacked };
        assert!(distance_ranks(&draws, &truths, &wrong).unwrap_err().to_string().contains("positive"));
    }
}
