//! Benchmark problems of simulation-based inference (Lueckmann et al. 2021, "Benchmarking simulation-based inference").
//!
//! All draw `parameters` `[datasets, D]` and `observables`. Scales are standard deviations.

mod gaussian_linear;
mod gaussian_linear_uniform;
mod gaussian_mixture;
mod inverse_kinematics;
mod simple_likelihood;
mod two_moons;

pub use gaussian_linear::GaussianLinear;
pub use gaussian_linear_uniform::GaussianLinearUniform;
pub use gaussian_mixture::GaussianMixture;
pub use inverse_kinematics::InverseKinematics;
pub use simple_likelihood::SimpleLikelihood;
pub use two_moons::TwoMoons;

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::codecs::{Array, Values};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::simulators::{Composition, Kind, Request, Simulator, Value, Variable, View};

/// Key of the parameters.
const PARAMETERS: &str = "parameters";
/// Key of the observations.
const OBSERVABLES: &str = "observables";

/// A prior over a vector of parameters and a likelihood, the parts of which a benchmark consists.
fn sample(
    name: &str,
    request: &Request,
    prior: impl Fn(&mut Stream) -> Vec<f64> + Send + Sync,
    likelihood: impl Fn(&mut Stream, &[f64]) -> Value + Send + Sync,
) -> Result<Record> {
    Composition::new()
        .name(name)
        .part("prior", move |rng, _| Ok([(PARAMETERS, prior(rng).into())]))
        .part("likelihood", move |rng, given| Ok([(OBSERVABLES, likelihood(rng, given.vector(PARAMETERS)?))]))
        .sample(request)
}

/// The variables of a benchmark with a box as its prior, if any, and vectors or sets as its observations.
fn variables(bounds: Option<(f64, f64)>, observations: Kind) -> Vec<Variable> {
    let parameters = Variable::parameter(PARAMETERS);
    let parameters = match bounds {
        Some((lower, upper)) => parameters.lower(lower).upper(upper),
        None => parameters,
    };
    let axes = if observations == Kind::Vector { 2 } else { 3 };
    vec![parameters, Variable::data(OBSERVABLES).kind(observations).axes(axes)]
}

/// A log-density for each data set's parameter vector of `dimension` numbers.
fn log_densities(parameters: &Record, dimension: usize, density: impl Fn(&[f64]) -> f64) -> Result<Option<Vec<f64>>> {
    View::each(parameters, |given| {
        let theta = given.vector(PARAMETERS)?;
        if theta.len() != dimension {
            return Err(Error::shape(
                PARAMETERS,
                format!("holds {} numbers for each data set, expected are {dimension}", theta.len()),
            ));
        }
        Ok(density(theta))
    })
    .map(Some)
}

/// A standard normal number.
fn normal(rng: &mut Stream) -> f64 {
    StandardNormal.sample(rng)
}

/// A number between two bounds.
fn uniform(rng: &mut Stream, lower: f64, upper: f64) -> f64 {
    lower + (upper - lower) * rng.random::<f64>()
}

/// Log-density of the uniform distribution on a box.
fn log_uniform(theta: &[f64], lower: f64, upper: f64) -> f64 {
    match theta.iter().all(|t| (lower..=upper).contains(t)) {
        true => -(theta.len() as f64) * (upper - lower).ln(),
        false => f64::NEG_INFINITY,
    }
}

/// Log-density of independent normal numbers around zero.
fn log_normal(theta: &[f64], scale: impl Fn(usize) -> f64) -> f64 {
    let log = |(i, t): (usize, &f64)| {
        let scale = scale(i);
        -0.5 * (t / scale).powi(2) - scale.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
    };
    theta.iter().enumerate().map(log).sum()
}

/// Rows of `width` numbers as a matrix, or one after the other.
fn rows(values: Vec<f64>, width: usize, flatten: bool) -> Value {
    match flatten {
        true => values.into(),
        false => Array::new([values.len() / width, width], Values::F64(values))
            .expect("the number of values is a multiple of the width")
            .into(),
    }
}

fn check_bounds(lower: f64, upper: f64) -> Result<()> {
    match lower < upper && (upper - lower).is_finite() {
        true => Ok(()),
        false => Err(Error::argument(
            "lower_bound, upper_bound",
            format!("{lower} and {upper} were given; use finite numbers, the lower one first"),
        )),
    }
}

fn check_scale(name: &str, scale: f64) -> Result<()> {
    match scale > 0.0 && scale.is_finite() {
        true => Ok(()),
        false => Err(Error::argument(name, format!("{scale} was given; use a positive standard deviation"))),
    }
}

fn check_count(name: &str, count: usize) -> Result<()> {
    match count {
        0 => Err(Error::argument(name, "0 was given; use at least 1")),
        _ => Ok(()),
    }
}
