//! The drift-diffusion model of speeded decisions.

mod density;
mod passage;

use rand::RngExt;

use crate::data::Record;
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::simulators::{Composition, Kind, Request, Simulator, Variable, View, set};

use density::log_density;
use passage::first_passage;

/// Evidence that drifts between two boundaries; a response is given when it reaches one (Ratcliff 1978).
///
/// ```text
/// drift v ~ U(−4, 4)          boundary a ~ U(0.5, 2.5)
/// start w ~ U(0.3, 0.7)       non_decision t₀ ~ U(0.1, 0.6) s         N ~ U{smallest, …, largest} trials
/// dX = v dt + dW,  X(0) = w a,  until X = 0 (choice 0) or X = a (choice 1) after T seconds
/// rt = t₀ + T
/// ```
///
/// Variables: `drift`, `boundary`, `start` and `non_decision` `[datasets, 1]`, `N` (integer, `[datasets]`), and the sets `rt`
/// and `choice` (0 or 1), ragged. First passages are drawn exactly, without steps in time; the likelihood is that of
/// Navarro and Fuss (2009).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DriftDiffusion {
    /// Smallest number of trials.
    pub smallest: u32,
    /// Largest number of trials.
    pub largest: u32,
}

/// Names, lower and upper bounds of the uniform priors.
const PRIOR: [(&str, f64, f64); 4] =
    [("drift", -4.0, 4.0), ("boundary", 0.5, 2.5), ("start", 0.3, 0.7), ("non_decision", 0.1, 0.6)];

impl Default for DriftDiffusion {
    fn default() -> Self {
        DriftDiffusion { smallest: 50, largest: 200 }
    }
}

impl Simulator for DriftDiffusion {
    fn name(&self) -> &str {
        "drift-diffusion"
    }

    fn description(&self) -> &str {
        "Drift-diffusion model of decisions: four parameters from 50 to 200 response times with choices"
    }

    fn variables(&self) -> Vec<Variable> {
        let parameter = |(name, lower, upper): (&str, f64, f64)| Variable::parameter(name).lower(lower).upper(upper);
        let mut variables = vec![Variable::condition("N")];
        variables.extend(PRIOR.map(parameter));
        variables.extend(["rt", "choice"].map(|name| Variable::data(name).kind(Kind::Set)));
        variables
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let (smallest, largest) = (i64::from(self.smallest), i64::from(self.largest));
        if smallest < 1 || largest < smallest {
            return Err(Error::argument(
                "smallest, largest",
                format!("{smallest} to {largest} trials were given; use 1 ≤ smallest ≤ largest"),
            ));
        }
        Composition::new()
            .name(self.name())
            .meta(move |rng, _| Ok([("N", rng.random_range(smallest..=largest).into())]))
            .part("prior", |rng, _| {
                Ok(PRIOR.map(|(name, lower, upper)| (name, (lower + (upper - lower) * rng.random::<f64>()).into())))
            })
            .part("trials", |rng, given| {
                let diffusion = Diffusion::of(given)?;
                let trials: Vec<(f64, bool)> = (0..given.size("N")?).map(|_| diffusion.trial(rng)).collect();
                let choices = trials.iter().map(|&(_, upper)| f64::from(u8::from(upper)));
                Ok([
                    ("rt", set(trials.iter().map(|&(rt, _)| rt).collect::<Vec<_>>())),
                    ("choice", set(choices.collect::<Vec<_>>())),
                ])
            })
            .sample(request)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        View::each(parameters, |given| {
            let mut sum = 0.0;
            for (name, lower, upper) in PRIOR {
                let inside = (lower..=upper).contains(&given.scalar(name)?);
                sum -= if inside { (upper - lower).ln() } else { f64::INFINITY };
            }
            Ok(sum)
        })
        .map(Some)
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        View::each(record, |given| {
            let Ok(diffusion) = Diffusion::of(given) else { return Ok(f64::NEG_INFINITY) };
            let (rt, choice) = (given.vector("rt")?, given.vector("choice")?);
            if rt.len() != choice.len() {
                return Err(Error::shape("choice", format!("holds {} trials, rt holds {}", choice.len(), rt.len())));
            }
            Ok(rt.iter().zip(choice).map(|(&rt, &choice)| diffusion.log_density(rt, choice)).sum())
        })
        .map(Some)
    }
}

/// The parameters of one data set.
struct Diffusion {
    drift: f64,
    boundary: f64,
    start: f64,
    non_decision: f64,
}

impl Diffusion {
    fn of(given: &View) -> Result<Self> {
        let [drift, boundary, start, non_decision] = [0, 1, 2, 3].map(|i| given.scalar(PRIOR[i].0));
        let diffusion = Diffusion { drift: drift?, boundary: boundary?, start: start?, non_decision: non_decision? };
        let Diffusion { drift, boundary, start, non_decision } = diffusion;
        let bad = |name: &str, value: f64, expected: &str| Err(Error::value(name, format!("is {value}; {expected}")));
        match () {
            () if !drift.is_finite() => bad("drift", drift, "give a finite number"),
            () if !(boundary > 0.0 && boundary.is_finite()) => bad("boundary", boundary, "give a positive number"),
            () if !(start > 0.0 && start < 1.0) => bad("start", start, "give a share of the boundary between 0 and 1"),
            () if !(non_decision >= 0.0 && non_decision.is_finite()) => {
                bad("non_decision", non_decision, "give a time of 0 or more")
            }
            () => Ok(diffusion),
        }
    }

    /// Response time, and whether the upper boundary was reached.
    fn trial(&self, rng: &mut Stream) -> (f64, bool) {
        let (time, upper) = first_passage(rng, self.drift, self.boundary, self.start);
        (self.non_decision + time, upper)
    }

    fn log_density(&self, rt: f64, choice: f64) -> f64 {
        let time = rt - self.non_decision;
        match choice {
            _ if time.is_nan() || time <= 0.0 => f64::NEG_INFINITY,
            0.0 => log_density(time, self.drift, self.boundary, self.start),
            1.0 => log_density(time, -self.drift, self.boundary, 1.0 - self.start),
            _ => f64::NEG_INFINITY,
        }
    }
}
