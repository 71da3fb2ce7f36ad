//! What an approximator learns: the loss of a batch whose variables are standardised and on a tape.

use crate::autodiff::Var;
use crate::error::Result;
use crate::networks::summary::{BuiltSummaryNetwork, SummaryInput};
use crate::nn::Pass;

/// The standardised variables of a batch on a tape.
#[derive(Clone, Copy)]
pub struct Inputs<'a, 't> {
    /// The inference variables, `[datasets, D]`.
    pub targets: Var<'t>,
    /// The inference conditions, `[datasets, C]`.
    pub conditions: Option<Var<'t>>,
    /// What the summary network reads.
    pub summary_variables: &'a [SummaryInput<'t>],
    /// Weight of each data set in the loss, `[datasets]`.
    pub weight: Option<Var<'t>>,
}

/// Networks with weights and the loss that they are trained by.
pub trait Objective: Send + Sync {
    /// The loss of a batch, a scalar.
    fn loss<'t>(&self, pass: &Pass<'t>, inputs: &Inputs<'_, 't>) -> Result<Var<'t>>;

    /// The weights are about to change: what was derived from them no longer holds.
    fn weights_change(&mut self) {}

    /// The summary network, if there is one.
    fn summary_network(&self) -> Option<&dyn BuiltSummaryNetwork>;

    /// The networks, layer by layer, for people: a title and several lines for each.
    fn describe(&self) -> Vec<(&'static str, String)>;
}
