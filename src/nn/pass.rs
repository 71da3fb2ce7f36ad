//! One pass of data through networks.

use std::cell::{Cell, RefCell};

use crate::autodiff::{Tape, Var};
use crate::error::{Error, Result};
use crate::parameters::{Gradients, Parameters, Weight};
use crate::random::Key;
use crate::tensor::Tensor;

/// What a pass is for. Dropout and the statistics of a batch are active only in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A training step.
    Training,
    /// The loss on data that are not trained on.
    Validation,
    /// Sampling and densities.
    Inference,
}

/// One pass of data through networks: the tape that records it, the weights it uses, the stage, and the key of its
/// random numbers (dropout masks).
pub struct Pass<'t> {
    tape: &'t Tape,
    parameters: &'t Parameters,
    stage: Stage,
    key: Key,
    draws: Cell<u64>,
    frozen: bool,
    updates: RefCell<Vec<(Weight, Var<'t>)>>,
}

impl<'t> Pass<'t> {
    /// A training pass: dropout is active with masks from `key`, and gradients flow to the weights.
    pub fn training(tape: &'t Tape, parameters: &'t Parameters, key: Key) -> Self {
        Pass {
            tape,
            parameters,
            stage: Stage::Training,
            key,
            draws: Cell::new(0),
            frozen: false,
            updates: RefCell::default(),
        }
    }

    /// A pass for sampling and densities: no dropout, weights are constants.
    pub fn inference(tape: &'t Tape, parameters: &'t Parameters) -> Self {
        Pass { stage: Stage::Inference, frozen: true, ..Pass::training(tape, parameters, Key::new(0)) }
    }

    /// This pass at another stage, with gradients to the weights or without.
    pub fn with(self, stage: Stage, gradients: bool) -> Self {
        Pass { stage, frozen: !gradients, ..self }
    }

    /// The tape.
    pub fn tape(&self) -> &'t Tape {
        self.tape
    }

    /// The weights.
    pub fn parameters(&self) -> &'t Parameters {
        self.parameters
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether gradients flow to the weights.
    pub fn has_gradients(&self) -> bool {
        !self.frozen
    }

    /// A weight as a variable.
    pub fn weight(&self, weight: Weight) -> Var<'t> {
        self.tape.weight(self.parameters, weight, self.frozen)
    }

    /// A key for the random numbers of the next layer that needs some. Layers ask in the order in which they run.
    pub fn next_key(&self) -> Key {
        let draw = self.draws.replace(self.draws.get() + 1);
        self.key.fork("pass").at(draw)
    }

    /// Notes the new value of a state, such as a moving statistic, that [`Pass::updates`] hands out after the step.
    pub fn update(&self, state: Weight, value: Var<'t>) {
        self.updates.borrow_mut().push((state, value));
    }

    /// The new values of states that layers noted, for [`Parameters::update`] once this pass is over.
    pub fn updates(&self) -> Result<Vec<(Weight, Tensor)>> {
        self.updates.borrow().iter().map(|&(state, value)| Ok((state, value.value()?))).collect()
    }

    /// Gradients of a scalar with respect to the trainable weights.
    pub fn gradients(&self, loss: Var) -> Result<Gradients> {
        if self.frozen {
            return Err(Error::argument(
                "pass",
                "was made without gradients; use Pass::training, or with(stage, true)",
            ));
        }
        self.tape.gradients(loss, self.parameters)
    }
}
