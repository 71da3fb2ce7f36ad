//! What all configurations of approximators have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::objective::Objective;
use super::{Batch, BuiltApproximator, Dimensions, Variable};
use crate::codecs::Array;
use crate::device::Device;
use crate::distributions::BaseDistribution;
use crate::error::Result;
use crate::networks::SummaryChoice;
use crate::random::Key;

/// An approximator before it has weights: plain configuration.
pub trait Approximator: Clone + std::fmt::Debug + Serialize + DeserializeOwned {
    /// What model files call it.
    const KIND: &'static str;

    /// Its networks with weights, and their loss.
    type Objective: Objective;

    /// What the metrics of a training compare; none where the networks draw nothing.
    const COMPARED: Option<Compared<Self::Objective>> = None;

    /// Gives the networks weights for variables of the given widths.
    fn build(&self, dimensions: Dimensions, device: &Device, key: Key) -> Result<BuiltApproximator<Self::Objective>>;

    /// The parts that all approximators have.
    fn parts_mut(&mut self) -> Parts<'_>;

    /// Sets the probability of dropout in the network behind the condition.
    fn set_dropout(&mut self, probability: f64);
}

/// A draw for each data set of a batch, and the truth: both `[datasets, D]` and standardised, so that variables of different
/// scales count alike.
pub type Compared<O> = fn(&BuiltApproximator<O>, &Batch, Key) -> Result<[Array; 2]>;

/// Parts of a configuration.
pub struct Parts<'a> {
    /// The network that learns summary statistics; needed when there are summary variables.
    pub summary_network: &'a mut Option<SummaryChoice>,
    /// The distribution that training draws the summaries towards.
    pub summary_distribution: &'a mut Option<BaseDistribution>,
    /// The variables that are standardised.
    pub standardize: &'a mut Vec<Variable>,
}
