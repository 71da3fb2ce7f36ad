//! A generalised linear model for spikes, as observed.

use super::bernoulli_glm::{FILTER, trial};
use super::*;
use crate::math::softplus;

/// The observations and the design of [`BernoulliGlm`] without summaries.
///
/// `observables` `[datasets, T, 10]`, a set: column 0 is `z`, columns 1 to 9 are the design. The reference benchmark
/// returns the responses to one fixed design: `sbibm-bernoulli-glm-raw`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BernoulliGlmRaw {
    /// Number T of observations.
    pub trials: usize,
}

impl Default for BernoulliGlmRaw {
    fn default() -> Self {
        BernoulliGlmRaw { trials: 100 }
    }
}

impl Simulator for BernoulliGlmRaw {
    fn name(&self) -> &str {
        "bernoulli-glm-raw"
    }

    fn description(&self) -> &str {
        "Bernoulli generalised linear model: offset and filter from the set of 100 responses and their designs"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, Kind::Set)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        check_count("trials", self.trials)?;
        let prior = |rng: &mut Stream| SmoothnessPrior::PEER.draw(rng);
        sample(self.name(), request, prior, |rng, theta| {
            let mut values = Vec::with_capacity(self.trials * (1 + FILTER));
            for _ in 0..self.trials {
                let (response, design) = trial(rng, theta);
                values.push(f64::from(u8::from(response)));
                values.extend(design);
            }
            rows(values, 1 + FILTER, false)
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 1 + FILTER, |theta| SmoothnessPrior::PEER.log_density(theta))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        log_likelihoods(record, 1 + FILTER, self.trials * (1 + FILTER), |theta, x| {
            let row = |row: &[f64]| {
                let design = &row[1..];
                let linear = theta[0] + design.iter().zip(&theta[1..]).map(|(v, f)| v * f).sum::<f64>();
                log_normal(design, |_| 1.0) + log_bernoulli(row[0], linear)
            };
            Ok(x.chunks_exact(1 + FILTER).map(row).sum())
        })
    }
}

/// Log-probability of a response, 0 or 1, whose log-odds are `linear`.
pub(in crate::simulators) fn log_bernoulli(response: f64, linear: f64) -> f64 {
    match response {
        1.0 => -softplus(-linear),
        0.0 => -softplus(linear),
        _ => f64::NEG_INFINITY,
    }
}
