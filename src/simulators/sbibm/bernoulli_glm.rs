//! The generalised linear model with its fixed design.

use super::fixed::{COEFFICIENTS, DESIGN, TRIALS};
use crate::data::Record;
use crate::error::Result;
use crate::math::sigmoid;
use crate::random::Stream;
use crate::simulators::benchmarks::{
    SmoothnessPrior, log_bernoulli, log_densities, log_likelihoods, sample, variables,
};
use crate::simulators::{Kind, Request, Simulator, Variable};
use rand::RngExt;

/// The offset has the variance 2.
const PRIOR: SmoothnessPrior = SmoothnessPrior { offset: std::f64::consts::SQRT_2 };

/// sbibm's generalised linear model: `y_t ~ Bernoulli(σ(V θ)_t)` for a fixed design `V` `[100, 10]`, observed through
/// its sufficient statistics `Vᵀy`.
///
/// The prior is that of [`BernoulliGlm`](crate::simulators::BernoulliGlm), with the variance 2 of the offset.
/// The statistics have no density in closed form; that of `y` itself is in [`SbibmBernoulliGlmRaw`], and both have the same
/// posterior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SbibmBernoulliGlm;

/// sbibm's generalised linear model with the 100 responses as observations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SbibmBernoulliGlmRaw;

/// The log-odds of the responses.
fn log_odds(theta: &[f64]) -> impl Iterator<Item = f64> {
    DESIGN.iter().map(move |row| row.iter().zip(theta).map(|(v, t)| v * t).sum())
}

fn responses(rng: &mut Stream, theta: &[f64]) -> Vec<f64> {
    log_odds(theta).map(|linear| f64::from(u8::from(rng.random::<f64>() < sigmoid(linear)))).collect()
}

/// `Vᵀy`: the number of spikes and the spike-triggered sums.
fn statistics(responses: &[f64]) -> Vec<f64> {
    (0..COEFFICIENTS).map(|j| DESIGN.iter().zip(responses).map(|(row, y)| row[j] * y).sum()).collect()
}

impl Simulator for SbibmBernoulliGlm {
    fn name(&self) -> &str {
        "sbibm-bernoulli-glm"
    }

    fn description(&self) -> &str {
        "sbibm: Bernoulli generalised linear model, ten sufficient statistics of a fixed design"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        sample(self.name(), request, |rng| PRIOR.draw(rng), |rng, theta| statistics(&responses(rng, theta)).into())
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, COEFFICIENTS, |theta| PRIOR.log_density(theta))
    }
}

impl Simulator for SbibmBernoulliGlmRaw {
    fn name(&self) -> &str {
        "sbibm-bernoulli-glm-raw"
    }

    fn description(&self) -> &str {
        "sbibm: Bernoulli generalised linear model, the 100 responses to a fixed design"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(None, Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        sample(self.name(), request, |rng| PRIOR.draw(rng), |rng, theta| responses(rng, theta).into())
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, COEFFICIENTS, |theta| PRIOR.log_density(theta))
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        log_likelihoods(record, COEFFICIENTS, TRIALS, |theta, y| {
            Ok(y.iter().zip(log_odds(theta)).map(|(&y, linear)| log_bernoulli(y, linear)).sum())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_sums_over_the_design() {
        let mut y = vec![0.0; TRIALS];
        (y[0], y[20]) = (1.0, 1.0);
        let x = statistics(&y);
        assert_eq!(x[0], 2.0);
        assert!((1..COEFFICIENTS).all(|j| x[j] == DESIGN[0][j] + DESIGN[20][j]));
    }
}
