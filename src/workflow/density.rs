//! Densities of parameters and data together, known or learned.

use super::likelihood::LikelihoodWorkflow;
use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::Simulator;

/// `ln p(θ) + ln p(x | θ)`: what posterior draws can be weighted by or sampled from.
///
/// Implement it for a likelihood of your own:
///
/// ```
/// use ferroflow::data::Record;
/// use ferroflow::workflow::JointDensity;
///
/// /// x ~ Normal(θ, 1), θ ~ Normal(0, 1), up to a constant.
/// struct Location;
///
/// impl JointDensity for Location {
///     fn log_joint(&self, record: &Record) -> ferroflow::Result<Vec<f64>> {
///         let theta = record.column("theta")?.array.to_f64();
///         let x = record.column("x")?.array.to_f64();
///         Ok(theta.iter().zip(&x).map(|(t, x)| -0.5 * (t * t + (x - t).powi(2))).collect())
///     }
/// }
/// ```
pub trait JointDensity {
    /// The logarithm for each row of parameters and data; `−∞` outside of the support. Rows are draws, `[rows, …]`.
    fn log_joint(&self, record: &Record) -> Result<Vec<f64>>;
}

/// The prior and the likelihood that a simulator knows.
pub struct SimulatorDensity<'a>(pub &'a dyn Simulator);

impl JointDensity for SimulatorDensity<'_> {
    fn log_joint(&self, record: &Record) -> Result<Vec<f64>> {
        let likelihood = self.0.log_likelihood(record)?.ok_or_else(|| {
            let message = format!(
                "{} has no likelihood in closed form; learn one with LikelihoodWorkflow or JointWorkflow (train --learn joint)",
                self.0.name()
            );
            Error::argument("simulator", message)
        })?;
        Ok(log_prior(self.0, record)?.into_iter().zip(likelihood).map(|(p, l)| sum(p, l)).collect())
    }
}

/// The prior of a simulator and a likelihood that was learned.
pub struct LearnedDensity<'a> {
    /// Where the parameters come from.
    pub prior: &'a dyn Simulator,
    /// The likelihood.
    pub likelihood: &'a LikelihoodWorkflow,
}

impl JointDensity for LearnedDensity<'_> {
    fn log_joint(&self, record: &Record) -> Result<Vec<f64>> {
        let prior = log_prior(self.prior, record)?;
        // A likelihood is not asked for outside of the prior's support, where bounded parameters have no place in a network.
        let inside: Vec<usize> = (0..prior.len()).filter(|&row| prior[row] > f64::NEG_INFINITY).collect();
        let mut log_joint = vec![f64::NEG_INFINITY; prior.len()];
        if !inside.is_empty() {
            let likelihood = self.likelihood.log_prob(&record.select(&inside)?)?;
            inside.iter().zip(likelihood).for_each(|(&row, l)| log_joint[row] = prior[row] + l);
        }
        Ok(log_joint)
    }
}

/// The prior's density of each row.
pub(super) fn log_prior(simulator: &dyn Simulator, record: &Record) -> Result<Vec<f64>> {
    simulator.log_prior(record)?.ok_or_else(|| {
        let message = format!(
            "{} does not know the density of its prior; implement log_prior (in make_simulator!, .log_prior(…))",
            simulator.name()
        );
        Error::argument("simulator", message)
    })
}

/// A sum in which −∞ wins over everything.
fn sum(prior: f64, likelihood: f64) -> f64 {
    if prior == f64::NEG_INFINITY { prior } else { prior + likelihood }
}
