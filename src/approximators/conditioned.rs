//! A network behind a condition: what is given directly beside what the summary network makes of the data.

use super::objective::{Inputs, Objective};
use super::{BuiltApproximator, Dimensions, Standardizer, Variable};
use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::distributions::{BaseDistribution, BuiltDistribution, maximum_mean_discrepancy};
use crate::error::{Error, Result};
use crate::math::PairKernel;
use crate::networks::SummaryChoice;
use crate::networks::summary::BuiltSummaryNetwork;
use crate::nn::Pass;
use crate::parameters::Builder;
use crate::random::Key;

/// The network at the end: what it makes of targets and conditions.
pub trait Head: Send + Sync {
    /// What the network is to people.
    const TITLE: &'static str;

    /// The loss of standardised targets `[datasets, D]` given conditions `[datasets, C + K]`, a scalar; weights are `[datasets]`.
    fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Option<Var<'t>>,
        weight: Option<Var<'t>>,
    ) -> Result<Var<'t>>;

    /// See [`Objective::weights_change`].
    fn weights_change(&mut self) {}

    /// The layers, for people; several lines.
    fn describe(&self) -> String;
}

/// A summary network, if there are summary variables, and the network behind it.
///
/// ```text
/// summaries  h = H(x̃)
/// condition  c = [inference_conditions; h]
/// ```
pub struct Conditioned<H> {
    pub(super) summary: Option<Box<dyn BuiltSummaryNetwork>>,
    /// What training draws the summaries towards.
    pub(super) distribution: Option<BuiltDistribution>,
    pub(super) head: H,
}

/// How the summary network and the head of a configuration get their weights.
pub(super) struct Construction<'a> {
    pub summary_network: Option<&'a SummaryChoice>,
    pub summary_distribution: Option<&'a BaseDistribution>,
    pub standardize: &'a [Variable],
    pub dimensions: Dimensions,
    pub device: &'a Device,
    pub key: Key,
}

impl Construction<'_> {
    /// The approximator whose head `build` makes for conditions of the given width.
    pub fn build<H: Head>(
        self,
        build: impl FnOnce(&Builder, usize) -> Result<H>,
    ) -> Result<BuiltApproximator<Conditioned<H>>> {
        let builder = Builder::new();
        let networks = self.networks(&builder, build)?;
        Ok(BuiltApproximator {
            parameters: builder.finish(self.device, self.key.fork("weights"))?,
            standardizer: Standardizer::new(self.standardize),
            tape: Tape::new(self.device),
            dimensions: self.dimensions,
            objective: networks,
            scratch: Vec::new(),
        })
    }

    fn networks<H: Head>(
        &self,
        builder: &Builder,
        build: impl FnOnce(&Builder, usize) -> Result<H>,
    ) -> Result<Conditioned<H>> {
        let summary = match (self.summary_network, &self.dimensions.summary_variables[..]) {
            (None, []) => None,
            (Some(network), []) => {
                let message = format!(
                    "the network {} has nothing to read; name summary_variables in the adapter or remove the network",
                    network.name()
                );
                return Err(Error::argument("summary_network", message));
            }
            (Some(network), inputs) => Some(network.build(&builder.scope("summary_network"), inputs)?),
            (None, _) => {
                let message = "there are summary_variables but no network for them; choose one, such as DeepSet, or rename them to inference_conditions";
                return Err(Error::argument("summary_network", message));
            }
        };
        let width = self.dimensions.inference_conditions + summary.as_ref().map_or(0, |s| s.summary_dimension());
        let distribution = match (self.summary_distribution, &summary) {
            (None, _) => None,
            (Some(distribution), Some(summary)) => {
                let scope = builder.scope("summary_distribution");
                Some(distribution.build(&scope, summary.summary_dimension())?)
            }
            (Some(_), None) => {
                let message = "there are no learned summaries; name summary_variables in the adapter, or leave it out";
                return Err(Error::argument("summary_distribution", message));
            }
        };
        Ok(Conditioned { summary, distribution, head: build(builder, width)? })
    }
}

impl<H> Conditioned<H> {
    /// The learned summaries, `[datasets, K]`.
    fn summaries<'t>(&self, pass: &Pass<'t>, inputs: &Inputs<'_, 't>) -> Option<Var<'t>> {
        self.summary.as_ref().map(|network| network.forward_all(pass, inputs.summary_variables))
    }

    /// What the head is given, `[datasets, C + K]`.
    pub(super) fn condition<'t>(&self, pass: &Pass<'t>, inputs: &Inputs<'_, 't>) -> Option<Var<'t>> {
        joined(inputs.conditions, self.summaries(pass, inputs))
    }

    /// The discrepancy of summaries and as many draws of the distribution that they are to have.
    fn discrepancy<'t>(
        &self,
        pass: &Pass<'t>,
        summaries: Var<'t>,
        distribution: &BuiltDistribution,
    ) -> Result<Var<'t>> {
        let shape = summaries.shape();
        let mut draws = Vec::new();
        distribution.sample(pass.parameters(), pass.next_key(), 0, shape.rows(), &mut draws)?;
        let draws = pass.tape().values(shape, &draws);
        Ok(maximum_mean_discrepancy(summaries, draws, PairKernel::default()))
    }
}

fn joined<'t>(direct: Option<Var<'t>>, summaries: Option<Var<'t>>) -> Option<Var<'t>> {
    match (direct, summaries) {
        (Some(direct), Some(summaries)) => Some(direct.concatenate(&[summaries])),
        (direct, summaries) => direct.or(summaries),
    }
}

impl<H: Head> Objective for Conditioned<H> {
    fn loss<'t>(&self, pass: &Pass<'t>, inputs: &Inputs<'_, 't>) -> Result<Var<'t>> {
        let summaries = self.summaries(pass, inputs);
        let loss = self.head.loss(pass, inputs.targets, joined(inputs.conditions, summaries), inputs.weight)?;
        match (&self.distribution, summaries) {
            (Some(distribution), Some(summaries)) => Ok(loss + self.discrepancy(pass, summaries, distribution)?),
            _ => Ok(loss),
        }
    }

    fn weights_change(&mut self) {
        self.head.weights_change();
    }

    fn summary_network(&self) -> Option<&dyn BuiltSummaryNetwork> {
        self.summary.as_deref()
    }

    fn describe(&self) -> Vec<(&'static str, String)> {
        let summary = self.summary.iter().map(|network| ("summary network", network.describe()));
        summary.chain([(H::TITLE, self.head.describe())]).collect()
    }
}
