//! Two moons.

use super::*;

/// A posterior of two crescents.
///
/// ```text
/// θ ~ U(lower, upper)²   a ~ U(−π/2, π/2)   r ~ N(0.1, 0.01²)
/// x = (r cos a + 0.25 − |θ₀ + θ₁|/√2,  r sin a + (θ₁ − θ₀)/√2)
/// ```
///
/// `observables` `[datasets, 2]`. Greenberg et al. 2019.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TwoMoons {
    /// Lower bound of the prior.
    pub lower_bound: f64,
    /// Upper bound of the prior.
    pub upper_bound: f64,
}

impl Default for TwoMoons {
    fn default() -> Self {
        TwoMoons { lower_bound: -1.0, upper_bound: 1.0 }
    }
}

impl Simulator for TwoMoons {
    fn name(&self) -> &str {
        "two-moons"
    }

    fn description(&self) -> &str {
        "Two moons: two parameters whose posterior is a pair of crescents"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(Some((self.lower_bound, self.upper_bound)), Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let (lower, upper) = (self.lower_bound, self.upper_bound);
        check_bounds(lower, upper)?;
        let prior = |rng: &mut Stream| (0..2).map(|_| uniform(rng, lower, upper)).collect();
        sample(self.name(), request, prior, |rng, theta| {
            let angle = uniform(rng, -std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2);
            let radius = 0.1 + 0.01 * normal(rng);
            let [x, y] = centre(theta);
            [radius * libm::cos(angle) + x, radius * libm::sin(angle) + y].into()
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 2, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        log_likelihoods(record, 2, 2, |theta, x| {
            let [a, b] = centre(theta);
            let (across, along) = (x[0] - a, x[1] - b);
            let radius = libm::hypot(across, along);
            // Polar coordinates; a negative radius, ten standard deviations away, mirrors the half circle.
            let signed = if across >= 0.0 { radius } else { -radius };
            Ok(log_gaussian(signed, 0.1, 0.01) - (std::f64::consts::PI * radius).ln())
        })
    }
}

/// The middle of the half circle.
fn centre(theta: &[f64]) -> [f64; 2] {
    let diagonal = std::f64::consts::FRAC_1_SQRT_2;
    [0.25 - (theta[0] + theta[1]).abs() * diagonal, (theta[1] - theta[0]) * diagonal]
}
