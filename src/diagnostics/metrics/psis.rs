//! Pareto smoothed importance sampling: weights that can be trusted, or a number that says that they cannot (Vehtari,
//! Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance sampling").

use rand::RngExt;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::math::log_sum_exp;
use crate::random::Key;

/// Fewest weights above the cutoff that a generalised Pareto distribution is fitted to.
const LEAST_TAIL: usize = 5;

/// No more than this share of the draws is tail.
const TAIL_SHARE: f64 = 0.2;

/// k̂ is pulled towards ½ by a prior that weighs as much as this many draws of the tail.
const PRIOR_DRAWS: f64 = 10.0;

/// k̂ from which on no practical number of draws is enough.
pub const K_HAT_LIMIT: f64 = 0.7;

/// Smoothed importance weights and what they can be relied on for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Psis {
    /// Smoothed log weights, normalised: their exponentials sum to 1. −∞ for a draw without weight.
    pub log_weights: Vec<f64>,
    /// Estimated shape k̂ of the tail of the weights: moments of order up to 1/k exist. −∞ when the largest weights are all
    /// equal, so that there is no tail; +∞ when fewer than five weights stand out, too few for an estimate.
    pub k_hat: f64,
    /// The largest k̂ that so many draws are enough for: `min(1 − 1/log₁₀ S, 0.7)`.
    pub threshold: f64,
    /// How many draws of equal weight say as much: `1 / Σ w²`.
    pub effective_draws: f64,
    /// Log of the mean weight, `ln (1/S) Σ wₛ` of the smoothed weights as they came: the log evidence if a weight is prior ×
    /// likelihood ÷ density of the draw.
    pub log_mean_weight: f64,
    /// Monte Carlo standard error of [`log_mean_weight`](Self::log_mean_weight), `√((S Σ w² − 1) / (S − 1))` of the
    /// normalised weights; too small when k̂ is above the threshold, NaN for a single draw.
    pub log_mean_weight_error: f64,
}

/// Smooths the largest importance weights.
///
/// The largest `⌈min(S/5, 3√S)⌉` of S weights are replaced by the quantiles `(j − ½)/M` of a generalised Pareto
/// distribution that is fitted to their excess over the next smaller weight, and cut off at the largest weight that came.
/// The fit is that of Zhang and Stephens (2009, "A new and efficient estimation method for the generalized Pareto
/// distribution") with a weak prior for k. `log_weights` need no normalisation; −∞ is a draw without weight. Weights that
/// equal the cutoff are not tail. Without five weights above it nothing is smoothed, see [`Psis::k_hat`].
///
/// # Errors
/// No weights, NaN or +∞ among them, or none above −∞.
pub fn psis(log_weights: &[f64]) -> Result<Psis> {
    if let Some(at) = log_weights.iter().position(|w| w.is_nan() || *w == f64::INFINITY) {
        return Err(Error::value(
            "log_weights",
            format!(
                "draw {at} has the log weight {}; weights are finite or −∞ for none: find out which density is NaN or \
                 infinite there, or leave this draw out",
                log_weights[at]
            ),
        ));
    }
    let largest = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return Err(Error::argument(
            "log_weights",
            format!(
                "none of {} draws has a weight above zero; give draws that overlap the distribution they shall represent",
                log_weights.len()
            ),
        ));
    }
    let count = log_weights.len() as f64;
    let mut smoothed: Vec<f64> = log_weights.iter().map(|w| w - largest).collect();
    let k_hat = smooth(&mut smoothed);
    let total = log_sum_exp(&smoothed);
    smoothed.iter_mut().for_each(|w| *w -= total);
    let squares: f64 = smoothed.iter().map(|w| (2.0 * w).exp()).sum();
    Ok(Psis {
        log_weights: smoothed,
        k_hat,
        threshold: (1.0 - 1.0 / count.log10()).min(K_HAT_LIMIT),
        effective_draws: 1.0 / squares,
        log_mean_weight: largest + total - count.ln(),
        log_mean_weight_error: ((count * squares - 1.0).max(0.0) / (count - 1.0)).sqrt(),
    })
}

/// Smooths the tail of log weights whose largest is 0, and gives k̂.
fn smooth(log_weights: &mut [f64]) -> f64 {
    let count = log_weights.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&a, &b| log_weights[a].total_cmp(&log_weights[b]));
    let length = (TAIL_SHARE * count as f64).min(3.0 * (count as f64).sqrt()).ceil() as usize;
    if length < LEAST_TAIL {
        return f64::INFINITY;
    }
    let cutoff = log_weights[order[count - length - 1]];
    if cutoff == 0.0 {
        return f64::NEG_INFINITY;
    }
    let tail: Vec<usize> = order.into_iter().filter(|&s| log_weights[s] > cutoff).collect();
    if tail.len() < LEAST_TAIL {
        return f64::INFINITY;
    }
    // exp(w) − exp(cutoff) without cancellation; the cutoff is −∞ when few draws have a weight.
    let excess = |w: f64| if cutoff == f64::NEG_INFINITY { w.exp() } else { cutoff.exp() * (w - cutoff).exp_m1() };
    let excesses: Vec<f64> = tail.iter().map(|&s| excess(log_weights[s])).collect();
    let Some((k, sigma)) = generalised_pareto(&excesses) else { return f64::INFINITY };
    for (j, &s) in tail.iter().enumerate() {
        let p = (j as f64 + 0.5) / tail.len() as f64;
        let quantile = if k.abs() < 1e-12 { -(-p).ln_1p() } else { (-k * (-p).ln_1p()).exp_m1() / k };
        log_weights[s] = (cutoff.exp() + sigma * quantile).ln().min(0.0);
    }
    k
}

/// Shape k and scale σ of a generalised Pareto distribution of positive ascending values, `F(x) = 1 − (1 + k x/σ)^(−1/k)`.
/// `None` when the values leave no finite estimate.
fn generalised_pareto(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let quartile = values[((count / 4.0 + 0.5) as usize).max(1) - 1];
    let largest = *values.last()?;
    let points = 30 + count.sqrt() as usize;
    // The profile likelihood of b = −k/σ on a grid; its mean under the likelihood is the estimate.
    let shape = |b: f64| values.iter().map(|x| (-b * x).ln_1p()).sum::<f64>() / count;
    let grid: Vec<f64> = (1..=points)
        .map(|j| 1.0 / largest + (1.0 - (points as f64 / (j as f64 - 0.5)).sqrt()) / (3.0 * quartile))
        .collect();
    let likelihood: Vec<f64> = grid
        .iter()
        .map(|&b| {
            let k = shape(b);
            count * ((-b / k).ln() - k - 1.0)
        })
        .collect();
    let best = likelihood.iter().copied().filter(|l| l.is_finite()).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (&b, &l) in grid.iter().zip(&likelihood).filter(|(_, l)| l.is_finite()) {
        sum += (l - best).exp();
        weighted += b * (l - best).exp();
    }
    let b = weighted / sum;
    let k = shape(b);
    let sigma = -k / b;
    let k = (count * k + 0.5 * PRIOR_DRAWS) / (count + PRIOR_DRAWS);
    (k.is_finite() && sigma.is_finite() && sigma > 0.0).then_some((k, sigma))
}

impl Psis {
    /// Whether k̂ is at most the threshold.
    pub fn is_reliable(&self) -> bool {
        self.k_hat <= self.threshold
    }

    /// Whether the weights can be relied on, and what to do if not.
    pub fn sentence(&self) -> String {
        let (count, effective) = (self.log_weights.len(), self.effective_draws);
        let worth = format!("{count} draws are worth {effective:.0} of equal weight");
        if self.k_hat == f64::INFINITY {
            return format!(
                "Not reliable: {count} draws leave fewer than five large weights, too few to see their tail; take more draws."
            );
        }
        if self.k_hat == f64::NEG_INFINITY {
            return format!("Reliable: the largest weights are equal; {worth}.");
        }
        let (k, threshold) = (self.k_hat, self.threshold);
        if self.is_reliable() {
            format!("Reliable: k-hat {k:.2} is at most {threshold:.2}; {worth}.")
        } else if k <= K_HAT_LIMIT {
            format!(
                "Not reliable: k-hat {k:.2} is above {threshold:.2}, the most that {count} draws are enough for; take more \
                 draws."
            )
        } else {
            format!(
                "Not reliable: k-hat {k:.2} is above {threshold:.2}, a few draws outweigh all others, whose number does not \
                 help; bring the distribution that the draws come from nearer to the target."
            )
        }
    }

    /// Indices of `count` draws with replacement, each with the probability of its weight, independent of each other.
    pub fn resample(&self, count: usize, key: Key) -> Vec<usize> {
        let cumulative: Vec<f64> = self
            .log_weights
            .iter()
            .scan(0.0, |sum, w| {
                *sum += w.exp();
                Some(*sum)
            })
            .collect();
        let total = cumulative.last().copied().unwrap_or(0.0);
        let mut stream = key.stream();
        // The first sum above the number: draws without weight are passed over, and rounding cannot lead beyond the last.
        let pick = |u: f64| cumulative.partition_point(|&sum| sum <= u * total).min(cumulative.len() - 1);
        (0..count).map(|_| pick(stream.random::<f64>())).collect()
    }

    /// Indices of `count` different draws in the order in which they are taken, each with the probability of its weight
    /// among those that are left (Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir").
    ///
    /// # Errors
    /// Fewer than `count` draws have a weight.
    pub fn resample_without_replacement(&self, count: usize, key: Key) -> Result<Vec<usize>> {
        let mut stream = key.stream();
        // The largest sums of log weight and Gumbel noise.
        let mut keyed: Vec<(f64, usize)> = self
            .log_weights
            .iter()
            .enumerate()
            .map(|(s, w)| (w - (-(1.0 - stream.random::<f64>()).ln()).ln(), s))
            .filter(|(sum, _)| *sum > f64::NEG_INFINITY)
            .collect();
        if count > keyed.len() {
            return Err(Error::argument(
                "count",
                format!(
                    "{count} different draws were asked for, {} have a weight; ask for fewer or draw with replacement",
                    keyed.len()
                ),
            ));
        }
        keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(keyed.into_iter().take(count).map(|(_, s)| s).collect())
    }
}

#[cfg(test)]
mod tests {
    use approx::{assert_abs_diff_eq, assert_relative_eq};
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::math::{mean, variance};

    fn uniforms(seed: u64, count: usize) -> Vec<f64> {
        let mut stream = Key::new(seed).stream();
        (0..count).map(|_| stream.random::<f64>()).collect()
    }

    /// Weights `(1 − u)^(−k)` have exact Pareto tails of shape k.
    #[test]
    fn known_tails() {
        for k in [0.2, 0.5, 0.9] {
            let estimates: Vec<f64> = (0..20)
                .map(|seed| {
                    let weights: Vec<f64> = uniforms(seed, 10_000).iter().map(|u| -k * (-u).ln_1p()).collect();
                    psis(&weights).unwrap().k_hat
                })
                .collect();
            assert_abs_diff_eq!(mean(&estimates), k, epsilon = 0.05);
            assert!(variance(&estimates, 1).sqrt() < 0.12);
        }
        // A tail that is cut off evenly has a negative shape, an exponential one zero.
        let weights: Vec<f64> = uniforms(1, 10_000).iter().map(|u| u.ln()).collect();
        assert!(psis(&weights).unwrap().k_hat < -0.5);
        let weights: Vec<f64> = uniforms(2, 10_000).iter().map(|u| (-(-u).ln_1p()).ln()).collect();
        assert_abs_diff_eq!(psis(&weights).unwrap().k_hat, 0.0, epsilon = 0.15);
    }

    /// θ ~ N(0, 1), y ~ N(θ, 1): the evidence is the density of N(0, 2) at y, and the stated error is the actual one.
    #[test]
    fn evidence_of_a_normal_model() {
        let (y, spread) = (1.3, 1.4 * 0.5f64.sqrt());
        let log_normal = |x: f64, mean: f64, sd: f64| {
            -0.5 * ((x - mean) / sd).powi(2) - sd.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
        };
        let exact = log_normal(y, 0.0, 2f64.sqrt());
        let results: Vec<Psis> = (0..100)
            .map(|seed| {
                let mut stream = Key::new(seed).stream();
                let weights: Vec<f64> = (0..1000)
                    .map(|_| {
                        let normal: f64 = StandardNormal.sample(&mut stream);
                        let theta = 0.5 * y + spread * normal;
                        log_normal(theta, 0.0, 1.0) + log_normal(y, theta, 1.0) - log_normal(theta, 0.5 * y, spread)
                    })
                    .collect();
                psis(&weights).unwrap()
            })
            .collect();
        let estimates: Vec<f64> = results.iter().map(|r| r.log_mean_weight).collect();
        let errors: Vec<f64> = results.iter().map(|r| r.log_mean_weight_error).collect();
        let actual = variance(&estimates, 1).sqrt();
        assert_abs_diff_eq!(mean(&estimates), exact, epsilon = 4.0 * actual / 10.0);
        assert_relative_eq!(mean(&errors), actual, max_relative = 0.25);
        assert!(results.iter().all(Psis::is_reliable));
        assert!(results[0].sentence().starts_with("Reliable"), "{}", results[0].sentence());
    }

    #[test]
    fn smoothed_weights_are_normalised_and_keep_their_order() {
        let weights: Vec<f64> = uniforms(3, 1000).iter().map(|u| 100.0 - 0.8 * (-u).ln_1p()).collect();
        let result = psis(&weights).unwrap();
        assert_abs_diff_eq!(result.log_weights.iter().map(|w| w.exp()).sum::<f64>(), 1.0, epsilon = 1e-12);
        let mut order: Vec<usize> = (0..1000).collect();
        order.sort_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        assert!(order.windows(2).all(|w| result.log_weights[w[0]] <= result.log_weights[w[1]]));
        assert_relative_eq!(result.threshold, 1.0 - 1.0 / 3.0, epsilon = 1e-12);
        assert!(!result.is_reliable() && result.sentence().contains("nearer to the target"), "{}", result.sentence());
        let moved: Vec<f64> = weights.iter().map(|w| w - 500.0).collect();
        assert_relative_eq!(psis(&moved).unwrap().log_mean_weight, result.log_mean_weight - 500.0, epsilon = 1e-9);
    }

    #[test]
    fn equal_few_and_missing_weights() {
        let equal = psis(&[-3.0; 400]).unwrap();
        assert_eq!(equal.k_hat, f64::NEG_INFINITY);
        assert_abs_diff_eq!(equal.log_mean_weight_error, 0.0, epsilon = 1e-7);
        assert_relative_eq!(equal.effective_draws, 400.0, max_relative = 1e-12);
        assert!(equal.is_reliable() && equal.sentence().contains("are equal"));
        // Ties at the top: fewer than five weights stand out of a sea of equal ones.
        let mut tied = vec![0.0; 400];
        tied[..4].copy_from_slice(&[1.0, 1.0, 2.0, 3.0]);
        assert_eq!(psis(&tied).unwrap().k_hat, f64::INFINITY);
        tied[4..70].fill(1.0);
        assert_eq!(psis(&tied).unwrap().k_hat, f64::INFINITY);
        let few = psis(&[0.0, 1.0, 2.0]).unwrap();
        assert!(few.k_hat == f64::INFINITY && few.sentence().contains("take more draws"));
        assert!(!psis(&[0.5]).unwrap().is_reliable() && psis(&[0.5]).unwrap().log_mean_weight_error.is_nan());
        // Draws without weight count as draws and stay without weight.
        let mut half: Vec<f64> = uniforms(4, 1000).iter().map(|u| -0.3 * (-u).ln_1p()).collect();
        let whole = psis(&half[..500]).unwrap();
        half[500..].fill(f64::NEG_INFINITY);
        let half = psis(&half).unwrap();
        assert_eq!(half.log_weights[700], f64::NEG_INFINITY);
        assert_abs_diff_eq!(half.log_mean_weight, whole.log_mean_weight - 2f64.ln(), epsilon = 0.02);
        let mut nearly_none = vec![f64::NEG_INFINITY; 400];
        nearly_none[..10].copy_from_slice(&[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]);
        assert!(psis(&nearly_none).unwrap().log_weights[..10].iter().all(|w| w.is_finite()));
    }

    #[test]
    fn resampling_follows_the_weights() {
        let result = psis(&[0.0, 1f64.ln(), 2f64.ln(), f64::NEG_INFINITY, 4f64.ln()]).unwrap();
        let drawn = result.resample(20_000, Key::new(5));
        for (s, expected) in [0.125, 0.125, 0.25, 0.0, 0.5].into_iter().enumerate() {
            let share = drawn.iter().filter(|&&d| d == s).count() as f64 / 20_000.0;
            assert_abs_diff_eq!(share, expected, epsilon = 0.015);
        }
        assert_eq!(drawn, result.resample(20_000, Key::new(5)));
        let firsts = (0..4000).filter(|&seed| {
            let taken = result.resample_without_replacement(4, Key::new(6).at(seed)).unwrap();
            let mut sorted = taken.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 4]);
            taken[0] == 4
        });
        assert_abs_diff_eq!(firsts.count() as f64 / 4000.0, 0.5, epsilon = 0.04);
        let message = result.resample_without_replacement(5, Key::new(6)).unwrap_err().to_string();
        assert!(message.contains("4 have a weight"), "{message}");
    }

    #[test]
    fn faults_are_named() {
        let message = |weights: &[f64]| psis(weights).unwrap_err().to_string();
        assert!(message(&[0.0, f64::NAN]).contains("draw 1 has the log weight NaN"));
        assert!(message(&[f64::INFINITY]).contains("draw 0"));
        assert!(message(&[]).contains("none of 0 draws") && message(&[f64::NEG_INFINITY]).contains("none of 1 draws"));
    }
}
