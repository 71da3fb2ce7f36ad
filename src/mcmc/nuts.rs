//! The No-U-Turn sampler: settings, and all chains in step.

use serde::{Deserialize, Serialize};

use super::chain::{Chain, point};
use super::{Chains, LogDensity, MassMatrix};
use crate::error::{Error, Result};
use crate::random::Key;

/// The No-U-Turn sampler (Hoffman & Gelman 2014) with multinomial choice of the draw (Betancourt 2017, arXiv:1701.02434), and with the
/// warmup of Stan: the step size by dual averaging, the mass matrix in windows of doubling length.
///
/// All chains ask for their densities together, one point each, so that a network computes them in one pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Nuts {
    /// Number of chains.
    pub chains: usize,
    /// Transitions from which each chain learns and that are not kept.
    pub warmup: usize,
    /// Draws that each chain keeps.
    pub draws: usize,
    /// The mean acceptance that the step size is learned for, in (0, 1): nearer to 1 for densities that are hard to follow.
    pub target_acceptance: f64,
    /// Most doublings of a trajectory.
    pub max_depth: usize,
    /// Which mass matrix is learned.
    pub mass_matrix: MassMatrix,
    /// Starting points that are not given are drawn uniformly from `[−r, r]ᴰ`.
    pub initial_radius: f64,
}

impl Default for Nuts {
    fn default() -> Self {
        Nuts {
            chains: 4,
            warmup: 1000,
            draws: 1000,
            target_acceptance: 0.8,
            max_depth: 10,
            mass_matrix: MassMatrix::Diagonal,
            initial_radius: 2.0,
        }
    }
}

/// Deepest trajectory that can be asked for: a million steps.
const DEEPEST: usize = 20;

impl Nuts {
    /// Draws from a density, with starting points `[chains, D]` or drawn ones. The draws of a chain are a function of the density,
    /// the key, the number of the chain and its start.
    ///
    /// Errors: settings out of range, a start outside of the support, a density that is NaN, +∞ or has a gradient that is not
    /// finite (with the point where), a density without scale, and what the density itself reports.
    pub fn sample(&self, density: &dyn LogDensity, starts: Option<&[f64]>, key: Key) -> Result<Chains> {
        let d = density.dimension();
        self.check(d, starts)?;
        let key = key.fork("nuts");
        let chain = |number: usize| {
            let start = starts.map(|starts| &starts[number * d..(number + 1) * d]);
            Chain::new(self, number, start, d, key.at(number as u64).stream())
        };
        let mut chains: Vec<Chain> = (0..self.chains).map(chain).collect();
        let (mut points, mut askers) = (Vec::new(), Vec::new());
        let (mut log_densities, mut gradients) = (Vec::new(), Vec::new());
        let mut evaluations = 0;
        loop {
            points.clear();
            askers.clear();
            for (number, chain) in chains.iter().enumerate() {
                if let Some(query) = chain.query() {
                    points.extend_from_slice(query);
                    askers.push(number);
                }
            }
            if askers.is_empty() {
                break;
            }
            log_densities.clear();
            log_densities.resize(askers.len(), f64::NAN);
            gradients.clear();
            gradients.resize(points.len(), f64::NAN);
            density.evaluate(&points, &mut log_densities, &mut gradients)?;
            evaluations += askers.len();
            let rows = points.chunks(d).zip(gradients.chunks(d));
            for ((&number, &value), (x, gradient)) in askers.iter().zip(&log_densities).zip(rows) {
                check_value(number, x, value, gradient)?;
                chains[number].answer(value, gradient)?;
            }
        }
        Ok(Chains::new(self, d, evaluations, chains.into_iter().map(Chain::into_record).collect()))
    }

    fn check(&self, dimension: usize, starts: Option<&[f64]>) -> Result<()> {
        for (name, value) in [("dimension", dimension), ("chains", self.chains), ("draws", self.draws)] {
            if value == 0 {
                return Err(Error::argument(name, "0 was given; give at least 1"));
            }
        }
        if !(self.target_acceptance > 0.0 && self.target_acceptance < 1.0) {
            let message = format!("{} was given; give a number between 0 and 1, such as 0.8", self.target_acceptance);
            return Err(Error::argument("target_acceptance", message));
        }
        if !(1..=DEEPEST).contains(&self.max_depth) {
            let message = format!("{} was given; give 1 to {DEEPEST} doublings, such as 10", self.max_depth);
            return Err(Error::argument("max_depth", message));
        }
        if !(self.initial_radius.is_finite() && self.initial_radius >= 0.0) {
            let message = format!("{} was given; give a number that is not negative, such as 2", self.initial_radius);
            return Err(Error::argument("initial_radius", message));
        }
        let Some(starts) = starts else { return Ok(()) };
        if starts.len() != self.chains * dimension {
            let message = format!(
                "{} numbers for {} chains of {dimension} variables; give one point for each chain",
                starts.len(),
                self.chains
            );
            return Err(Error::shape("starts", message));
        }
        match starts.chunks(dimension).find(|start| start.iter().any(|x| !x.is_finite())) {
            Some(start) => Err(Error::value("starts", format!("{} is not finite; give finite points", point(start)))),
            None => Ok(()),
        }
    }
}

/// A log density is finite or −∞, and has a gradient where it is finite.
fn check_value(chain: usize, x: &[f64], value: f64, gradient: &[f64]) -> Result<()> {
    let fault = if value.is_nan() || value == f64::INFINITY {
        format!("is {value}")
    } else if value > f64::NEG_INFINITY && gradient.iter().any(|g| !g.is_finite()) {
        format!("has the gradient {}", point(gradient))
    } else {
        return Ok(());
    };
    let message = format!(
        "{fault} at {} in chain {chain}; give −∞ outside of the support, and finite gradients inside",
        point(x)
    );
    Err(Error::not_finite("log density", message))
}
