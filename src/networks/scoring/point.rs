//! Rules for point estimates: mean, median, quantiles.

use super::score::BuiltScore;
use super::{Head, Link};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::Pass;

/// `|θ̂ − θ|ᵏ`, least for the mean with `k = 2` and for the median with `k = 1`.
pub(super) struct NormedDifference {
    k: f64,
    heads: [Head; 1],
}

impl NormedDifference {
    pub(super) fn new(k: f64, dimension: usize) -> Result<Self> {
        if !(k.is_finite() && k > 0.0) {
            return Err(Error::argument(
                "k",
                format!("{k} was given; give a positive exponent, such as 2 for the mean"),
            ));
        }
        Ok(NormedDifference { k, heads: [Head::value(vec![dimension], Link::default())] })
    }
}

/// Largest exponent that is computed by multiplication.
const LARGEST_PRODUCT: f64 = 16.0;
/// Keeps the logarithm of a difference finite; far below any difference of interest.
const TINY: f64 = 1e-30;

impl BuiltScore for NormedDifference {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn scores<'t>(&self, _: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        let difference = estimates[0] - targets;
        if self.k == 2.0 {
            return difference.map(Function::Square);
        }
        let absolute = difference.map(Function::Abs);
        if self.k.fract() == 0.0 && self.k <= LARGEST_PRODUCT {
            return (1..self.k as usize).fold(absolute, |product, _| product * absolute);
        }
        (absolute.affine(1.0, TINY).map(Function::Log) * self.k).map(Function::Exp)
    }
}

/// `(θ̂_q − θ)(1[θ̂_q > θ] − q)`, averaged over the quantiles: least for the quantiles of `θ` (Koenker & Bassett 1978).
pub(super) struct QuantileScore {
    q: Vec<f64>,
    heads: [Head; 1],
}

impl QuantileScore {
    pub(super) fn new(q: &[f64], dimension: usize) -> Result<Self> {
        let inside = q.iter().all(|q| *q > 0.0 && *q < 1.0);
        if q.is_empty() || !inside || q.windows(2).any(|pair| pair[0] >= pair[1]) {
            let message =
                format!("{q:?} was given; give ascending probabilities between 0 and 1, such as [0.1, 0.5, 0.9]");
            return Err(Error::argument("q", message));
        }
        let link = Link::OrderedQuantiles { quantiles: q.to_vec() };
        Ok(QuantileScore { q: q.to_vec(), heads: [Head::value(vec![q.len(), dimension], link)] })
    }
}

impl BuiltScore for QuantileScore {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn scores<'t>(&self, pass: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        let (rows, dimension) = (targets.shape().rows(), targets.shape().last());
        let q: Vec<f32> = self.q.iter().map(|&q| q as f32).collect();
        let difference = estimates[0] - targets.reshape([rows, 1, dimension]);
        let scores = difference.map(Function::Relu) - difference * pass.tape().values([q.len(), 1], &q);
        scores.reduce(crate::ops::ReduceKind::Mean, 1)
    }
}
