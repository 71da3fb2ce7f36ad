//! A Gaussian mean with a Gaussian prior.

use super::*;

/// A conjugate model whose posterior is known.
///
/// ```text
/// θ ~ N(0, prior_scale² I)      x ~ N(θ, obs_scale² I), n_obs times
/// ```
///
/// `observables` `[datasets, D]`, or `[datasets, n_obs, D]`. For one observation the posterior is normal with mean
/// `x a²/(a² + s²)` and variance `a² s²/(a² + s²)`, where a is the prior's scale and s the observation's.
///
/// The code of the reference benchmark (sbibm 1.1) has the *variance* 0.1 where the peer has the standard deviation 0.1:
/// use `√0.1` for both scales to compare with its reference posteriors.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianLinear {
    /// Number of parameters.
    pub dimension: usize,
    /// Standard deviation of the prior.
    pub prior_scale: f64,
    /// Number of independent observations; without it one, without an axis of its own.
    pub n_obs: Option<usize>,
    /// Standard deviation of an observation.
    pub obs_scale: f64,
}

impl Default for GaussianLinear {
    fn default() -> Self {
        GaussianLinear { dimension: 10, prior_scale: 0.1, n_obs: None, obs_scale: 0.1 }
    }
}

impl Simulator for GaussianLinear {
    fn name(&self) -> &str {
        "gaussian-linear"
    }

    fn description(&self) -> &str {
        "Gaussian mean with a Gaussian prior: ten parameters, posterior known"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, if self.n_obs.is_some() { Kind::Set } else { Kind::Vector })
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        check_count("dimension", self.dimension)?;
        check_scale("prior_scale", self.prior_scale)?;
        check_scale("obs_scale", self.obs_scale)?;
        check_count("n_obs", self.n_obs.unwrap_or(1))?;
        let prior = |rng: &mut Stream| (0..self.dimension).map(|_| self.prior_scale * normal(rng)).collect();
        sample(self.name(), request, prior, |rng, theta| around(rng, theta, self.n_obs, self.obs_scale))
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, self.dimension, |theta| log_normal(theta, |_| self.prior_scale))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        let size = self.dimension * self.n_obs.unwrap_or(1);
        log_likelihoods(record, self.dimension, size, |theta, x| Ok(log_around(theta, x, self.obs_scale)))
    }
}

/// Observations around a mean: `[D]`, or `[n_obs, D]`.
pub(super) fn around(rng: &mut Stream, mean: &[f64], n_obs: Option<usize>, scale: f64) -> Value {
    let values = (0..n_obs.unwrap_or(1)).flat_map(|_| mean).map(|m| m + scale * normal(rng)).collect();
    rows(values, mean.len(), n_obs.is_none())
}

/// Log-density of observations around a mean.
pub(super) fn log_around(mean: &[f64], x: &[f64], scale: f64) -> f64 {
    x.chunks(mean.len()).flat_map(|row| row.iter().zip(mean)).map(|(&x, &m)| log_gaussian(x, m, scale)).sum()
}
