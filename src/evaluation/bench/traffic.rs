//! The memory traffic that a workload needs at the least.

/// Numbers of four bytes that a call has to do with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Trainable parameters.
    pub weights: usize,
    /// Numbers that go in.
    pub inputs: usize,
    /// Numbers that come out.
    pub outputs: usize,
}

/// Movements of a parameter in a step by Adam: weight read and written, gradient written and read, two moments read and
/// written.
const STEP: usize = 2 + 2 + 4;
const BYTES: usize = 4;

impl Traffic {
    /// Bytes of a call that draws or computes a density: inputs, outputs and weights move once.
    pub fn forward(self) -> usize {
        BYTES * (self.weights + self.inputs + self.outputs)
    }

    /// Bytes of a training step: inputs and outputs move once, each weight with its gradient and the optimizer's state.
    pub fn training(self) -> usize {
        BYTES * (STEP * self.weights + self.inputs + self.outputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_moves_weights_gradients_and_moments() {
        let traffic = Traffic { weights: 1000, inputs: 20, outputs: 3 };
        assert_eq!(traffic.forward(), 4 * 1023);
        let (weights, gradients, moments) = (2 * 1000, 2 * 1000, 2 * 2 * 1000);
        assert_eq!(traffic.training(), 4 * (weights + gradients + moments + 20 + 3));
    }
}
