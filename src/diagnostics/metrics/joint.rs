//! Is the joint distribution right? Ranks of single variables cannot see wrong dependencies; ranks of quantities of several
//! variables can (Modrák et al. 2023, "Simulation-based calibration checking for Bayesian computation: the choice of test
//! quantities shapes sensitivity").

use serde::Serialize;

use super::rank_test::{RankTest, rank_among, rank_test, two_sided};
use super::sbc::RankShape;
use super::tarp::{Tarp, tarp_from_null};
use crate::diagnostics::{Draws, Truths, check_pair};
use crate::error::Result;
use crate::math::cholesky::{cholesky_by, solve_lower};
use crate::random::{Key, Stream};

/// Added to the diagonal of a correlation matrix, so that variables that depend on each other exactly leave it invertible.
const RIDGE: f64 = 1e-9;

/// What the joint distribution of several variables looks like.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JointCheck {
    /// Ranks of the Gaussian density at the truth, see [`density_ranks`]: sees a wrong dispersion in any direction.
    pub density: RankTest,
    /// Coverage of balls around random points: sees gross faults of any form.
    pub tarp: Tarp,
    /// Ranks of the product of each pair of variables: sees a wrong correlation.
    pub pairs: Vec<PairCheck>,
    /// Probability that none of the three would look as unusual for an exact posterior: thrice the smallest of their
    /// p-values, at most 1.
    pub p_value: f64,
}

/// The dependence of two variables.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairCheck {
    /// The names of the two variables.
    pub variables: [String; 2],
    /// Scores of the ranks of the product, see [`pair_ranks`]. `bias` is negative when the truths depend on each other more
    /// positively than the draws, `overconfidence` positive when their products vary more.
    pub shape: RankShape,
    /// Twice the smaller p-value of the two scores, at most 1.
    pub p_value: f64,
}

impl JointCheck {
    /// The pair that looks most unusual, and its p-value times the number of pairs, at most 1.
    pub fn worst_pair(&self) -> Option<(&PairCheck, f64)> {
        let worst = self.pairs.iter().min_by(|a, b| a.p_value.total_cmp(&b.p_value))?;
        Some((worst, (worst.p_value * self.pairs.len() as f64).min(1.0)))
    }
}

/// Checks the joint distribution of two variables or more; `None` for a single one. `null` is a null distribution of γ for as
/// many data sets and draws.
///
/// Time: data sets × draws × variables².
pub fn joint_check(draws: &Draws, truths: &Truths, null: &[f64], key: Key) -> Result<Option<JointCheck>> {
    check_pair(draws, truths)?;
    if draws.variables().len() < 2 {
        return Ok(None);
    }
    let density = rank_test(&density_ranks(draws, truths, key.fork("density"))?, draws.draws(), null)?;
    let tarp = tarp_from_null(draws, truths, null, key.fork("tarp"))?;
    let names = draws.names();
    let pair = |(pair, ranks): ([usize; 2], Vec<usize>)| {
        let shape = RankShape::new(&ranks, draws.draws());
        let p_value = (2.0 * two_sided(shape.bias).min(two_sided(shape.overconfidence))).min(1.0);
        PairCheck { variables: pair.map(|v| names[v].clone()), shape, p_value }
    };
    let pairs = pair_ranks(draws, truths, key.fork("pairs"))?.into_iter().map(pair).collect();
    let mut check = JointCheck { density, tarp, pairs, p_value: 1.0 };
    let pair = check.worst_pair().map_or(1.0, |(_, p)| p);
    check.p_value = (3.0 * check.density.p_value.min(check.tarp.test.p_value).min(pair)).min(1.0);
    Ok(Some(check))
}

/// Rank of the squared Mahalanobis distance `(x − m)ᵀ C⁻¹ (x − m)` of the truth among those of the draws, for each data set:
/// the order of the negative log density under a Gaussian that is fitted to them.
///
/// Mean m and covariance C are those of draws and truth together. All of them are then exchangeable if the posterior is exact,
/// and the rank is exactly uniform on `0 … draws`, whatever the form of the posterior; equal distances are split at random.
pub fn density_ranks(draws: &Draws, truths: &Truths, key: Key) -> Result<Vec<usize>> {
    check_pair(draws, truths)?;
    let mut stream = key.stream();
    let rank = |i: usize| {
        let columns = standardised(draws, truths, i);
        let factor = factor_of(&columns);
        rank_of_last(squared_lengths(&columns, &factor), &mut stream)
    };
    Ok((0..draws.datasets()).map(rank).collect())
}

/// Rank of the product `z_a z_b` of two standardised variables at the truth among those of the draws, for each pair of
/// variables and data set. Draws and truth are standardised together, see [`density_ranks`].
pub fn pair_ranks(draws: &Draws, truths: &Truths, key: Key) -> Result<Vec<([usize; 2], Vec<usize>)>> {
    check_pair(draws, truths)?;
    let mut stream = key.stream();
    let width = draws.variables().len();
    let mut pairs: Vec<([usize; 2], Vec<usize>)> =
        (0..width).flat_map(|a| (a + 1..width).map(move |b| ([a, b], Vec::new()))).collect();
    for i in 0..draws.datasets() {
        let columns = standardised(draws, truths, i);
        for ([a, b], ranks) in &mut pairs {
            let products = columns[*a].iter().zip(&columns[*b]).map(|(x, y)| x * y);
            ranks.push(rank_of_last(products.collect(), &mut stream));
        }
    }
    Ok(pairs)
}

/// The draws of one data set with the truth as the last point, each variable with mean 0 and variance 1; a variable that does
/// not vary is 0.
fn standardised(draws: &Draws, truths: &Truths, dataset: usize) -> Vec<Vec<f64>> {
    let column = |v: usize| {
        let mut column = [draws.of(dataset, v), &truths.variable(v)[dataset..=dataset]].concat();
        let mean = crate::math::mean(&column);
        let deviation = crate::math::variance(&column, 0).sqrt();
        let scale = if deviation > 0.0 { 1.0 / deviation } else { 0.0 };
        column.iter_mut().for_each(|x| *x = (*x - mean) * scale);
        column
    };
    (0..draws.variables().len()).map(column).collect()
}

fn rank_of_last(values: Vec<f64>, stream: &mut Stream) -> usize {
    let (others, last) = values.split_at(values.len() - 1);
    rank_among(others.iter().copied(), last[0], stream)
}

/// The lower Cholesky factor of the correlation matrix of standardised columns, `[columns, columns]`.
fn factor_of(columns: &[Vec<f64>]) -> Vec<f64> {
    let (width, count) = (columns.len(), columns.first().map_or(1, Vec::len) as f64);
    let mut correlation = vec![0.0; width * width];
    for (a, x) in columns.iter().enumerate() {
        for (b, y) in columns[..=a].iter().enumerate() {
            correlation[a * width + b] = x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>() / count;
        }
    }
    // Never `None`: every pivot is lifted to a positive number.
    cholesky_by(&correlation, width, |rest, _| Some((rest + RIDGE).max(RIDGE))).unwrap_or_default()
}

/// Squared length of each point in the coordinates in which the covariance is the identity.
fn squared_lengths(columns: &[Vec<f64>], factor: &[f64]) -> Vec<f64> {
    let mut lengths = vec![0.0; columns.first().map_or(0, Vec::len)];
    let mut point = Vec::with_capacity(columns.len());
    for (s, length) in lengths.iter_mut().enumerate() {
        point.clear();
        point.extend(columns.iter().map(|column| column[s]));
        solve_lower(factor, &mut point);
        *length = point.iter().map(|x| x * x).sum();
    }
    lengths
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::codecs::Array;
    use crate::diagnostics::metrics::log_gamma::gamma_null_distribution;

    /// Pairs of standard normal variables; the correlation of truths and of draws.
    fn study(key: Key, datasets: usize, draws: usize, truth: f64, drawn: f64) -> (Draws, Truths) {
        let mut stream = key.stream();
        let mut pair = |correlation: f64| {
            let (a, b): (f64, f64) = (StandardNormal.sample(&mut stream), StandardNormal.sample(&mut stream));
            [a, correlation * a + (1.0 - correlation * correlation).sqrt() * b]
        };
        let truths: Vec<f64> = (0..datasets).flat_map(|_| pair(truth)).collect();
        let values: Vec<f64> = (0..datasets * draws).flat_map(|_| pair(drawn)).collect();
        (
            Draws::from_array(&Array::f64([datasets, draws, 2], values).unwrap()).unwrap(),
            Truths::from_array(&Array::f64([datasets, 2], truths).unwrap()).unwrap(),
        )
    }

    /// The factor inverts the correlation matrix, and squared Mahalanobis distances average to the number of variables.
    #[test]
    fn distances() {
        let (draws, truths) = study(Key::new(40), 1, 500, 0.6, 0.6);
        let columns = standardised(&draws, &truths, 0);
        let factor = factor_of(&columns);
        let r = columns[0].iter().zip(&columns[1]).map(|(a, b)| a * b).sum::<f64>() / 501.0;
        assert_relative_eq!(factor[2], r, epsilon = 1e-8);
        assert_relative_eq!(factor[3], (1.0 - r * r).sqrt(), epsilon = 1e-8);
        let lengths = squared_lengths(&columns, &factor);
        assert_relative_eq!(lengths.iter().sum::<f64>() / 501.0, 2.0, epsilon = 1e-6);
        let (a, b) = (columns[0][7], columns[1][7]);
        assert_relative_eq!(lengths[7], (a * a - 2.0 * r * a * b + b * b) / (1.0 - r * r), max_relative = 1e-6);
    }

    /// Exactly uniform with very few draws, which needs truth and draws to be treated alike.
    #[test]
    fn ranks_are_uniform_with_few_draws() {
        let (draws, truths) = study(Key::new(41), 6000, 3, 0.5, 0.5);
        let all = [density_ranks(&draws, &truths, Key::new(42)).unwrap(), {
            pair_ranks(&draws, &truths, Key::new(43)).unwrap().remove(0).1
        }];
        for ranks in all {
            for rank in 0..=3 {
                let share = ranks.iter().filter(|&&r| r == rank).count() as f64 / 6000.0;
                assert!((share - 0.25).abs() < 0.025, "{rank}: {share}");
            }
        }
    }

    #[test]
    fn wrong_correlations_are_seen() {
        let null = gamma_null_distribution(300, 100, 1000, Key::new(44)).unwrap();
        let check = |truth, drawn, seed| {
            let (draws, truths) = study(Key::new(45).at(seed), 300, 100, truth, drawn);
            joint_check(&draws, &truths, &null, Key::new(46).at(seed)).unwrap().unwrap()
        };
        let alarms = (0..60).filter(|&seed| check(0.8, 0.8, seed).p_value < 0.05).count();
        assert!(alarms <= 8, "{alarms}");
        let more = check(0.8, 0.0, 0);
        assert!(more.p_value < 1e-6 && more.worst_pair().unwrap().0.shape.bias < -5.0, "{:?}", more.pairs);
        let line = check(0.98, 0.0, 0);
        assert!(line.density.p_value < 0.01, "{:?}", line.density);
        assert_eq!(more.pairs[0].variables, ["v_0", "v_1"]);
        assert!(check(-0.5, 0.5, 0).worst_pair().unwrap().0.shape.bias > 5.0);
    }

    /// A variable that does not vary, and one that repeats another, leave the rest to be judged.
    #[test]
    fn degenerate_variables() {
        let (draws, truths) = study(Key::new(47), 200, 40, 0.3, 0.3);
        let wide = |of: &dyn Fn(usize, usize) -> [f64; 2], rows: usize| -> Vec<f64> {
            (0..200)
                .flat_map(|i| (0..rows).map(move |s| (i, s)))
                .map(|(i, s)| of(i, s))
                .flat_map(|[a, b]| [a, 2.0 * a, b, 1.0])
                .collect()
        };
        let values = wide(&|i, s| [draws.of(i, 0)[s], draws.of(i, 1)[s]], 40);
        let known = wide(&|i, _| [truths.variable(0)[i], truths.variable(1)[i]], 1);
        let draws = Draws::from_array(&Array::f64([200, 40, 4], values).unwrap()).unwrap();
        let truths = Truths::from_array(&Array::f64([200, 4], known).unwrap()).unwrap();
        let null = gamma_null_distribution(200, 40, 500, Key::new(48)).unwrap();
        let check = joint_check(&draws, &truths, &null, Key::new(49)).unwrap().unwrap();
        assert!(check.p_value > 0.01 && check.pairs.len() == 6, "{check:?}");
        let (one, known) = crate::diagnostics::metrics::statistics::tests_support::example();
        assert_eq!(joint_check(&one, &known, &[0.5], Key::new(1)).unwrap(), None);
    }
}
