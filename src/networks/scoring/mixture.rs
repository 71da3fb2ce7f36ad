//! The rule of a mixture of distributions, each with a rule of its own.

use indexmap::IndexMap;
use rand::RngExt;

use super::score::{BuiltScore, Density, PointDensity};
use super::{Head, Link, ScoringRule, Transformation};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::log_sum_exp;
use crate::nn::Pass;
use crate::parameters::{Builder, Initialiser, Parameters, Weight};
use crate::random::Stream;
use crate::tensor::Shape;

/// `ln p(θ) = ln Σ_k π_k p_k(θ)` with `π = softmax(logits/T)`; a draw chooses a component, then draws from it.
pub(super) struct Mixture {
    /// The logits, then the heads of each component, named `component__head`.
    heads: Vec<Head>,
    components: Vec<Box<dyn BuiltScore>>,
    temperature: Weight,
}

impl Mixture {
    /// The temperature is the state `temperature`; components keep theirs under `components.<name>.`.
    pub(super) fn build(
        components: &IndexMap<String, ScoringRule>,
        temperature: f64,
        builder: &Builder,
        dimension: usize,
    ) -> Result<Self> {
        if components.len() < 2 {
            let message = format!("{} were given; a mixture needs at least two", components.len());
            return Err(Error::argument("components", message));
        }
        if !(temperature.is_finite() && temperature > 0.0) {
            return Err(Error::argument("temperature", format!("{temperature} was given; give a positive number")));
        }
        let logits = Head {
            name: "mixture_logits".into(),
            shape: vec![components.len()],
            link: Link::default(),
            transformation: Transformation::Identity,
        };
        let temperature = builder.state("temperature", Shape::SCALAR, Initialiser::Constant(temperature));
        let mut mixture = Mixture { heads: vec![logits], components: Vec::new(), temperature };
        for (name, rule) in components {
            let component = rule.build(&builder.scope(format!("components.{name}")), dimension)?;
            if component.density().is_none() {
                let message =
                    format!("is a component with the rule {}, which has no density; choose mv-normal", rule.name());
                return Err(Error::key(name, message));
            }
            let named =
                component.heads().iter().map(|head| Head { name: format!("{name}__{}", head.name), ..head.clone() });
            mixture.heads.extend(named);
            mixture.components.push(component);
        }
        Ok(mixture)
    }

    /// Each component with its part of something that belongs to the heads.
    fn parts<'a, T>(&'a self, of_heads: &'a [T]) -> impl Iterator<Item = (&'a dyn Density, &'a [T])> {
        let mut start = 1;
        self.components.iter().filter_map(move |component| {
            let part = &of_heads[start..start + component.heads().len()];
            start += part.len();
            Some((component.density()?, part))
        })
    }
}

impl BuiltScore for Mixture {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn scores<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        -self.log_prob(pass, estimates, targets)
    }

    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Density for Mixture {
    fn log_prob<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        let log_weights = (estimates[0] / pass.weight(self.temperature)).log_softmax();
        let column = targets.shape().with_last(1);
        let terms = self.parts(estimates).map(|(density, part)| density.log_prob(pass, part, targets).reshape(column));
        // One at a time: a mixture may have more components than an operation has operands.
        match terms.reduce(|joint, term| joint.concatenate(&[term])) {
            Some(joint) => (joint + log_weights).log_sum_exp(),
            None => pass.tape().fail(Error::argument("components", "a mixture needs at least two components")),
        }
    }

    fn at(&self, parameters: &Parameters, estimates: &[&[f64]]) -> Result<Box<dyn PointDensity>> {
        if estimates.len() != self.heads.len() {
            let message = format!("{} estimates for {} heads; give one for each", estimates.len(), self.heads.len());
            return Err(Error::shape("mixture", message));
        }
        let temperature = parameters.tensor(self.temperature)?.values()?.first().map_or(1.0, |&t| f64::from(t));
        let logits: Vec<f64> = estimates[0].iter().map(|logit| logit / temperature).collect();
        let total = log_sum_exp(&logits);
        let components = self.parts(estimates).map(|(density, part)| density.at(parameters, part));
        Ok(Box::new(AtPoint {
            log_weights: logits.iter().map(|logit| logit - total).collect(),
            components: components.collect::<Result<_>>()?,
        }))
    }
}

struct AtPoint {
    log_weights: Vec<f64>,
    components: Vec<Box<dyn PointDensity>>,
}

impl PointDensity for AtPoint {
    fn log_prob(&self, x: &[f64]) -> f64 {
        let joint = self.components.iter().zip(&self.log_weights).map(|(density, weight)| density.log_prob(x) + weight);
        log_sum_exp(&joint.collect::<Vec<_>>())
    }

    fn draw(&self, stream: &mut Stream, out: &mut [f64]) {
        let u: f64 = stream.random();
        let mut cumulative = 0.0;
        let chosen = self.log_weights.iter().position(|weight| {
            cumulative += weight.exp();
            u < cumulative
        });
        // Rounding may leave the sum below u.
        if let Some(component) = chosen.map_or(self.components.last(), |index| self.components.get(index)) {
            component.draw(stream, out);
        }
    }
}
