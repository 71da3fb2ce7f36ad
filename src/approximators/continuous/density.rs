//! The head of a continuous approximator: an inference network trained by its density.

use std::sync::{Mutex, PoisonError};

use crate::approximators::conditioned::Head;
use crate::autodiff::Var;
use crate::error::Result;
use crate::networks::inference::{BuiltInferenceNetwork, Conditional};
use crate::nn::Pass;
use crate::ops::fused_flow::FusedFlow;
use crate::parameters::Parameters;

/// An inference network; its loss is `mean(−ln q(θ̃ | c) · weight)`.
pub struct Density {
    pub(super) network: Box<dyn BuiltInferenceNetwork>,
    /// The network with packed weights; none where it is still to be packed, `Some(None)` where it cannot be.
    fused: Mutex<Option<Option<FusedFlow>>>,
}

impl Density {
    pub(crate) fn new(network: Box<dyn BuiltInferenceNetwork>) -> Self {
        Density { network, fused: Mutex::default() }
    }

    /// The network at conditions `[datasets, …]`, with packed weights if it has that form.
    pub(super) fn given<'a>(
        &'a self,
        parameters: &'a Parameters,
        condition: Vec<f32>,
        datasets: usize,
    ) -> Result<Conditional<'a>> {
        let mut fused = self.fused.lock().unwrap_or_else(PoisonError::into_inner);
        if fused.is_none() {
            *fused = Some(self.network.fuse(parameters)?);
        }
        let fused = fused.clone().flatten();
        Conditional::prepared(&*self.network, parameters, fused, condition, datasets)
    }
}

impl Head for Density {
    const TITLE: &'static str = "inference network";

    fn loss<'t>(
        &self,
        pass: &Pass<'t>,
        targets: Var<'t>,
        condition: Option<Var<'t>>,
        weight: Option<Var<'t>>,
    ) -> Result<Var<'t>> {
        let negative = -self.network.log_prob(pass, targets, condition);
        Ok(weight.map_or(negative, |weight| negative * weight).mean())
    }

    fn weights_change(&mut self) {
        *self.fused.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn describe(&self) -> String {
        self.network.describe()
    }
}
