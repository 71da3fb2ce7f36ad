//! Ensembles of ratios.

use super::EnsembleWorkflow;
use crate::approximators::RatioApproximator;
use crate::data::Record;
use crate::error::Result;

impl EnsembleWorkflow<RatioApproximator> {
    /// `ln Σ w r(θ, x)` for the ratios `r ≈ p(θ | x)/p(θ)` of the members with equal weights, `[datasets]`: the logarithm of the mean
    /// ratio, not the mean of the logarithms, so that prior times ratio is the mixture of the members' posteriors.
    pub fn log_ratio(&self, data: &Record) -> Result<Vec<f64>> {
        self.log_ratio_weighted(data, &self.members.equal())
    }

    /// As [`log_ratio`](Self::log_ratio) with a weight for each member.
    pub fn log_ratio_weighted(&self, data: &Record, weights: &[f64]) -> Result<Vec<f64>> {
        self.members.log_mean(weights, |member| member.log_ratio(data))
    }

    /// `ln r(θ, x)` of each member: its name, and `[datasets]`.
    pub fn log_ratio_members(&self, data: &Record) -> Result<Vec<(String, Vec<f64>)>> {
        self.members.each(|_, member| member.log_ratio(data))
    }
}
