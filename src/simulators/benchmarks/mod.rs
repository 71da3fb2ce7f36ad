//! Benchmark problems of simulation-based inference (Lueckmann et al. 2021, "Benchmarking simulation-based inference").
//!
//! All draw `parameters` `[datasets, D]` and `observables`. Scales are standard deviations.

mod bernoulli_glm;
mod bernoulli_glm_raw;
mod binomial;
mod gaussian_linear;
mod gaussian_linear_uniform;
mod gaussian_mixture;
mod inverse_kinematics;
mod lotka_volterra;
mod simple_likelihood;
mod simple_likelihood_distractors;
mod sir;
mod subsample;
mod two_moons;
mod two_species;

pub use bernoulli_glm::BernoulliGlm;
pub use bernoulli_glm_raw::BernoulliGlmRaw;
pub use gaussian_linear::GaussianLinear;
pub use gaussian_linear_uniform::GaussianLinearUniform;
pub use gaussian_mixture::GaussianMixture;
pub use inverse_kinematics::InverseKinematics;
pub use lotka_volterra::LotkaVolterra;
pub use simple_likelihood::SimpleLikelihood;
pub use simple_likelihood_distractors::SimpleLikelihoodDistractors;
pub use sir::Sir;
pub use subsample::Subsample;
pub use two_moons::TwoMoons;

pub(super) use bernoulli_glm::SmoothnessPrior;
pub(super) use bernoulli_glm_raw::log_bernoulli;
pub(super) use simple_likelihood::{BOX as SLCP_BOX, SlcpLikelihood};

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::codecs::{Array, Values};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::random::Stream;
use crate::simulators::{Composition, Kind, Request, Simulator, Value, Variable, View};

/// Key of the parameters.
pub(super) const PARAMETERS: &str = "parameters";
/// Key of the observations.
pub(super) const OBSERVABLES: &str = "observables";

/// A prior over a vector of parameters and a likelihood, the parts of which a benchmark consists.
pub(super) fn sample(
    name: &str,
    request: &Request,
    prior: impl Fn(&mut Stream) -> Vec<f64> + Send + Sync,
    likelihood: impl Fn(&mut Stream, &[f64]) -> Value + Send + Sync,
) -> Result<Record> {
    sample_or_fail(name, request, prior, |rng, theta| Ok(likelihood(rng, theta)))
}

/// As [`sample`], with a likelihood that may fail, such as one that solves differential equations.
pub(super) fn sample_or_fail(
    name: &str,
    request: &Request,
    prior: impl Fn(&mut Stream) -> Vec<f64> + Send + Sync,
    likelihood: impl Fn(&mut Stream, &[f64]) -> Result<Value> + Send + Sync,
) -> Result<Record> {
    Composition::new()
        .name(name)
        .part("prior", move |rng, _| Ok([(PARAMETERS, prior(rng).into())]))
        .part("likelihood", move |rng, given| Ok([(OBSERVABLES, likelihood(rng, given.vector(PARAMETERS)?)?)]))
        .sample(request)
}

/// The variables of a benchmark with a box as its prior, if any, and vectors or sets as its observations.
pub(super) fn variables(bounds: Option<(f64, f64)>, observations: Kind) -> Vec<Variable> {
    let parameters = Variable::parameter(PARAMETERS);
    let parameters = match bounds {
        Some((lower, upper)) => parameters.lower(lower).upper(upper),
        None => parameters,
    };
    let axes = if observations == Kind::Vector { 2 } else { 3 };
    vec![parameters, Variable::data(OBSERVABLES).kind(observations).axes(axes)]
}

/// The variables of a benchmark with positive parameters.
pub(super) fn positive_variables(observations: Kind) -> Vec<Variable> {
    let mut variables = variables(None, observations);
    variables[0].lower = Some(0.0);
    variables
}

/// A log-density for each data set's parameter vector of `dimension` numbers.
pub(super) fn log_densities(
    parameters: &Record,
    dimension: usize,
    density: impl Fn(&[f64]) -> f64,
) -> Result<Option<Vec<f64>>> {
    View::each(parameters, |given| Ok(density(numbers(given, PARAMETERS, dimension)?))).map(Some)
}

/// A log-density for each data set, of its `size` observations given its `dimension` parameters.
pub(super) fn log_likelihoods(
    record: &Record,
    dimension: usize,
    size: usize,
    density: impl Fn(&[f64], &[f64]) -> Result<f64>,
) -> Result<Option<Vec<f64>>> {
    let each = |given: &View| density(numbers(given, PARAMETERS, dimension)?, numbers(given, OBSERVABLES, size)?);
    View::each(record, each).map(Some)
}

/// The numbers of a name, which must be `count`.
fn numbers<'a>(given: &'a View, name: &str, count: usize) -> Result<&'a [f64]> {
    let values = given.vector(name)?;
    match values.len() == count {
        true => Ok(values),
        false => {
            Err(Error::shape(name, format!("holds {} numbers for each data set, expected are {count}", values.len())))
        }
    }
}

/// A standard normal number.
pub(super) fn normal(rng: &mut Stream) -> f64 {
    StandardNormal.sample(rng)
}

/// A number between two bounds.
pub(super) fn uniform(rng: &mut Stream, lower: f64, upper: f64) -> f64 {
    lower + (upper - lower) * rng.random::<f64>()
}

/// Log-density of the uniform distribution on a box.
pub(super) fn log_uniform(theta: &[f64], lower: f64, upper: f64) -> f64 {
    match theta.iter().all(|t| (lower..=upper).contains(t)) {
        true => -(theta.len() as f64) * (upper - lower).ln(),
        false => f64::NEG_INFINITY,
    }
}

/// Log-density of a normal number.
pub(super) fn log_gaussian(x: f64, mean: f64, scale: f64) -> f64 {
    let z = (x - mean) / scale;
    -0.5 * z * z - scale.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
}

/// Log-density of independent normal numbers around zero.
pub(super) fn log_normal(theta: &[f64], scale: impl Fn(usize) -> f64) -> f64 {
    theta.iter().enumerate().map(|(i, &t)| log_gaussian(t, 0.0, scale(i))).sum()
}

/// Positive numbers whose logarithms are normal: a draw, and the log-density.
pub(super) struct LogNormals<const D: usize> {
    /// Mean of each logarithm.
    pub location: [f64; D],
    /// Standard deviation of each logarithm.
    pub scale: [f64; D],
}

impl<const D: usize> LogNormals<D> {
    pub(super) fn draw(&self, rng: &mut Stream) -> Vec<f64> {
        (0..D).map(|i| libm::exp(self.location[i] + self.scale[i] * normal(rng))).collect()
    }

    pub(super) fn log_density(&self, theta: &[f64]) -> f64 {
        if theta.iter().any(|t| t.is_nan() || *t <= 0.0) {
            return f64::NEG_INFINITY;
        }
        let each = |(i, t): (usize, &f64)| log_gaussian(t.ln(), self.location[i], self.scale[i]) - t.ln();
        theta.iter().enumerate().map(each).sum()
    }
}

/// Rows of `width` numbers as a matrix, or one after the other.
pub(super) fn rows(values: Vec<f64>, width: usize, flatten: bool) -> Value {
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
