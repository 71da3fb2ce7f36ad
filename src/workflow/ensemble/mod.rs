//! Several workflows of the same thing: their answers together, and how far they disagree.

mod checkpoint;
mod comparison;
mod disagreement;
mod estimates;
mod files;
mod fitting;
mod merge;
mod posterior;
mod ratio;
mod watch;
mod windows;

pub use checkpoint::EnsembleCheckpoint;
pub use disagreement::Disagreement;

use std::path::Path;

use super::basic::Workflow;
use super::builder::WorkflowBuilder;
use crate::approximators::{Approximator, ContinuousApproximator, Members, seed_of_member};
use crate::data::Record;
use crate::device::Device;
use crate::error::{Error, Result};

/// Named members that approximate the same, trained on the same simulations from different starting weights, or with different
/// networks (Lakshminarayanan et al. 2017, arXiv:1612.01474): posteriors, estimates, ratios or probabilities of models.
///
/// The answers are those of an [`EnsembleApproximator`](crate::approximators::EnsembleApproximator) on the original scale. Unlike in the
/// peer, each member has networks of its own, its summary network included, and training minimises the loss of each.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let member = BasicWorkflow::for_simulator(LinearRegression::default())?;
/// let mut ensemble = EnsembleWorkflow::of_size(member, 4)?;
/// ensemble.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = ensemble.simulate(3)?;
/// let draws = ensemble.sample(&observed, 1000)?; // of all members
/// let disagreement = ensemble.disagreement(&observed, 1000)?;
/// # Ok(())
/// # }
/// ```
pub struct EnsembleWorkflow<A: Approximator = ContinuousApproximator> {
    members: Members<Workflow<A>>,
}

impl<A: Approximator> EnsembleWorkflow<A> {
    /// `size` members with the same networks and weights that start differently: the seeds follow that of the builder.
    pub fn of_size(member: WorkflowBuilder<A>, size: usize) -> Result<Self> {
        let seed = member.seed_of();
        let members = (0..size).map(|i| (i.to_string(), member.clone().seed(seed_of_member(seed, i))));
        EnsembleWorkflow::new(members)
    }

    /// Members by name, at least two. The simulations are those of the first member's simulator and seed.
    pub fn new(members: impl IntoIterator<Item = (impl Into<String>, WorkflowBuilder<A>)>) -> Result<Self> {
        let build = |(name, builder): (_, WorkflowBuilder<A>)| Ok((Into::<String>::into(name), builder.build()?));
        let members = members.into_iter().map(build).collect::<Result<Vec<_>>>()?;
        EnsembleWorkflow::of_members(members)
    }

    fn of_members(members: Vec<(String, Workflow<A>)>) -> Result<Self> {
        for (name, _) in &members {
            let path = Path::new(name);
            if path.components().count() != 1 || path.file_name().is_none() {
                return Err(Error::argument(
                    "members",
                    format!("'{name}' cannot name a folder; use letters and digits"),
                ));
            }
        }
        Ok(EnsembleWorkflow { members: Members::new(members)? })
    }

    /// The members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&str, &Workflow<A>)> {
        self.members.list().iter().map(|(name, member)| (name.as_str(), member))
    }

    /// `count` fresh simulations: name → `[count, …]`.
    pub fn simulate(&self, count: usize) -> Result<Record> {
        self.first().simulate(count)
    }

    /// A folder in which each epoch of later fits leaves a complete `NAME/model.safetensors` and `NAME/history.csv` of every member;
    /// [`EnsembleCheckpoint::read`] reads them.
    pub fn set_checkpoints(&mut self, folder: impl AsRef<Path>) {
        for (name, member) in self.members.list_mut() {
            member.set_checkpoints(folder.as_ref().join(name.as_str()));
        }
    }

    /// The same ensemble on another device.
    pub fn move_to(self, device: &Device) -> Result<Self> {
        let members = self.members.into_list().into_iter();
        let moved = members.map(|(name, member)| Ok((name, member.move_to(device.clone())?)));
        EnsembleWorkflow::of_members(moved.collect::<Result<Vec<_>>>()?)
    }

    fn first(&self) -> &Workflow<A> {
        self.members.first()
    }
}
