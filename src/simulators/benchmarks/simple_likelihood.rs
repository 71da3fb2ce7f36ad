//! Simple likelihood, complex posterior.

use super::*;

/// A bivariate Gaussian whose parameters enter through squares (SLCP).
///
/// ```text
/// θ ~ U(lower, upper)⁵   m = (θ₀, θ₁)   s₁ = θ₂²   s₂ = θ₃²   ρ = tanh θ₄
/// x ~ N(m, [[s₁², ρ s₁ s₂], [ρ s₁ s₂, s₂²]]), n_obs times
/// ```
///
/// `observables` `[datasets, 2 n_obs]`, row-major, or `[datasets, n_obs, 2]` without `flatten`. The reference benchmark
/// adds 1e-6 to both variances. Papamakarios et al. 2019.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleLikelihood {
    /// Lower bound of the prior.
    pub lower_bound: f64,
    /// Upper bound of the prior.
    pub upper_bound: f64,
    /// Number of observations.
    pub n_obs: usize,
    /// One vector for all observations.
    pub flatten: bool,
}

impl Default for SimpleLikelihood {
    fn default() -> Self {
        SimpleLikelihood { lower_bound: -3.0, upper_bound: 3.0, n_obs: 4, flatten: true }
    }
}

impl Simulator for SimpleLikelihood {
    fn name(&self) -> &str {
        "slcp"
    }

    fn description(&self) -> &str {
        "Simple likelihood, complex posterior: mean and covariance of four points, four modes"
    }

    fn variables(&self) -> Vec<Variable> {
        let kind = if self.flatten { Kind::Vector } else { Kind::Set };
        variables(Some((self.lower_bound, self.upper_bound)), kind)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let (lower, upper) = (self.lower_bound, self.upper_bound);
        check_bounds(lower, upper)?;
        check_count("n_obs", self.n_obs)?;
        let prior = |rng: &mut Stream| (0..5).map(|_| uniform(rng, lower, upper)).collect();
        sample(self.name(), request, prior, |rng, theta| {
            let (s1, s2, rho) = (theta[2].powi(2), theta[3].powi(2), libm::tanh(theta[4]));
            let point = |_| {
                let (e1, e2) = (normal(rng), normal(rng));
                [theta[0] + s1 * e1, theta[1] + s2 * (rho * e1 + (1.0 - rho * rho).sqrt() * e2)]
            };
            rows((0..self.n_obs).flat_map(point).collect(), 2, self.flatten)
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 5, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }
}
