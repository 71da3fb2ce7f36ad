//! The rule of classification: cross-entropy.

use super::score::BuiltScore;
use super::{Head, Link, Transformation};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::Pass;

/// `−Σ_c θ_c ln softmax(logits)_c` for targets that are one-hot, or probabilities: least for the probabilities of the classes.
pub(super) struct CrossEntropy {
    heads: [Head; 1],
}

impl CrossEntropy {
    pub(super) fn new(classes: Option<usize>, dimension: usize) -> Result<Self> {
        if let Some(classes) = classes.filter(|&classes| classes != dimension) {
            let message =
                format!("{classes} for {dimension} target columns; one column per class is expected, one-hot");
            return Err(Error::argument("classes", message));
        }
        let logits = Head {
            name: "logits".into(),
            shape: vec![dimension],
            link: Link::default(),
            transformation: Transformation::Identity,
        };
        Ok(CrossEntropy { heads: [logits] })
    }
}

impl BuiltScore for CrossEntropy {
    fn heads(&self) -> &[Head] {
        &self.heads
    }

    fn scores<'t>(&self, _: &Pass<'t>, estimates: &[Var<'t>], targets: Var<'t>) -> Var<'t> {
        -(targets * estimates[0].log_softmax()).sum_last()
    }
}
