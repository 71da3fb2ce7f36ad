//! Several approximators of the same thing, and what they say together.
//!
//! ```text
//! draws      of member m with probability wₘ, all in one random order that is common to the data sets
//! log_prob   ln Σₘ wₘ qₘ(θ | x)
//! log_ratio  ln Σₘ wₘ rₘ(θ, x)
//! estimates  Σₘ wₘ θ̂ₘ(x)
//! predict    Σₘ wₘ pₘ(M | x)
//! ```
//!
//! `w` are the weights divided by their sum. (Lakshminarayanan et al. 2017, arXiv:1612.01474)

mod answers;
mod estimates;
mod members;
mod mixture;

use super::{Approximator, BuiltApproximator, Dimensions};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::random::Key;

pub(crate) use estimates::{is_averaged, with_distribution};
pub(crate) use members::{Members, seed_of_member};
pub(crate) use mixture::{Allotment, mean};

/// Named members with weights on a device, which approximate the same from the same variables.
///
/// Unlike in the peer, a seed decides the draws of members that are kept apart too, and each member standardises by its own moments.
///
/// ```
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::approximators::{Batch, ContinuousApproximator, Dimensions, EnsembleApproximator, Matrix, Trainable};
/// use ferroflow::device::Device;
/// use ferroflow::optim::{Optimizer, Schedule};
/// use ferroflow::random::Key;
/// let matrix = |columns: usize| Matrix { columns, values: (0..4 * columns).map(|i| (i as f64).sin()).collect() };
/// let batch = Batch {
///     datasets: 4,
///     inference_variables: Some(matrix(2)),
///     inference_conditions: Some(matrix(3)),
///     ..Batch::default()
/// };
/// let members = ["a", "b"].map(|name| (name, ContinuousApproximator::default()));
/// let mut ensemble = EnsembleApproximator::build(members, Dimensions::of(&batch)?, &Device::cpu(), Key::new(1))?;
/// for (_, member) in ensemble.members_mut() {
///     let mut optimizer = Optimizer::default().build(Schedule::for_training(1e-3, 1), member.parameters())?;
///     member.train_step(&batch, &mut optimizer, Key::new(2))?;
/// }
/// let draws = ensemble.sample(&batch, 10, &[1.0, 2.0], 7)?; // [4, 10, 2], twice as many of b as of a
/// assert_eq!(draws.len(), 80);
/// assert_eq!(ensemble.log_prob(&batch, &[1.0, 2.0])?.len(), 4);
/// # Ok(())
/// # }
/// ```
pub struct EnsembleApproximator<A: Approximator> {
    members: Members<BuiltApproximator<A::Objective>>,
}

impl<A: Approximator> EnsembleApproximator<A> {
    /// Gives the networks of each member weights of its own.
    ///
    /// # Errors
    /// Fewer than two members, a name twice, what [`Approximator::build`] refuses.
    pub fn build(
        members: impl IntoIterator<Item = (impl Into<String>, A)>,
        dimensions: Dimensions,
        device: &Device,
        key: Key,
    ) -> Result<Self> {
        let build = |(number, (name, configuration)): (usize, (_, A))| {
            let built = configuration.build(dimensions.clone(), device, key.at(number as u64))?;
            Ok((Into::<String>::into(name), built))
        };
        let list = members.into_iter().enumerate().map(build).collect::<Result<Vec<_>>>()?;
        Ok(EnsembleApproximator { members: Members::new(list)? })
    }

    /// Members that have weights already.
    ///
    /// # Errors
    /// Fewer than two members, a name twice, members that were built for variables of different widths.
    pub fn of(members: impl IntoIterator<Item = (impl Into<String>, BuiltApproximator<A::Objective>)>) -> Result<Self> {
        let members = Members::new(members.into_iter().map(|(name, member)| (name.into(), member)).collect())?;
        let expected = members.first().dimensions();
        for (name, member) in members.list() {
            if member.dimensions() != expected {
                let message = format!(
                    "'{name}' was built for {:?}, the first member for {expected:?}; give members of the same variables",
                    member.dimensions()
                );
                return Err(Error::shape("members", message));
            }
        }
        Ok(EnsembleApproximator { members })
    }

    /// The members.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (&str, &BuiltApproximator<A::Objective>)> {
        self.members.list().iter().map(|(name, member)| (name.as_str(), member))
    }

    /// The members, to be trained.
    pub fn members_mut(&mut self) -> impl ExactSizeIterator<Item = (&str, &mut BuiltApproximator<A::Objective>)> {
        self.members.list_mut().iter_mut().map(|(name, member)| (name.as_str(), member))
    }

    /// The widths that all members were built for.
    pub fn dimensions(&self) -> &Dimensions {
        self.members.first().dimensions()
    }
}
