//! What a sampler has drawn.

use super::chain::Record;
use super::convergence::{e_bfmi, ess_bulk, ess_mean, ess_tail, r_hat};
use super::nuts::Nuts;
use crate::math::{mean, quantile, variance};

/// Draws of several chains, and what is known of how they came about.
#[derive(Debug, Clone)]
pub struct Chains {
    pub(super) records: Vec<Record>,
    dimension: usize,
    draws: usize,
    max_depth: usize,
    evaluations: usize,
}

/// One variable in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariableSummary {
    /// The mean.
    pub mean: f64,
    /// The standard deviation.
    pub std: f64,
    /// The quantiles 0.05, 0.5 and 0.95.
    pub quantiles: [f64; 3],
    /// The Monte Carlo standard error of the mean.
    pub standard_error: f64,
    /// The rank-normalised split R̂.
    pub r_hat: f64,
    /// The effective number of draws for the middle of the distribution.
    pub ess_bulk: f64,
    /// The effective number of draws for its tails.
    pub ess_tail: f64,
}

impl Chains {
    pub(super) fn new(settings: &Nuts, dimension: usize, evaluations: usize, records: Vec<Record>) -> Self {
        Chains { records, dimension, draws: settings.draws, max_depth: settings.max_depth, evaluations }
    }

    /// Number of chains.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// Draws of each chain.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// Number of variables, `D`.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// How often the density was asked for, warmup included.
    pub fn evaluations(&self) -> usize {
        self.evaluations
    }

    /// The draws `[draws, D]` of one chain, row-major; none for a chain that does not exist.
    pub fn chain(&self, chain: usize) -> &[f64] {
        self.records.get(chain).map_or(&[], |record| &record.draws)
    }

    /// All draws `[chains, draws, D]`, row-major.
    pub fn values(&self) -> Vec<f64> {
        self.records.iter().flat_map(|record| record.draws.iter().copied()).collect()
    }

    /// The draws of one variable, chain by chain.
    pub fn variable(&self, variable: usize) -> Vec<Vec<f64>> {
        let column = |record: &Record| record.draws.iter().skip(variable).step_by(self.dimension).copied().collect();
        self.records.iter().map(column).collect()
    }

    /// The log density of each draw, `[chains, draws]`.
    pub fn log_density(&self) -> Vec<f64> {
        self.records.iter().flat_map(|record| record.log_density.iter().copied()).collect()
    }

    /// The mean acceptance of each chain.
    pub fn acceptance(&self) -> Vec<f64> {
        self.records.iter().map(|record| mean(&record.acceptance)).collect()
    }

    /// The doublings of each trajectory, `[chains, draws]`.
    pub fn tree_depths(&self) -> Vec<usize> {
        self.records.iter().flat_map(|record| record.depth.iter().copied()).collect()
    }

    /// The step size that each chain settled on.
    pub fn step_sizes(&self) -> Vec<f64> {
        self.records.iter().map(|record| record.step_size).collect()
    }

    /// Trajectories, after warmup, whose energy ran away.
    pub fn divergences(&self) -> usize {
        self.records.iter().map(|record| record.divergences).sum()
    }

    /// Trajectories, after warmup, that ended at a point outside of the support.
    pub fn outside(&self) -> usize {
        self.records.iter().map(|record| record.outside).sum()
    }

    /// The share of trajectories that were as long as allowed.
    pub fn share_of_longest(&self) -> f64 {
        let longest = self.records.iter().flat_map(|record| &record.depth).filter(|&&depth| depth >= self.max_depth);
        longest.count() as f64 / (self.count() * self.draws) as f64
    }

    /// The energy Bayesian fraction of missing information of each chain.
    pub fn e_bfmi(&self) -> Vec<f64> {
        self.records.iter().map(|record| e_bfmi(&record.energy)).collect()
    }

    /// Each variable in numbers.
    pub fn summary(&self) -> Vec<VariableSummary> {
        (0..self.dimension).map(|variable| summarise(&self.variable(variable))).collect()
    }
}

fn summarise(chains: &[Vec<f64>]) -> VariableSummary {
    let borrowed: Vec<&[f64]> = chains.iter().map(Vec::as_slice).collect();
    let mut all = chains.concat();
    let (mean, std) = (mean(&all), variance(&all, 1).sqrt());
    all.sort_by(f64::total_cmp);
    VariableSummary {
        mean,
        std,
        quantiles: [0.05, 0.5, 0.95].map(|q| quantile(&all, q)),
        standard_error: std / ess_mean(&borrowed).sqrt(),
        r_hat: r_hat(&borrowed),
        ess_bulk: ess_bulk(&borrowed),
        ess_tail: ess_tail(&borrowed),
    }
}
