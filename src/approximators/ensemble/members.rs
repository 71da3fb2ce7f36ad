//! The members of an ensemble by name, and how what each of them says becomes one answer.

use super::mixture::{Allotment, log_mean, mean, shares};
use crate::error::{Error, Result};
use crate::random::Key;

/// At least two members, each with a name of its own: approximators with weights, or whatever is made of them.
pub(crate) struct Members<M> {
    list: Vec<(String, M)>,
}

impl<M> Members<M> {
    pub(crate) fn new(list: Vec<(String, M)>) -> Result<Self> {
        if list.len() < 2 {
            let message = format!("{} was given; an ensemble has at least two", list.len());
            return Err(Error::argument("members", message));
        }
        for (i, (name, _)) in list.iter().enumerate() {
            if list[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::argument("members", format!("'{name}' names two members; give each its own name")));
            }
        }
        Ok(Members { list })
    }

    pub(crate) fn list(&self) -> &[(String, M)] {
        &self.list
    }

    pub(crate) fn list_mut(&mut self) -> &mut [(String, M)] {
        &mut self.list
    }

    pub(crate) fn into_list(self) -> Vec<(String, M)> {
        self.list
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn first(&self) -> &M {
        &self.list[0].1
    }

    /// Weights that are all the same.
    pub(crate) fn equal(&self) -> Vec<f64> {
        vec![1.0; self.list.len()]
    }

    /// What each member gives, `of(number, member)`, with its name.
    pub(crate) fn each<T>(&self, of: impl Fn(usize, &M) -> Result<T>) -> Result<Vec<(String, T)>> {
        let numbered = self.list.iter().enumerate();
        numbered.map(|(number, (name, member))| Ok((name.clone(), of(number, member)?))).collect()
    }

    /// Draws of the members, `of(number, member, count)` of those that give any, and how they are put together. The seed decides how
    /// many draws each member gives and in which order they come.
    pub(crate) fn draw<T>(
        &self,
        draws: usize,
        weights: &[f64],
        seed: u64,
        of: impl Fn(usize, &M, usize) -> Result<T>,
    ) -> Result<(Vec<T>, Allotment)> {
        let shares = self.shares(weights)?;
        let allotment = Allotment::new(&shares, draws, Key::new(seed).fork("ensemble"))?;
        let numbered = self.list.iter().zip(&allotment.counts).enumerate().filter(|(_, (_, count))| **count > 0);
        let parts = numbered.map(|(number, ((_, member), &count))| of(number, member, count));
        let parts = parts.collect::<Result<Vec<_>>>()?;
        Ok((parts, allotment))
    }

    /// `ln Σ w exp(l)` of logarithms that the members give for the same rows. Those of weight zero are not asked.
    pub(crate) fn log_mean(&self, weights: &[f64], of: impl Fn(&M) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let (shares, each) = self.counted(weights, of)?;
        Ok(log_mean(&shares, &each))
    }

    /// `Σ w v` of values that the members give for the same rows. Those of weight zero are not asked.
    pub(crate) fn mean(&self, weights: &[f64], of: impl Fn(&M) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let (shares, each) = self.counted(weights, of)?;
        Ok(mean(&shares, &each))
    }

    /// Weights as shares, which add up to one.
    pub(crate) fn shares(&self, weights: &[f64]) -> Result<Vec<f64>> {
        shares(weights, self.list.len())
    }

    /// The shares that are not zero, and what these members give.
    fn counted(&self, weights: &[f64], of: impl Fn(&M) -> Result<Vec<f64>>) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
        let counted = self.shares(weights)?.into_iter().zip(&self.list).filter(|(share, _)| *share > 0.0);
        let pairs = counted.map(|(share, (_, member))| Ok((share, of(member)?))).collect::<Result<Vec<_>>>()?;
        Ok(pairs.into_iter().unzip())
    }
}

/// The seed of a member: they differ, and follow that of the caller.
pub(crate) fn seed_of_member(seed: u64, number: usize) -> u64 {
    seed.wrapping_add(number as u64)
}
