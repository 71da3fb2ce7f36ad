//! Posterior and likelihood learned from the same simulations: evidence, predictions, and both against each other.

use std::sync::Arc;

use super::basic::BasicWorkflow;
use super::defaults::Defaults;
use super::density::{LearnedDensity, log_prior};
use super::fit::Fit;
use super::fitting::Validation;
use super::history::History;
use super::likelihood::LikelihoodWorkflow;
use super::refinement::{LogMean, Refinement, log_mean_exp, rows_of};
use super::roles::Roles;
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record, RememberedDataset};
use crate::error::{Error, Result};
use crate::io::VariableInfo;
use crate::mcmc::{Chains, Nuts};
use crate::simulators::{Pool, Simulator};

/// A posterior and a likelihood of the same simulator (Radev et al. 2023, arXiv:2302.09125).
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let mut joint = JointWorkflow::for_simulator(LinearRegression::default(), 1)?;
/// joint.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = joint.posterior().simulate(3)?;
/// let draws = joint.posterior().sample(&observed, 1000)?;
/// let evidence = joint.log_evidence(&observed, 1000)?; // ln p(x) of each data set, with its error
/// # Ok(())
/// # }
/// ```
pub struct JointWorkflow {
    simulator: Arc<dyn Simulator>,
    posterior: BasicWorkflow,
    likelihood: LikelihoodWorkflow,
}

impl JointWorkflow {
    /// Both networks for a simulator that declares its variables and knows the density of its prior.
    pub fn for_simulator(simulator: impl Simulator + 'static, seed: u64) -> Result<Self> {
        let simulator: Arc<dyn Simulator> = Arc::new(simulator);
        let example = simulator.simulate(2, 0)?;
        log_prior(&*simulator, &example)?;
        let defaults = Defaults::for_simulator(&*simulator, &example)?.for_fresh_simulations();
        let builder = super::builder::WorkflowBuilder::new(Some(simulator.clone()));
        let builder = builder.adapter(defaults.adapter).approximator(defaults.approximator).notes(defaults.notes);
        let posterior = builder.seed(seed).build()?;
        let roles = Roles::of_simulator(&*simulator)?;
        let likelihood = LikelihoodWorkflow::for_roles(&roles, Some(simulator.clone()), None, seed)?;
        JointWorkflow::new(simulator, posterior, likelihood)
    }

    /// Two workflows, trained or not, for the same variables.
    ///
    /// # Errors
    /// A posterior that is known to be a likelihood; a likelihood of variables that the posterior knows nothing of.
    pub fn new(
        simulator: Arc<dyn Simulator>,
        posterior: BasicWorkflow,
        likelihood: LikelihoodWorkflow,
    ) -> Result<Self> {
        posterior.expect_posterior()?;
        expect_same_variables(&posterior, &likelihood)?;
        Ok(JointWorkflow { simulator, posterior, likelihood })
    }

    /// Sets the threads for simulation and training; results do not depend on it.
    pub fn threads(mut self, threads: usize) -> Result<Self> {
        let device = crate::device::Device::named("cpu", threads)?;
        let builder = super::builder::WorkflowBuilder::of(&self.posterior);
        self.posterior = builder.threads(threads).device(device.clone()).build()?;
        self.likelihood = self.likelihood.configure(|builder| builder.threads(threads).device(device))?;
        Ok(self)
    }

    /// Trains both on the same fresh simulations: the losses of the posterior, then those of the likelihood.
    pub fn fit_online(&mut self, fit: Fit) -> Result<[History; 2]> {
        fit.check()?;
        let key = self.posterior.key().fork("online");
        let dataset = OnlineDataset::new(self.simulator.clone(), fit.batch_size, fit.batches_per_epoch, key)?;
        let pool = Pool::new(self.posterior.pool.threads())?;
        self.fit_dataset(RememberedDataset::new(dataset.pool(&pool)), fit, Validation::None)
    }

    /// Trains both on simulations that exist already.
    pub fn fit_offline(&mut self, data: Record, fit: Fit, validation: Validation) -> Result<[History; 2]> {
        fit.check()?;
        let data = self.likelihood.roles().repeat(&data)?;
        let dataset = OfflineDataset::new(data, fit.batch_size, self.posterior.key().fork("offline"))?;
        self.fit_dataset(dataset, fit, validation)
    }

    fn fit_dataset(
        &mut self,
        dataset: impl Dataset + 'static,
        fit: Fit,
        validation: Validation,
    ) -> Result<[History; 2]> {
        let dataset = Arc::new(dataset);
        let posterior = self.posterior.fit_dataset(dataset.clone(), fit.clone(), validation.clone(), &mut [], None)?;
        let likelihood = self.likelihood.fit_dataset(dataset, fit, validation, &mut [])?;
        Ok([posterior, likelihood])
    }

    /// The posterior.
    pub fn posterior(&self) -> &BasicWorkflow {
        &self.posterior
    }

    /// The likelihood.
    pub fn likelihood(&self) -> &LikelihoodWorkflow {
        &self.likelihood
    }

    /// Amortized draws weighted by the prior and the learned likelihood.
    pub fn refine(&self, observed: &Record, draws: usize) -> Result<Refinement> {
        self.posterior.refine(
            observed,
            draws,
            &LearnedDensity { prior: &*self.simulator, likelihood: &self.likelihood },
        )
    }

    /// Posterior draws by the No-U-Turn sampler for the prior and the learned likelihood, with chains that start from amortized draws; see
    /// [`BasicWorkflow::sample_exactly`].
    pub fn sample_exactly(&self, observed: &Record, nuts: &Nuts) -> Result<(Record, Vec<Chains>)> {
        let density = LearnedDensity { prior: &*self.simulator, likelihood: &self.likelihood };
        self.posterior.sample_exactly(observed, &density, nuts)
    }

    /// `ln p(x)` of each observed data set, from prior, learned likelihood and learned posterior:
    ///
    /// ```text
    /// p(x) = mean over θ ~ q(θ | x) of p(θ) q(x | θ)/q(θ | x)
    /// ```
    pub fn log_evidence(&self, observed: &Record, draws: usize) -> Result<Vec<LogMean>> {
        Ok(self.refine(observed, draws)?.log_evidence())
    }

    /// Expected log predictive density of held-out data given each observed data set, `ln ∫ q(y | θ) q(θ | x) dθ`, in nats with its
    /// Monte Carlo error. `held_out` has as many data sets as `observed`, with the same variables.
    pub fn expected_log_predictive_density(
        &self,
        observed: &Record,
        held_out: &Record,
        draws: usize,
    ) -> Result<Vec<LogMean>> {
        let (n, m) = (observed.datasets()?.unwrap_or(1), held_out.datasets()?.unwrap_or(1));
        if n != m {
            let message =
                format!("has {m} data sets, but {n} were observed; give the future of each observed data set");
            return Err(Error::shape("held_out", message));
        }
        let sampled = self.posterior.sample(observed, draws)?;
        let of = |dataset: usize| {
            let rows = self.posterior.with_data(&rows_of(&sampled, dataset, 0..draws)?, held_out, dataset)?;
            Ok(log_mean_exp(&self.likelihood.log_prob(&rows)?))
        };
        (0..n).map(of).collect()
    }

    /// Data that the posterior of each observed data set predicts, by the learned likelihood: name → `[datasets, draws, dim]`, one
    /// simulation for each posterior draw. Of sets, each simulation is one element.
    pub fn posterior_predictive(&self, observed: &Record, draws: usize) -> Result<Record> {
        let sampled = self.posterior.sample(observed, draws)?;
        let datasets = observed.datasets()?.unwrap_or(1);
        let mut parts = Vec::with_capacity(datasets);
        for dataset in 0..datasets {
            let rows = self.posterior.with_data(&rows_of(&sampled, dataset, 0..draws)?, observed, dataset)?;
            parts.push(self.likelihood.sample_from(&rows, 1, 0, self.posterior.seed().wrapping_add(dataset as u64))?);
        }
        let all = Record::concatenate(&parts)?;
        let mut record = Record::new();
        for (name, column) in all.columns() {
            let shape = [&[datasets, draws], &column.array.shape()[2..]].concat();
            record.insert(name, crate::data::Column::dense(column.array.clone().reshape(shape)?));
        }
        Ok(record)
    }
}

/// An error where the likelihood has variables that the posterior lacks, or scores what the posterior infers. What is not trained yet
/// has no variables.
fn expect_same_variables(posterior: &BasicWorkflow, likelihood: &LikelihoodWorkflow) -> Result<()> {
    let names = |variables: &[VariableInfo]| variables.iter().map(|v| v.name.clone()).collect::<Vec<_>>();
    let (parameters, data) = (names(posterior.parameters()), names(posterior.data_variables()));
    let (scored, roles) = (&likelihood.roles().data_variables, likelihood.roles());
    if parameters.is_empty() {
        return Ok(());
    }
    let known = |name: &&String| parameters.contains(name) || data.contains(name);
    let unknown = roles.parameters.iter().chain(&roles.conditions).chain(scored).find(|name| !known(name));
    if unknown.is_none() && scored.iter().all(|name| data.contains(name)) {
        return Ok(());
    }
    let message = format!(
        "is that of {} given {}, the posterior is that of {} given {}; give two models of the same simulations",
        scored.join(", "),
        [&roles.parameters[..], &roles.conditions[..]].concat().join(", "),
        parameters.join(", "),
        data.join(", ")
    );
    Err(Error::argument("likelihood", message))
}
