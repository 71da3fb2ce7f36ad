//! The maximum mean discrepancy: how far two samples are from being of one distribution.
//!
//! ```text
//! MMD²(x, y) = mean k(xᵢ, xⱼ) + mean k(yᵢ, yⱼ) − 2 mean k(xᵢ, yⱼ)
//! ```
//!
//! Gretton et al. 2012, "A kernel two-sample test". It is the square, without a root, and differentiable: a loss that gives
//! summaries a known distribution (Schmitt et al. 2021, arXiv:2112.08866).

use serde::{Deserialize, Serialize};

use crate::autodiff::Var;
use crate::error::Error;
use crate::math::{KERNEL_SCALES, PairKernel};

/// Which pairs of a sample with itself count, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairEstimator {
    /// All pairs, each point with itself too: never negative, on average too large.
    #[default]
    Biased,
    /// The pairs of different points: right on average, at times negative (Gretton et al. 2012, lemma 6).
    Unbiased,
    /// What the peer calls unbiased: `Σ k(x, x)/(m(m + 1)) + Σ k(y, y)/(n(n + 1)) − 4/(mn) Σ k(x, y)`. It estimates nothing and is
    /// here to compare with.
    PeerUnbiased,
}

/// `MMD²` of the points `x` `[m, D]` and `y` `[n, D]` over all pairs, a scalar.
pub fn maximum_mean_discrepancy<'t>(x: Var<'t>, y: Var<'t>, kernel: PairKernel) -> Var<'t> {
    maximum_mean_discrepancy_by(x, y, kernel, PairEstimator::Biased)
}

/// [`maximum_mean_discrepancy`] by another estimator. An unbiased one needs two points in each sample.
pub fn maximum_mean_discrepancy_by<'t>(
    x: Var<'t>,
    y: Var<'t>,
    kernel: PairKernel,
    estimator: PairEstimator,
) -> Var<'t> {
    let within = |sample: Var<'t>| {
        let (count, mean) = (sample.shape().rows() as f64, sample.kernel_mean(sample, kernel));
        match estimator {
            PairEstimator::Biased => mean,
            // Each point with itself has the largest value, the number of scales.
            PairEstimator::Unbiased => {
                mean.affine(count / (count - 1.0), -(KERNEL_SCALES.len() as f64) / (count - 1.0))
            }
            PairEstimator::PeerUnbiased => mean * (count / (count + 1.0)),
        }
    };
    let fewest = if estimator == PairEstimator::Unbiased { 2 } else { 1 };
    for (name, sample) in [("x", x), ("y", y)] {
        let shape = sample.shape();
        if shape.rank() == 2 && shape.rows() < fewest {
            let message = format!("has {} points; the {estimator:?} discrepancy needs at least {fewest}", shape.rows());
            return x.tape().fail(Error::shape(name, message.to_lowercase()));
        }
    }
    let across = if estimator == PairEstimator::PeerUnbiased { 4.0 } else { 2.0 };
    within(x) + within(y) - x.kernel_mean(y, kernel) * across
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::random::Key;
    use crate::tensor::Tensor;
    use rand_distr::{Distribution, StandardNormal};

    fn points(key: Key, count: usize, shift: f64) -> Vec<f32> {
        let mut stream = key.stream();
        let mut normal = || -> f64 { StandardNormal.sample(&mut stream) };
        (0..2 * count).map(|_| (normal() + shift) as f32).collect()
    }

    fn value(x: &[f32], y: &[f32], kernel: PairKernel, estimator: PairEstimator) -> f64 {
        let tape = Tape::new(&Device::cpu());
        let [x, y] = [x, y].map(|v| tape.values([v.len() / 2, 2], v));
        f64::from(maximum_mean_discrepancy_by(x, y, kernel, estimator).value().unwrap().values().unwrap()[0])
    }

    #[test]
    fn the_unbiased_estimate_is_zero_on_average_for_one_distribution() {
        let key = Key::new(1);
        for &kernel in PairKernel::ALL {
            let mean = |estimator, shift| -> f64 {
                let one =
                    |i| value(&points(key.at(i), 10, 0.0), &points(key.at(1000 + i), 15, shift), kernel, estimator);
                (0..400).map(one).sum::<f64>() / 400.0
            };
            let (unbiased, biased) = (mean(PairEstimator::Unbiased, 0.0), mean(PairEstimator::Biased, 0.0));
            assert!(unbiased.abs() < 0.05, "{kernel:?}: {unbiased}");
            assert!(biased > 0.5, "{kernel:?}: {biased}");
            let apart = mean(PairEstimator::Unbiased, 1.0);
            assert!(apart > unbiased + 0.1, "{kernel:?}: {apart} for samples of different distributions");
        }
    }

    #[test]
    fn a_sample_is_no_distance_from_itself_and_feels_no_force() {
        let device = Device::cpu();
        for &kernel in PairKernel::ALL {
            let tape = Tape::new(&device);
            let x = tape.input(Tensor::from_values(&device, [20, 2], &points(Key::new(2), 20, 0.0)).unwrap());
            let discrepancy = maximum_mean_discrepancy(x, x, kernel);
            tape.backward(discrepancy).unwrap();
            assert!(discrepancy.value().unwrap().values().unwrap()[0].abs() < 1e-5);
            let gradient = tape.gradient(x).unwrap().values().unwrap();
            assert!(gradient.iter().all(|g| g.abs() < 1e-3), "{kernel:?}: {gradient:?}");
        }
    }

    #[test]
    fn too_few_points_are_refused() {
        let tape = Tape::new(&Device::cpu());
        let (one, two) = (tape.values([1, 1], &[0.5]), tape.values([2, 1], &[0.5, 1.0]));
        assert!(maximum_mean_discrepancy(one, two, PairKernel::default()).value().is_ok());
        let refused = maximum_mean_discrepancy_by(one, two, PairKernel::default(), PairEstimator::Unbiased);
        assert!(refused.value().unwrap_err().to_string().contains("x: has 1 points"));
    }
}
