//! Mixtures of distributions.

use serde::{Deserialize, Serialize};

use super::{BaseDistribution, BuiltDistribution, Constants, Sampler};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::log_sum_exp;
use crate::nn::Pass;
use crate::parameters::{Builder, Parameters, Weight};

/// `ln p(z) = ln Σ_k π_k p_k(z)` with `π = softmax(logits)`; a draw chooses a component, then draws from it.
///
/// The logits are constants, or with `trainable_mixture` the weight `mixture_logits` `[K]`. Components may be mixtures
/// themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mixture {
    /// The components.
    pub components: Vec<BaseDistribution>,
    /// The logits of the components; all equal if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture_logits: Option<Vec<f64>>,
    /// Whether training changes the logits.
    #[serde(default)]
    pub trainable_mixture: bool,
}

impl Mixture {
    /// A mixture with equal constant logits.
    pub fn of(components: impl IntoIterator<Item = BaseDistribution>) -> Self {
        Mixture { components: components.into_iter().collect(), mixture_logits: None, trainable_mixture: false }
    }

    pub(super) fn build(&self, builder: &Builder, dimension: usize) -> Result<BuiltMixture> {
        let count = self.components.len();
        if count == 0 {
            return Err(Error::argument("components", "is empty; a mixture needs at least one component"));
        }
        let logits = self.mixture_logits.clone().unwrap_or_else(|| vec![1.0; count]);
        if logits.len() != count || logits.iter().any(|logit| !logit.is_finite()) {
            let message = format!("{logits:?} for {count} components; give one finite number for each");
            return Err(Error::argument("mixture_logits", message));
        }
        let weight = self.trainable_mixture.then(|| builder.trainable_values("mixture_logits", &logits));
        let build = |(index, component): (usize, &BaseDistribution)| {
            component.build(&builder.scope(format!("distributions.{index}")), dimension)
        };
        Ok(BuiltMixture {
            components: self.components.iter().enumerate().map(build).collect::<Result<_>>()?,
            logits,
            weight,
        })
    }
}

/// The mixture for a number of dimensions.
#[derive(Debug, Clone)]
pub(super) struct BuiltMixture {
    components: Vec<BuiltDistribution>,
    logits: Vec<f64>,
    weight: Option<Weight>,
}

impl BuiltMixture {
    pub(super) fn log_density<'t>(&self, pass: &Pass<'t>, z: Var<'t>, constants: Constants) -> Var<'t> {
        let logits = match self.weight {
            Some(weight) => pass.weight(weight),
            None => {
                let logits: Vec<f32> = self.logits.iter().map(|&l| l as f32).collect();
                pass.tape().values([logits.len()], &logits)
            }
        };
        let column = z.shape().with_last(1);
        let mut joint: Option<Var<'t>> = None;
        for component in &self.components {
            let term = component.log_density(pass, z, constants).reshape(column);
            // One at a time: a mixture may have more components than an operation has operands.
            joint = Some(joint.map_or(term, |joint| joint.concatenate(&[term])));
        }
        match joint {
            Some(joint) => (joint + logits.log_softmax()).log_sum_exp(),
            None => pass.tape().fail(Error::argument("components", "a mixture needs at least one component")),
        }
    }

    pub(super) fn sampler(&self, parameters: &Parameters) -> Result<Sampler> {
        let logits = match self.weight {
            Some(weight) => parameters.tensor(weight)?.values()?.into_iter().map(f64::from).collect(),
            None => self.logits.clone(),
        };
        let total = log_sum_exp(&logits);
        let mut sum = 0.0;
        let cumulative = logits.iter().map(|logit| {
            sum += (logit - total).exp();
            sum
        });
        Ok(Sampler::Mixture {
            cumulative: cumulative.collect(),
            components: self.components.iter().map(|c| c.sampler(parameters)).collect::<Result<_>>()?,
        })
    }
}
