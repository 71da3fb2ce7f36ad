//! SLCP among the distractors of one fixed mixture.

use super::fixed::{COMPONENTS, DISTRACTORS, MIXTURE};
use crate::data::Record;
use crate::error::Result;
use crate::random::Stream;
use crate::simulators::benchmarks::{
    SLCP_BOX, SlcpLikelihood, log_densities, log_uniform, normal, sample, uniform, variables,
};
use crate::simulators::{Kind, Request, Simulator, Variable};
use rand::RngExt;
use rand_distr::{Distribution, Exp1};

/// What the benchmark adds to both variances.
const JITTER: f64 = 1e-6;

/// sbibm's SLCP with distractors: the eight numbers of SLCP, 92 numbers from a fixed mixture of 20 multivariate Student-t
/// distributions with two degrees of freedom, all in a fixed order.
///
/// `observables` `[datasets, 100]`. The posterior is that of `sbibm-slcp`. The density of the distractors is not given: the
/// factors of the mixture are so nearly singular that no solution in 64 bits has a correct digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SbibmSlcpDistractors;

/// The rows of a component's lower triangle.
fn triangle(component: usize) -> impl Iterator<Item = &'static [f64]> {
    let size = DISTRACTORS * (DISTRACTORS + 1) / 2;
    let values = &MIXTURE.factors[component * size..][..size];
    (0..DISTRACTORS).map(move |i| &values[i * (i + 1) / 2..][..i + 1])
}

fn centre(component: usize) -> &'static [f64] {
    &MIXTURE.centres[component * DISTRACTORS..][..DISTRACTORS]
}

/// `μ + L z √(2/χ²₂)` of one component; one χ² for the whole vector, half of which is exponential.
fn distractors(rng: &mut Stream) -> Vec<f64> {
    let component = rng.random_range(0..COMPONENTS);
    let z: Vec<f64> = (0..DISTRACTORS).map(|_| normal(rng)).collect();
    let half: f64 = Exp1.sample(rng);
    let scale = 1.0 / half.sqrt();
    let spread = triangle(component).map(|row| scale * row.iter().zip(&z).map(|(l, z)| l * z).sum::<f64>());
    centre(component).iter().zip(spread).map(|(m, s)| m + s).collect()
}

impl Simulator for SbibmSlcpDistractors {
    fn name(&self) -> &str {
        "sbibm-slcp-distractors"
    }

    fn description(&self) -> &str {
        "sbibm: SLCP with 92 distractors of a fixed mixture in a fixed order"
    }

    fn variables(&self) -> Vec<Variable> {
        variables(Some(SLCP_BOX), Kind::Vector)
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let prior = |rng: &mut Stream| (0..5).map(|_| uniform(rng, SLCP_BOX.0, SLCP_BOX.1)).collect();
        sample(self.name(), request, prior, |rng, theta| {
            let mut all = SlcpLikelihood::new(theta, JITTER).draw(rng, 4);
            all.extend(distractors(rng));
            MIXTURE.permutation.iter().map(|&from| all[from]).collect::<Vec<_>>().into()
        })
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        log_densities(parameters, 5, |theta| log_uniform(theta, SLCP_BOX.0, SLCP_BOX.1))
    }
}
