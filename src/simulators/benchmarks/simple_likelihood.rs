//! Simple likelihood, complex posterior.

use super::*;

/// A bivariate Gaussian whose parameters enter through squares (SLCP).
///
/// ```text
/// θ ~ U(lower, upper)⁵   m = (θ₀, θ₁)   s₁ = θ₂²   s₂ = θ₃²   ρ = tanh θ₄
/// x ~ N(m, [[s₁² + jitter, ρ s₁ s₂], [ρ s₁ s₂, s₂² + jitter]]), n_obs times
/// ```
///
/// `observables` `[datasets, 2 n_obs]`, row-major, or `[datasets, n_obs, 2]` without `flatten`. Papamakarios et al. 2019.
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
    /// Added to both variances; the reference benchmark (sbibm) adds 1e-6.
    pub jitter: f64,
}

/// The default bounds of the prior.
pub(in crate::simulators) const BOX: (f64, f64) = (-3.0, 3.0);

impl Default for SimpleLikelihood {
    fn default() -> Self {
        SimpleLikelihood { lower_bound: BOX.0, upper_bound: BOX.1, n_obs: 4, flatten: true, jitter: 0.0 }
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
        check_jitter(self.jitter)?;
        let prior = |rng: &mut Stream| (0..5).map(|_| uniform(rng, lower, upper)).collect();
        sample(self.name(), request, prior, |rng, theta| {
            rows(SlcpLikelihood::new(theta, self.jitter).draw(rng, self.n_obs), 2, self.flatten)
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 5, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        check_jitter(self.jitter)?;
        log_likelihoods(
            record,
            5,
            2 * self.n_obs,
            |theta, x| Ok(SlcpLikelihood::new(theta, self.jitter).log_density(x)),
        )
    }
}

pub(super) fn check_jitter(jitter: f64) -> Result<()> {
    match jitter >= 0.0 && jitter.is_finite() {
        true => Ok(()),
        false => Err(Error::argument("jitter", format!("{jitter} was given; use 0 or a small variance"))),
    }
}

/// The bivariate Gaussian of five parameters, as mean and lower Cholesky factor.
pub(in crate::simulators) struct SlcpLikelihood {
    mean: [f64; 2],
    /// The entries (0, 0), (1, 0) and (1, 1).
    factor: [f64; 3],
}

impl SlcpLikelihood {
    pub(in crate::simulators) fn new(theta: &[f64], jitter: f64) -> Self {
        let (s1, s2, rho) = (theta[2].powi(2), theta[3].powi(2), libm::tanh(theta[4]));
        let factor = if jitter == 0.0 {
            [s1, rho * s2, s2 * (1.0 - rho * rho).sqrt()]
        } else {
            let first = (s1 * s1 + jitter).sqrt();
            let shared = rho * s1 * s2 / first;
            // The determinant, (s₁² + j)(s₂² + j) − ρ² s₁² s₂², in terms that do not cancel.
            let rest = (1.0 - rho * rho) * (s1 * s2).powi(2) + jitter * (s1 * s1 + s2 * s2 + jitter);
            [first, shared, rest.sqrt() / first]
        };
        SlcpLikelihood { mean: [theta[0], theta[1]], factor }
    }

    /// Points, one after the other.
    pub(in crate::simulators) fn draw(&self, rng: &mut Stream, points: usize) -> Vec<f64> {
        let [a, b, c] = self.factor;
        let point = |_| {
            let (e1, e2) = (normal(rng), normal(rng));
            [self.mean[0] + a * e1, self.mean[1] + b * e1 + c * e2]
        };
        (0..points).flat_map(point).collect()
    }

    pub(in crate::simulators) fn log_density(&self, x: &[f64]) -> f64 {
        let [a, b, c] = self.factor;
        let point = |x: &[f64]| {
            let e1 = (x[0] - self.mean[0]) / a;
            let e2 = (x[1] - self.mean[1] - b * e1) / c;
            log_gaussian(e1, 0.0, 1.0) + log_gaussian(e2, 0.0, 1.0) - (a * c).ln()
        };
        x.chunks_exact(2).map(point).sum()
    }
}
