//! A mean observed through a wide or a narrow Gaussian.

use super::*;
use crate::math::log_sum_exp;

/// Two scales of noise around one mean.
///
/// ```text
/// θ ~ U(lower, upper)^D      x ~ N(θ, s² I),   s = scale_c2 with probability prob, else scale_c1
/// ```
///
/// `observables` `[datasets, D]`. Sisson et al. 2007.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianMixture {
    /// Number of parameters.
    pub dimension: usize,
    /// Lower bound of the prior.
    pub lower_bound: f64,
    /// Upper bound of the prior.
    pub upper_bound: f64,
    /// Probability of the second scale.
    pub prob: f64,
    /// The first standard deviation.
    pub scale_c1: f64,
    /// The second standard deviation.
    pub scale_c2: f64,
}

impl Default for GaussianMixture {
    fn default() -> Self {
        GaussianMixture { dimension: 2, lower_bound: -10.0, upper_bound: 10.0, prob: 0.5, scale_c1: 1.0, scale_c2: 0.1 }
    }
}

impl Simulator for GaussianMixture {
    fn name(&self) -> &str {
        "gaussian-mixture"
    }

    fn description(&self) -> &str {
        "Gaussian mixture: the mean of two Gaussians of very different width"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(Some((self.lower_bound, self.upper_bound)), Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        check_count("dimension", self.dimension)?;
        check_bounds(self.lower_bound, self.upper_bound)?;
        check_scale("scale_c1", self.scale_c1)?;
        check_scale("scale_c2", self.scale_c2)?;
        if !(0.0..=1.0).contains(&self.prob) {
            return Err(Error::argument("prob", format!("{} was given; use a probability", self.prob)));
        }
        let prior =
            |rng: &mut Stream| (0..self.dimension).map(|_| uniform(rng, self.lower_bound, self.upper_bound)).collect();
        sample(self.name(), request, prior, |rng, theta| {
            let scale = if rng.random::<f64>() < self.prob { self.scale_c2 } else { self.scale_c1 };
            theta.iter().map(|t| t + scale * normal(rng)).collect::<Vec<_>>().into()
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, self.dimension, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        log_likelihoods(record, self.dimension, self.dimension, |theta, x| {
            let component = |weight: f64, scale: f64| {
                weight.ln() + x.iter().zip(theta).map(|(&x, &t)| log_gaussian(x, t, scale)).sum::<f64>()
            };
            Ok(log_sum_exp(&[component(1.0 - self.prob, self.scale_c1), component(self.prob, self.scale_c2)]))
        })
    }
}
