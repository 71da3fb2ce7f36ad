//! A Gaussian mean with a uniform prior.

use super::gaussian_linear::{around, log_around};
use super::*;

/// A Gaussian mean in a box: the posterior is the Gaussian around the observations, cut to the box.
///
/// ```text
/// θ ~ U(lower, upper)^D      x ~ N(θ, obs_scale² I), n_obs times
/// ```
///
/// `observables` `[datasets, D]`, or `[datasets, n_obs, D]`. To compare with sbibm's reference posteriors use the scale
/// `√0.1`, as for [`GaussianLinear`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianLinearUniform {
    /// Number of parameters.
    pub dimension: usize,
    /// Lower bound of the prior.
    pub lower_bound: f64,
    /// Upper bound of the prior.
    pub upper_bound: f64,
    /// Number of independent observations; without it one, without an axis of its own.
    pub n_obs: Option<usize>,
    /// Standard deviation of an observation.
    pub obs_scale: f64,
}

impl Default for GaussianLinearUniform {
    fn default() -> Self {
        GaussianLinearUniform { dimension: 10, lower_bound: -1.0, upper_bound: 1.0, n_obs: None, obs_scale: 0.1 }
    }
}

impl Simulator for GaussianLinearUniform {
    fn name(&self) -> &str {
        "gaussian-linear-uniform"
    }

    fn description(&self) -> &str {
        "Gaussian mean with a uniform prior: ten parameters, posterior a truncated Gaussian"
    }

    fn variables(&self) -> Vec<Variable> {
        let kind = if self.n_obs.is_some() { Kind::Set } else { Kind::Vector };
        variables(Some((self.lower_bound, self.upper_bound)), kind)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        check_count("dimension", self.dimension)?;
        check_bounds(self.lower_bound, self.upper_bound)?;
        check_scale("obs_scale", self.obs_scale)?;
        check_count("n_obs", self.n_obs.unwrap_or(1))?;
        let prior =
            |rng: &mut Stream| (0..self.dimension).map(|_| uniform(rng, self.lower_bound, self.upper_bound)).collect();
        sample(self.name(), request, prior, |rng, theta| around(rng, theta, self.n_obs, self.obs_scale))
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, self.dimension, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        let size = self.dimension * self.n_obs.unwrap_or(1);
        log_likelihoods(record, self.dimension, size, |theta, x| Ok(log_around(theta, x, self.obs_scale)))
    }
}
