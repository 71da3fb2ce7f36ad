//! Are observed data like the simulated ones? The distance of the observed rows from a reference set, against the distances
//! of rows that were drawn from the reference itself (Schmitt, Bürkner, Köthe and Radev 2023, "Detecting model
//! misspecification in amortized Bayesian inference with neural networks").

use rand::RngExt;
use serde::Serialize;

use super::mmd::{MaximumMeanDiscrepancy, Points, Sums};
use super::statistics::quantile;
use crate::codecs::Array;
use crate::error::{Error, Result};
use crate::random::Key;

/// Where the rows of a null sample come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NullSample {
    /// Observed and reference rows are thrown together, and as many as were observed are drawn without replacement; they are
    /// compared with the rest. A permutation test: its level is exact. An index below the number of reference rows is a
    /// reference row, from there on an observed one.
    #[default]
    Permuted,
    /// Rows of the reference are drawn with replacement and compared with the whole reference, as in BayesFlow 2.0.12. They
    /// are part of what they are compared with, so that null distances are somewhat too small and the test rejects too often.
    Bootstrap,
}

/// The distance of the observed rows from the reference, and what it is compared with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BootstrapComparison {
    /// Distance of the observed rows.
    pub observed: f64,
    /// Distances of the null samples.
    pub null: Vec<f64>,
    /// `(1 + #{null ≥ observed}) / (1 + #null)`: the probability of a distance as large if the observed rows come from where
    /// the reference comes from.
    pub p_value: f64,
}

impl BootstrapComparison {
    fn new(observed: f64, null: Vec<f64>) -> Self {
        // A distance that is NaN is no evidence of agreement.
        let smaller = null.iter().filter(|&&distance| distance < observed).count();
        let p_value = (1 + null.len() - smaller) as f64 / (1 + null.len()) as f64;
        BootstrapComparison { observed, null, p_value }
    }

    /// The distance that the null distances exceed with probability `level`.
    pub fn critical(&self, level: f64) -> f64 {
        quantile(&self.null, 1.0 - level)
    }
}

/// Which rows make up the null samples, each as many as there are observed rows.
pub fn null_rows(
    observed: usize,
    reference: usize,
    num_null_samples: usize,
    null: NullSample,
    key: Key,
) -> Result<Vec<Vec<usize>>> {
    if observed == 0 || observed > reference || num_null_samples == 0 {
        return Err(Error::argument(
            "bootstrap comparison",
            format!(
                "{observed} observed rows, {reference} reference rows and {num_null_samples} null samples came; give at \
                 least one of each and no fewer reference rows than observed ones"
            ),
        ));
    }
    let sample = |index: usize| -> Vec<usize> {
        let mut stream = key.at(index as u64).stream();
        match null {
            NullSample::Bootstrap => (0..observed).map(|_| stream.random_range(0..reference)).collect(),
            NullSample::Permuted => {
                // The first steps of a shuffle.
                let mut rows: Vec<usize> = (0..reference + observed).collect();
                for i in 0..observed {
                    let other = stream.random_range(i..rows.len());
                    rows.swap(i, other);
                }
                rows.truncate(observed);
                rows
            }
        }
    };
    Ok((0..num_null_samples).map(sample).collect())
}

/// Compares observed rows `[m, …]` with reference rows `[n, …]` by any distance of two arrays; `rows` are the
/// [`null_rows`].
///
/// # Errors
/// Fewer reference rows than observed ones, rows of different shapes, indices beyond the rows, a permuted null sample with
/// repetitions or without a rest, or an error of the distance.
pub fn bootstrap_comparison(
    observed: &Array,
    reference: &Array,
    distance: &dyn Fn(&Array, &Array) -> Result<f64>,
    rows: &[Vec<usize>],
    null: NullSample,
) -> Result<BootstrapComparison> {
    let (m, n) = check(observed.shape(), reference.shape(), rows, null)?;
    let shape = |count: usize| [&[count], &reference.shape()[1..]].concat();
    let values = [reference.to_f64(), observed.to_f64()].concat();
    let width = reference.shape()[1..].iter().product::<usize>();
    let select = |rows: &[usize]| {
        let chosen = rows.iter().flat_map(|&row| values[row * width..(row + 1) * width].iter().copied()).collect();
        Array::f64(shape(rows.len()), chosen)
    };
    let distances = rows.iter().map(|rows| match null {
        NullSample::Bootstrap => distance(&select(rows)?, reference),
        NullSample::Permuted => distance(&select(rows)?, &select(&remaining(rows, m + n))?),
    });
    let distances = distances.collect::<Result<Vec<_>>>()?;
    Ok(BootstrapComparison::new(distance(observed, reference)?, distances))
}

/// [`bootstrap_comparison`] by the [`maximum_mean_discrepancy`](super::maximum_mean_discrepancy), with the same numbers up to
/// rounding. The kernel is evaluated once for each pair of rows: a null sample only picks entries of its matrix.
///
/// # Errors
/// As [`bootstrap_comparison`] and the discrepancy.
pub fn mmd_comparison(
    observed: &Array,
    reference: &Array,
    options: &MaximumMeanDiscrepancy,
    rows: &[Vec<usize>],
    null: NullSample,
) -> Result<BootstrapComparison> {
    let (m, n) = check(observed.shape(), reference.shape(), rows, null)?;
    let (x, y) = (Points::new("observed", observed)?, Points::new("reference", reference)?);
    options.check(&x, &y)?;
    let count = m + n;
    let row = |i: usize| if i < n { y.row(i) } else { x.row(i - n) };
    let mut matrix = vec![0.0; count * count];
    for i in 0..count {
        for j in 0..=i {
            let similarity = options.kernel.similarity(row(i), row(j));
            matrix[i * count + j] = similarity;
            matrix[j * count + i] = similarity;
        }
    }
    // Sums of each row over the columns below `end`.
    let sums = |end: usize| -> Vec<f64> { matrix.chunks_exact(count).map(|row| row[..end].iter().sum()).collect() };
    let (to_reference, to_all) = (sums(n), sums(count));
    let within_reference: f64 = to_reference[..n].iter().sum();
    let total: f64 = to_all.iter().sum();
    let within = |rows: &[usize]| -> f64 {
        rows.iter().map(|&i| rows.iter().map(|&j| matrix[i * count + j]).sum::<f64>()).sum()
    };
    let over = |sums: &[f64], rows: &[usize]| -> f64 { rows.iter().map(|&i| sums[i]).sum() };
    let against_reference = |rows: &[usize]| Sums {
        within_x: (within(rows), rows.len()),
        within_y: (within_reference, n),
        between: over(&to_reference, rows),
    };
    let distances = rows.iter().map(|rows| {
        options.estimate(&match null {
            NullSample::Bootstrap => against_reference(rows),
            NullSample::Permuted => {
                let (inside, touching) = (within(rows), over(&to_all, rows));
                Sums {
                    within_x: (inside, rows.len()),
                    within_y: (total - 2.0 * touching + inside, count - rows.len()),
                    between: touching - inside,
                }
            }
        })
    });
    let distances = distances.collect();
    let own: Vec<usize> = (n..count).collect();
    Ok(BootstrapComparison::new(options.estimate(&against_reference(&own)), distances))
}

/// Numbers of observed and of reference rows.
fn check(observed: &[usize], reference: &[usize], rows: &[Vec<usize>], null: NullSample) -> Result<(usize, usize)> {
    let (Some(&m), Some(&n)) = (observed.first(), reference.first()) else {
        return Err(Error::shape("bootstrap comparison", "a single number came; give arrays [rows, …]"));
    };
    if m == 0 || m > n || observed[1..] != reference[1..] {
        return Err(Error::shape(
            "bootstrap comparison",
            format!(
                "observed rows of the shape {observed:?} and reference rows of the shape {reference:?} came; give at least \
                 one observed row, no fewer reference rows, and rows of one shape"
            ),
        ));
    }
    let available = if null == NullSample::Permuted { m + n } else { n };
    let repeated = |sample: &[usize]| {
        let mut sorted = sample.to_vec();
        sorted.sort_unstable();
        sorted.windows(2).any(|pair| pair[0] == pair[1])
    };
    for (index, sample) in rows.iter().enumerate() {
        let unusable = null == NullSample::Permuted && (sample.len() >= available || repeated(sample));
        if sample.is_empty() || sample.iter().any(|&row| row >= available) || unusable {
            return Err(Error::argument(
                "null rows",
                format!(
                    "null sample {index} has {} rows; give at least one, indices below {available}, and for a permutation \
                     different ones that leave a rest",
                    sample.len()
                ),
            ));
        }
    }
    Ok((m, n))
}

fn remaining(rows: &[usize], count: usize) -> Vec<usize> {
    let mut taken = vec![false; count];
    rows.iter().for_each(|&row| taken[row] = true);
    (0..count).filter(|&row| !taken[row]).collect()
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use rand_distr::{Distribution, StandardNormal};

    use super::super::mmd::{Estimator, maximum_mean_discrepancy};
    use super::*;

    fn normals(key: Key, rows: usize, width: usize, shift: f64) -> Array {
        let mut stream = key.stream();
        let draw = |_| -> f64 { StandardNormal.sample(&mut stream) };
        Array::f64([rows, width], (0..rows * width).map(draw).map(|x: f64| x + shift).collect()).unwrap()
    }

    /// Picking entries of the kernel matrix gives what the distance function gives.
    #[test]
    fn the_fast_way_agrees() {
        let (observed, reference) = (normals(Key::new(1), 8, 3, 0.2), normals(Key::new(2), 30, 3, 0.0));
        for null in [NullSample::Permuted, NullSample::Bootstrap] {
            for estimator in [Estimator::Biased, Estimator::Unbiased] {
                let options = MaximumMeanDiscrepancy { estimator, ..Default::default() };
                let rows = null_rows(8, 30, 20, null, Key::new(3)).unwrap();
                let distance = |x: &Array, y: &Array| maximum_mean_discrepancy(x, y, &options);
                let slow = bootstrap_comparison(&observed, &reference, &distance, &rows, null).unwrap();
                let fast = mmd_comparison(&observed, &reference, &options, &rows, null).unwrap();
                assert_relative_eq!(slow.observed, fast.observed, epsilon = 1e-10);
                for (a, b) in slow.null.iter().zip(&fast.null) {
                    assert_relative_eq!(a, b, epsilon = 1e-10);
                }
                assert_eq!(slow.p_value, fast.p_value);
                let larger = fast.null.iter().filter(|&&d| d > fast.critical(0.25)).count();
                assert_eq!(larger, 5);
            }
        }
    }

    /// Same distribution: p-values are uniform with permutations, too small with the bootstrap; shifted observations are
    /// seen.
    #[test]
    fn level_and_power() {
        let options = MaximumMeanDiscrepancy::default();
        let rejected = |shift: f64, null: NullSample, repetitions: u64| {
            let small = (0..repetitions).filter(|&r| {
                let key = Key::new(4).at(r);
                let observed = normals(key.fork("observed"), 20, 2, shift);
                let reference = normals(key.fork("reference"), 60, 2, 0.0);
                let rows = null_rows(20, 60, 99, null, key.fork("rows")).unwrap();
                mmd_comparison(&observed, &reference, &options, &rows, null).unwrap().p_value <= 0.1
            });
            small.count() as f64 / repetitions as f64
        };
        let level = rejected(0.0, NullSample::Permuted, 300);
        assert!((0.04..0.16).contains(&level), "{level}");
        let whole = rejected(0.0, NullSample::Bootstrap, 300);
        assert!(whole > level, "{whole} {level}");
        assert!(rejected(1.0, NullSample::Permuted, 30) > 0.9);
    }

    #[test]
    fn rows_of_null_samples() {
        let rows = null_rows(4, 6, 50, NullSample::Permuted, Key::new(5)).unwrap();
        for sample in &rows {
            assert_eq!(remaining(sample, 10).len(), 6);
        }
        assert_eq!(rows, null_rows(4, 6, 50, NullSample::Permuted, Key::new(5)).unwrap());
        let whole = null_rows(6, 6, 50, NullSample::Bootstrap, Key::new(5)).unwrap();
        assert!(whole.iter().any(|sample| !remaining(sample, 6).is_empty()));
        let message = null_rows(7, 6, 50, NullSample::Permuted, Key::new(5)).unwrap_err().to_string();
        assert!(message.contains("no fewer reference rows"), "{message}");
        assert!(null_rows(1, 6, 0, NullSample::Bootstrap, Key::new(5)).is_err());
    }

    #[test]
    fn faults_are_named() {
        let reference = normals(Key::new(6), 5, 2, 0.0);
        let run = |observed: &Array, rows: &[Vec<usize>]| {
            let options = MaximumMeanDiscrepancy::default();
            mmd_comparison(observed, &reference, &options, rows, NullSample::Permuted).unwrap_err().to_string()
        };
        assert!(run(&normals(Key::new(7), 6, 2, 0.0), &[]).contains("no fewer reference rows"));
        assert!(run(&normals(Key::new(7), 2, 3, 0.0), &[]).contains("rows of one shape"));
        let observed = normals(Key::new(7), 2, 2, 0.0);
        for rows in [vec![7], vec![], vec![1, 1], vec![0, 1, 2, 3, 4, 5, 6]] {
            assert!(run(&observed, &[vec![0, 1], rows]).contains("null sample 1"));
        }
    }
}
