//! The head of a ratio approximator: a classifier of matching and other parameters.

use rand::RngExt;

use super::RatioApproximator;
use crate::approximators::conditioned::Head;
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::{BuiltMlp, Dense, Pass};
use crate::parameters::{Builder, Initialiser};
use crate::random::Key;
use crate::tensor::Tensor;

/// The network `h(θ, c)`.
///
/// For each data set, `h₁ … h_K` are the ratios of candidates of which the first is its own (joint) or none is (marginal):
///
/// ```text
/// A(h)   = ln(K + γ Σ exp(hₖ))
/// joint    = A(h) − ln γ − h₁;    marginal = A(h′) − ln K
/// loss     = mean of (marginal + γ joint)/(1 + γ) · weight
/// ```
pub struct Contrast {
    network: BuiltMlp,
    projector: Dense,
    targets: usize,
    condition: usize,
    contrasts: usize,
    gamma: f64,
}

impl Contrast {
    pub(super) fn build(
        config: &RatioApproximator,
        builder: &Builder,
        targets: usize,
        condition: usize,
    ) -> Result<Self> {
        let network = config.inference_network.build(&builder.scope("inference_network"), targets + condition)?;
        let scope = builder.scope("projector");
        let projector = Dense::build(&scope, network.width(), 1, Initialiser::GlorotUniform, true);
        Ok(Contrast { network, projector, targets, condition, contrasts: config.contrasts, gamma: config.gamma })
    }

    /// `h(θ, c)` for `[rows, D]` and `[rows, C]`: `[rows]`.
    pub(super) fn log_ratio<'t>(&self, pass: &Pass<'t>, targets: Var<'t>, condition: Var<'t>) -> Var<'t> {
        let h = self.network.forward_projected(pass, targets, Some(condition), &self.projector);
        h.reshape([targets.shape().axes()[0]])
    }

    /// The loss with the given other data sets for each: `others` is `[datasets, K]`.
    pub(super) fn loss_with<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Var<'t>,
        weight: Option<Var<'t>>,
        others: &[u32],
    ) -> Result<Var<'t>> {
        let datasets = targets.shape().axes()[0];
        let k = others.len() / datasets.max(1);
        let candidates: Vec<u32> = (0..datasets)
            .flat_map(|i| std::iter::once(i as u32).chain(others[i * k..(i + 1) * k].iter().copied()))
            .collect();
        let tape = pass.tape();
        let indices = tape.constant(Tensor::from_indices(tape.device(), [candidates.len()], &candidates)?);
        let h = self.log_ratio(pass, targets.gather_rows(indices), condition.repeat_rows(k + 1));
        let h = h.reshape([datasets, k + 1]);
        let (log_gamma, log_k) = (self.gamma.ln(), (k as f64).ln());
        let none = tape.constant(Tensor::full(tape.device(), [datasets, 1].into(), log_k as f32)?);
        let normaliser = |h: Var<'t>| (h + log_gamma).concatenate(&[none]).log_sum_exp();
        let joint = normaliser(h.columns(0, k)) - h.columns(0, 1).reshape([datasets]) - log_gamma;
        let marginal = normaliser(h.columns(1, k)) - log_k;
        let loss = (marginal + joint * self.gamma) / (1.0 + self.gamma);
        Ok(weight.map_or(loss, |weight| loss * weight).mean())
    }
}

impl Head for Contrast {
    const TITLE: &'static str = "ratio network";

    fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Option<Var<'t>>,
        weight: Option<Var<'t>>,
    ) -> Result<Var<'t>> {
        let datasets = targets.shape().axes()[0];
        if datasets < 2 {
            let message = "holds one data set, and there is no other to contrast it with; make batches of at least two";
            return Err(Error::argument("batch", message));
        }
        let condition = condition.ok_or_else(|| Error::key("inference_conditions", "is missing; give the data"))?;
        let others = other_rows(datasets, self.contrasts.min(datasets - 1), pass.next_key());
        self.loss_with(pass, targets, condition, weight, &others)
    }

    fn describe(&self) -> String {
        let flops = self.network.flops() + self.projector.flops();
        format!(
            "perceptron of {} variables and {} conditions, {flops} operations; contrasted with {} others, γ = {}",
            self.targets, self.condition, self.contrasts, self.gamma
        )
    }
}

/// For each row `k` different other rows, `[rows, k]`, all choices equally likely.
fn other_rows(rows: usize, k: usize, key: Key) -> Vec<u32> {
    let mut others = Vec::with_capacity(rows * k);
    for row in 0..rows {
        let mut stream = key.at(row as u64).stream();
        let start = others.len();
        // Floyd's choice of k of rows − 1 numbers.
        for last in rows - 1 - k..rows - 1 {
            let drawn = stream.random_range(0..=last) as u32;
            let taken = others[start..].contains(&drawn);
            others.push(if taken { last as u32 } else { drawn });
        }
        // Numbers from the own one on are those of the rows behind it.
        others[start..].iter_mut().filter(|other| **other >= row as u32).for_each(|other| *other += 1);
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_different_rows_and_equally_likely() {
        let mut counts = [0; 5];
        for repeat in 0..4000 {
            let others = other_rows(5, 2, Key::new(3).at(repeat));
            for (row, pair) in others.chunks(2).enumerate() {
                assert!(pair[0] != pair[1] && pair.iter().all(|&other| other as usize != row && other < 5));
            }
            others[..2].iter().for_each(|&other| counts[other as usize] += 1);
        }
        // Each of four rows is among two with probability one half: 2000 ± 32.
        assert!(counts[1..].iter().all(|&count| (count - 2000i32).abs() < 150), "{counts:?}");
        assert_eq!(other_rows(3, 2, Key::new(1)).len(), 6);
    }
}
