//! Bayesian linear regression, the tutorial.

mod exact;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::{Composition, Kind, Request, Simulator, Variable, View, set};

pub use exact::{Posterior, exact_posterior, exact_probabilities};

/// Prior means of intercept and slope.
const PRIOR_MEAN: [f64; 2] = [2.0, 0.0];
/// Prior standard deviations of intercept and slope.
const PRIOR_SD: [f64; 2] = [3.0, 1.0];

/// A straight line with unknown noise, observed at random places.
///
/// ```text
/// β₀ ~ N(2, 3²)   β₁ ~ N(0, 1)   σ ~ Gamma(1, 1)   N ~ U{5, …, 14}
/// xᵢ ~ N(0, 1)    yᵢ ~ N(β₀ + β₁ xᵢ, σ²)            i = 1, …, N
/// ```
///
/// Variables: `beta` `[datasets, 2]`, `sigma` `[datasets, 1]`, `N` (integer, `[datasets]`), and the sets `x` and `y`,
/// ragged. With `size_per_batch`, `N` is one shared number for each request, as in the peer.
///
/// The first tutorial of BayesFlow (Radev et al. 2023).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearRegression {
    /// Smallest number of observations.
    pub smallest: u32,
    /// Largest number of observations.
    pub largest: u32,
    /// One number of observations for all data sets of a request.
    pub size_per_batch: bool,
}

impl Default for LinearRegression {
    fn default() -> Self {
        LinearRegression { smallest: 5, largest: 14, size_per_batch: false }
    }
}

impl Simulator for LinearRegression {
    fn name(&self) -> &str {
        "linear-regression"
    }

    fn description(&self) -> &str {
        "Bayesian linear regression: intercept, slope and noise from 5 to 14 observations"
    }

    fn variables(&self) -> Vec<Variable> {
        vec![
            Variable::condition("N"),
            Variable::parameter("beta"),
            Variable::parameter("sigma").lower(0.0),
            Variable::data("x").kind(Kind::Set),
            Variable::data("y").kind(Kind::Set),
        ]
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let (smallest, largest) = (i64::from(self.smallest), i64::from(self.largest));
        if smallest < 1 || largest < smallest {
            return Err(Error::argument(
                "smallest, largest",
                format!("set sizes from {smallest} to {largest} were given; use 1 ≤ smallest ≤ largest"),
            ));
        }
        let composition = Composition::new()
            .name(self.name())
            .meta(move |rng, _| Ok([("N", rng.random_range(smallest..=largest).into())]))
            .part("prior", |rng, _| {
                let beta: [f64; 2] = std::array::from_fn(|k| {
                    let z: f64 = StandardNormal.sample(rng);
                    PRIOR_MEAN[k] + PRIOR_SD[k] * z
                });
                let sigma: f64 = Exp1.sample(rng); // Gamma(1, 1)
                Ok([("beta", beta.into()), ("sigma", sigma.into())])
            })
            .part("design", |rng, given| {
                let x: Vec<f64> = (0..given.size("N")?).map(|_| StandardNormal.sample(rng)).collect();
                Ok([("x", set(x))])
            })
            .part("likelihood", |rng, given| {
                let (beta, sigma, x) = (given.vector("beta")?, given.scalar("sigma")?, given.vector("x")?);
                if x.len() != given.size("N")? {
                    let message = format!("holds {} elements, but N is {}; give both", x.len(), given.size("N")?);
                    return Err(Error::shape("x", message));
                }
                let noisy = |&x: &f64| {
                    let z: f64 = StandardNormal.sample(rng);
                    beta[0] + beta[1] * x + sigma * z
                };
                Ok([("y", set(x.iter().map(noisy).collect::<Vec<_>>()))])
            });
        let composition = if self.size_per_batch { composition.meta_per_batch() } else { composition };
        composition.sample(request)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        View::each(parameters, |given| {
            let (beta, sigma) = parameters_of(given)?;
            let normal: f64 = (0..2).map(|k| log_normal(beta[k], PRIOR_MEAN[k], PRIOR_SD[k])).sum();
            Ok(if sigma > 0.0 { normal - sigma } else { f64::NEG_INFINITY })
        })
        .map(Some)
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        View::each(record, |given| {
            let (beta, sigma) = parameters_of(given)?;
            let (x, y) = (given.vector("x")?, given.vector("y")?);
            if x.len() != y.len() {
                return Err(Error::shape("y", format!("holds {} elements, x holds {}", y.len(), x.len())));
            }
            if sigma <= 0.0 {
                return Ok(f64::NEG_INFINITY);
            }
            Ok(x.iter().zip(y).map(|(x, &y)| log_normal(y, beta[0] + beta[1] * x, sigma)).sum())
        })
        .map(Some)
    }
}

fn parameters_of(given: &View) -> Result<([f64; 2], f64)> {
    let beta = given.vector("beta")?;
    let beta = beta.try_into().map_err(|_| {
        Error::shape("beta", format!("holds {} numbers for each data set; give intercept and slope", beta.len()))
    })?;
    Ok((beta, given.scalar("sigma")?))
}

/// log N(x; mean, sd²).
fn log_normal(x: f64, mean: f64, sd: f64) -> f64 {
    let z = (x - mean) / sd;
    -0.5 * z * z - sd.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sample moments against those of the definition; 40 000 data sets, five standard errors.
    #[test]
    fn moments() {
        let record = LinearRegression::default().simulate(40_000, 5).unwrap();
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt())
        };
        let beta = record.column("beta").unwrap().array.to_f64();
        let expected = [
            ("intercept", beta.iter().step_by(2).copied().collect(), 2.0, 3.0),
            ("slope", beta.iter().skip(1).step_by(2).copied().collect(), 0.0, 1.0),
            ("sigma", record.column("sigma").unwrap().array.to_f64(), 1.0, 1.0),
            ("N", record.column("N").unwrap().array.to_f64(), 9.5, (99.0_f64 / 12.0).sqrt()),
            ("x", record.column("x").unwrap().array.to_f64(), 0.0, 1.0),
            ("y", record.column("y").unwrap().array.to_f64(), 2.0, (9.0 + 1.0 + 2.0_f64).sqrt()),
        ];
        for (name, values, mean, sd) in expected {
            let values: Vec<f64> = values;
            let (m, s) = moments(&values);
            assert!((m - mean).abs() < 5.0 * sd / 200.0, "{name}: mean {m}, expected {mean}");
            assert!((s / sd - 1.0).abs() < 0.05, "{name}: sd {s}, expected {sd}");
        }
    }

    #[test]
    fn densities_by_hand() {
        let record = Record::new()
            .with("beta", crate::codecs::Array::f64([2, 2], vec![5.0, 1.0, 0.0, 0.0]).unwrap())
            .with("sigma", crate::codecs::Array::f64([2, 1], vec![2.0, -1.0]).unwrap())
            .with("x", crate::codecs::Array::f64([2, 2], vec![0.0, 1.0, 0.0, 0.0]).unwrap())
            .with("y", crate::codecs::Array::f64([2, 2], vec![5.0, 8.0, 0.0, 0.0]).unwrap());
        let log_two_pi = (2.0 * std::f64::consts::PI).ln();
        let prior = LinearRegression::default().log_prior(&record).unwrap().unwrap();
        approx::assert_relative_eq!(prior[0], -log_two_pi - 1.0 - 3f64.ln() - 2.0, epsilon = 1e-12);
        assert_eq!(prior[1], f64::NEG_INFINITY);
        let likelihood = LinearRegression::default().log_likelihood(&record).unwrap().unwrap();
        approx::assert_relative_eq!(likelihood[0], -log_two_pi - 2.0 * 2f64.ln() - 0.5, epsilon = 1e-12);
        assert_eq!(likelihood[1], f64::NEG_INFINITY);
    }
}
