//! Workflows of likelihood-to-evidence ratios, with posterior draws by a sampler.

use super::basic::Workflow;
use super::builder::WorkflowBuilder;
use super::density::log_prior;
use super::target::{Mapped, posterior_draws};
use crate::adapters::Strictness;
use crate::approximators::{Batch, RatioApproximator};
use crate::data::Record;
use crate::error::{Error, Result};
use crate::io::VariableInfo;
use crate::mcmc::{Chains, LogDensity, Nuts};
use crate::nn::Mlp;
use crate::random::Key;
use crate::simulators::{Request, Simulator};

/// The workflow of ratios `p(θ | x)/p(θ)`.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::mcmc::Nuts;
/// use ferroflow::prelude::*;
/// let mut workflow = RatioWorkflow::new(LinearRegression::default())
///     .adapter(linear_regression_adapter())
///     .summary_network(DeepSet::default())
///     .build()?;
/// workflow.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = workflow.simulate(2)?;
/// let log_ratio = workflow.log_ratio(&observed)?; // at the true parameters, [datasets]
/// let (draws, chains) = workflow.sample(&observed, &Nuts::default())?;
/// println!("{}", chains[0].verdict().sentence);
/// # Ok(())
/// # }
/// ```
pub type RatioWorkflow = Workflow<RatioApproximator>;

impl WorkflowBuilder<RatioApproximator> {
    /// The network that reads parameters and conditions.
    pub fn inference_network(mut self, network: Mlp) -> Self {
        self.approximator.inference_network = network;
        self
    }
}

impl Workflow<RatioApproximator> {
    /// `ln p(θ | x)/p(θ) = ln p(x | θ)/p(x)` of each data set's parameters, `[datasets]`.
    pub fn log_ratio(&self, data: &Record) -> Result<Vec<f64>> {
        for VariableInfo { name, .. } in &self.variables.0 {
            data.column(name)?;
        }
        let adapted = self.adapter.forward(data, Strictness::Lenient)?;
        self.approximator()?.log_ratio(&Batch::from_record(&adapted)?)
    }

    /// Posterior draws of each observed data set by the No-U-Turn sampler, name → `[datasets, draws, dim]` with the chains one after
    /// the other, and the chains with their diagnostics. The prior is the simulator's, whose density must be known.
    pub fn sample(&self, observed: &Record, nuts: &Nuts) -> Result<(Record, Vec<Chains>)> {
        self.sample_from(observed, nuts, self.seed())
    }

    /// As [`sample`](Self::sample) with a seed of its own.
    pub fn sample_from(&self, observed: &Record, nuts: &Nuts, seed: u64) -> Result<(Record, Vec<Chains>)> {
        self.sample_with_prior(observed, nuts, seed, &|parameters| log_prior(self.known_simulator()?, parameters))
    }

    fn known_simulator(&self) -> Result<&dyn Simulator> {
        self.simulator.as_deref().ok_or_else(|| {
            let message = "this workflow has none, and the density of the prior is needed; give the simulator";
            Error::argument("simulator", message)
        })
    }

    /// As [`sample_from`](Self::sample_from) with the log-density of a prior: for rows of parameters, `−∞` outside of the support.
    pub fn sample_with_prior(
        &self,
        observed: &Record,
        nuts: &Nuts,
        seed: u64,
        prior: &dyn Fn(&Record) -> Result<Vec<f64>>,
    ) -> Result<(Record, Vec<Chains>)> {
        let built = self.approximator()?;
        let d = built.dimensions().inference_variables;
        let batch = self.adapted(observed, false)?;
        let conditions = built.conditions(&batch)?;
        let width = conditions.len() / batch.datasets.max(1);
        let key = Key::new(seed).fork("nuts");
        let mut all = Vec::with_capacity(batch.datasets);
        for (dataset, condition) in conditions.chunks(width.max(1)).enumerate() {
            let mapped = Mapped { workflow: self, log_density: prior };
            let target = RatioTarget { workflow: self, prior: mapped, condition, dimension: d };
            let key = key.at(dataset as u64);
            let starts = self.prior_starts(nuts.chains, key)?;
            all.push(nuts.sample(&target, starts.as_deref(), key)?);
        }
        Ok((posterior_draws(self, &all, d)?, all))
    }

    /// Starting points of chains: draws of the prior in network space, if there is a simulator.
    fn prior_starts(&self, chains: usize, key: Key) -> Result<Option<Vec<f64>>> {
        let Some(simulator) = &self.simulator else { return Ok(None) };
        let simulated = simulator.sample(&Request::new(chains, key.fork("starts")))?;
        let adapted = self.adapter.forward(&simulated, Strictness::Lenient)?;
        Ok(Batch::from_record(&adapted)?.inference_variables.map(|matrix| matrix.values))
    }
}

/// Prior times ratio in network space.
struct RatioTarget<'a> {
    workflow: &'a Workflow<RatioApproximator>,
    prior: Mapped<'a, RatioApproximator>,
    condition: &'a [f32],
    dimension: usize,
}

impl LogDensity for RatioTarget<'_> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn evaluate(&self, points: &[f64], log_densities: &mut [f64], gradients: &mut [f64]) -> Result<()> {
        self.prior.evaluate(points, self.dimension, log_densities, gradients)?;
        let (ratios, slopes) = self.workflow.approximator()?.log_ratio_with_gradient(points, self.condition)?;
        log_densities.iter_mut().zip(ratios).for_each(|(l, r)| *l += r);
        gradients.iter_mut().zip(slopes).for_each(|(g, s)| *g += s);
        Ok(())
    }
}
