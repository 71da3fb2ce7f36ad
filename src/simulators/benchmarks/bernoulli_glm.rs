//! A generalised linear model for spikes, summarised.

use super::*;
use crate::math::sigmoid;

/// Length of the filter.
pub(super) const FILTER: usize = 9;

/// A generalised linear model with Bernoulli observations: an offset and a smooth filter of nine steps.
///
/// ```text
/// θ = (β, f)    β ~ N(0, 2²)    f ~ N(0, (FᵀF)⁻¹),  F = D² + diag(√(i/9)),  D the differences of neighbours
/// V ~ N(0, 1), nine rows of T numbers, anew for each data set      z_t ~ Bernoulli(σ(β + f · V_t))
/// x = (Σ_t z_t, V z), divided by T with scale_by_T
/// ```
///
/// `observables` `[datasets, 10]`. The reference benchmark has one fixed design, an offset of variance 2 and no division:
/// `sbibm-bernoulli-glm`. (There is no closed form for the density of the sums.) Gonçalves et al. 2020.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BernoulliGlm {
    /// Number T of observations that are summed.
    pub trials: usize,
    /// Means instead of sums; turn it off when the number of observations varies in training.
    pub scale_by_trials: bool,
}

impl Default for BernoulliGlm {
    fn default() -> Self {
        BernoulliGlm { trials: 100, scale_by_trials: true }
    }
}

impl Simulator for BernoulliGlm {
    fn name(&self) -> &str {
        "bernoulli-glm"
    }

    fn description(&self) -> &str {
        "Bernoulli generalised linear model: offset and smooth filter of nine steps from ten summaries"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        check_count("trials", self.trials)?;
        let unit = if self.scale_by_trials { 1.0 / self.trials as f64 } else { 1.0 };
        let prior = |rng: &mut Stream| SmoothnessPrior::PEER.draw(rng);
        sample(self.name(), request, prior, |rng, theta| {
            let mut sums = vec![0.0; 1 + FILTER];
            for _ in 0..self.trials {
                let (response, design) = trial(rng, theta);
                if response {
                    sums[0] += 1.0;
                    sums[1..].iter_mut().zip(design).for_each(|(sum, v)| *sum += v);
                }
            }
            sums.iter_mut().for_each(|sum| *sum *= unit);
            sums.into()
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 1 + FILTER, |theta| SmoothnessPrior::PEER.log_density(theta))
    }
}

/// One observation with its design.
pub(super) fn trial(rng: &mut Stream, theta: &[f64]) -> (bool, [f64; FILTER]) {
    let design: [f64; FILTER] = std::array::from_fn(|_| normal(rng));
    let linear = theta[0] + design.iter().zip(&theta[1..]).map(|(v, f)| v * f).sum::<f64>();
    (rng.random::<f64>() < sigmoid(linear), design)
}

/// Offset and filter: the second differences of the filter are small.
pub(in crate::simulators) struct SmoothnessPrior {
    /// Standard deviation of the offset.
    pub offset: f64,
}

impl SmoothnessPrior {
    /// The prior of the peer; the reference benchmark has the variance 2.
    pub(in crate::simulators) const PEER: SmoothnessPrior = SmoothnessPrior { offset: 2.0 };

    /// The entry (i, i) of F; (i, i − 1) is −2 and (i, i − 2) is 1.
    fn diagonal(i: usize) -> f64 {
        1.0 + (i as f64 / FILTER as f64).sqrt()
    }

    /// A draw: `F f = z` is solved from the top.
    pub(in crate::simulators) fn draw(&self, rng: &mut Stream) -> Vec<f64> {
        let mut theta = vec![self.offset * normal(rng)];
        for i in 0..FILTER {
            let above = |back: usize| if i >= back { theta[1 + i - back] } else { 0.0 };
            let value = (normal(rng) + 2.0 * above(1) - above(2)) / Self::diagonal(i);
            theta.push(value);
        }
        theta
    }

    pub(in crate::simulators) fn log_density(&self, theta: &[f64]) -> f64 {
        let filter = &theta[1..];
        let above = |i: usize, back: usize| if i >= back { filter[i - back] } else { 0.0 };
        let row = |i: usize| {
            let z = Self::diagonal(i) * filter[i] - 2.0 * above(i, 1) + above(i, 2);
            log_gaussian(z, 0.0, 1.0) + Self::diagonal(i).ln()
        };
        log_gaussian(theta[0], 0.0, self.offset) + (0..FILTER).map(row).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    /// The covariance `(FᵀF)⁻¹` in digits, from 100 000 draws within five standard errors.
    #[test]
    fn covariance_of_the_filter() {
        let expected = [1.0, 2.8125, 3.348681, 2.408910, 1.479506, 1.210962, 1.143209, 0.961587, 0.774908];
        let count = 100_000;
        let draws: Vec<Vec<f64>> =
            (0..count).map(|i| SmoothnessPrior::PEER.draw(&mut Key::new(1).at(i).stream())).collect();
        let moment = |i: usize, j: usize| draws.iter().map(|d| d[i + 1] * d[j + 1]).sum::<f64>() / count as f64;
        for (i, &variance) in expected.iter().enumerate() {
            let bound = 5.0 * (2.0 / count as f64).sqrt();
            assert!((moment(i, i) / variance - 1.0).abs() < bound, "{i}: {} for {variance}", moment(i, i));
        }
        for (i, j, covariance) in [(0, 1, 1.5), (0, 2, 1.359246), (1, 2, 2.803444)] {
            assert!((moment(i, j) - covariance).abs() < 0.05, "{i} {j}: {} for {covariance}", moment(i, j));
        }
        let offset = draws.iter().map(|d| d[0] * d[0]).sum::<f64>() / count as f64;
        assert!((offset / 4.0 - 1.0).abs() < 0.03, "{offset}");
    }

    /// The mean of −log p is the entropy, ½ k (1 + ln 2π) + ½ ln det of the covariance.
    #[test]
    fn density_has_the_entropy_of_the_gaussian() {
        let count = 20_000;
        let mean = (0..count)
            .map(|i| SmoothnessPrior::PEER.draw(&mut Key::new(2).at(i).stream()))
            .map(|theta| SmoothnessPrior::PEER.log_density(&theta))
            .sum::<f64>()
            / count as f64;
        let log_det: f64 = (0..FILTER).map(|i| -2.0 * SmoothnessPrior::diagonal(i).ln()).sum::<f64>() + 4f64.ln();
        let entropy = 5.0 * (1.0 + (2.0 * std::f64::consts::PI).ln()) + 0.5 * log_det;
        assert!((mean + entropy).abs() < 5.0 * (5.0 / count as f64).sqrt(), "{mean} {entropy}");
    }
}
