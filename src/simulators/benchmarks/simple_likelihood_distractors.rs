//! Simple likelihood, complex posterior, among points that tell nothing.

use super::simple_likelihood::{BOX, SlcpLikelihood};
use super::*;

/// Components of the mixture from which the distractors come.
const COMPONENTS: usize = 20;

/// The points of [`SimpleLikelihood`], followed by points that do not depend on the parameters.
///
/// ```text
/// μ_k ~ N(0, mu_scale² I), k = 1 … 20, anew for each data set
/// distractor = μ_k + g / √(c/2),   k uniform,   g ~ N(0, shape_scale I),   c ~ χ²₂       n_dist times
/// ```
///
/// That is a mixture of Student-t distributions with two degrees of freedom; `shape_scale` is a variance. `observables`
/// `[datasets, 2 (n_obs + n_dist)]`, or `[datasets, n_obs + n_dist, 2]` without `flatten`. All points have two
/// coordinates: the peer's option `dim` only admits 2, as other distractors cannot stand beside the points. The mixture of
/// the reference benchmark (sbibm) is a fixed one in 92 dimensions, `sbibm-slcp-distractors`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimpleLikelihoodDistractors {
    /// Lower bound of the prior.
    pub lower_bound: f64,
    /// Upper bound of the prior.
    pub upper_bound: f64,
    /// Number of observations that depend on the parameters.
    pub n_obs: usize,
    /// Number of distractors.
    pub n_dist: usize,
    /// Standard deviation of the centres.
    pub mu_scale: f64,
    /// Variance around a centre.
    pub shape_scale: f64,
    /// One vector for all observations.
    pub flatten: bool,
}

impl Default for SimpleLikelihoodDistractors {
    fn default() -> Self {
        SimpleLikelihoodDistractors {
            lower_bound: BOX.0,
            upper_bound: BOX.1,
            n_obs: 4,
            n_dist: 46,
            mu_scale: 15.0,
            shape_scale: 0.01,
            flatten: true,
        }
    }
}

impl Simulator for SimpleLikelihoodDistractors {
    fn name(&self) -> &str {
        "slcp-distractors"
    }

    fn description(&self) -> &str {
        "SLCP with distractors: the four points of slcp, then 46 points that tell nothing"
    }

    fn variables(&self) -> Vec<Variable> {
        let kind = if self.flatten { Kind::Vector } else { Kind::Set };
        variables(Some((self.lower_bound, self.upper_bound)), kind)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let (lower, upper) = (self.lower_bound, self.upper_bound);
        check_bounds(lower, upper)?;
        check_count("n_obs", self.n_obs)?;
        check_scale("mu_scale", self.mu_scale)?;
        check_scale("shape_scale", self.shape_scale)?;
        let prior = |rng: &mut Stream| (0..5).map(|_| uniform(rng, lower, upper)).collect();
        let spread = self.shape_scale.sqrt();
        sample(self.name(), request, prior, |rng, theta| {
            let mut values = SlcpLikelihood::new(theta, 0.0).draw(rng, self.n_obs);
            let centres: [[f64; 2]; COMPONENTS] =
                std::array::from_fn(|_| std::array::from_fn(|_| self.mu_scale * normal(rng)));
            for _ in 0..self.n_dist {
                let centre = centres[rng.random_range(0..COMPONENTS)];
                let noise = [normal(rng), normal(rng)];
                // χ²₂ / 2 is exponential.
                let half: f64 = Exp1.sample(rng);
                values.extend((0..2).map(|i| centre[i] + spread * noise[i] / half.sqrt()));
            }
            rows(values, 2, self.flatten)
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 5, |theta| log_uniform(theta, self.lower_bound, self.upper_bound))
    }
}
