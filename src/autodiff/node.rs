//! What the tape remembers of one step.

use crate::ops::{Attributes, MOST_OPERANDS, MOST_PRODUCTS, Operation};
use crate::tensor::Tensor;

/// Number of a product on the tape: the node's number and which of its products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: u32,
    pub(super) product: u32,
}

impl Place {
    /// The place of a variable whose computation failed; the tape holds the reason.
    pub(super) const NOWHERE: Place = Place { node: u32::MAX, product: 0 };
}

/// What a node is.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// A value from outside that no gradient is asked for.
    Constant,
    /// A value from outside whose gradient is kept.
    Input,
    /// A trainable weight: offset in the flat tensor, number of the weight.
    Weight { offset: usize, index: usize },
    /// Weights that follow each other: offset in the flat tensor, number of the first and of the one behind the last.
    Weights { offset: usize, first: usize, end: usize },
    /// The result of an operation.
    Operation(&'static dyn Operation),
}

pub(super) struct Node {
    pub(super) source: Source,
    pub(super) operands: [Place; MOST_OPERANDS],
    pub(super) operand_count: usize,
    pub(super) products: [Option<Tensor>; MOST_PRODUCTS],
    pub(super) outputs: usize,
    pub(super) attributes: Attributes,
    /// Whether a gradient flows through this node to a weight or an input.
    pub(super) differentiable: bool,
}

impl Node {
    pub(super) fn leaf(source: Source, tensor: Tensor) -> Self {
        Node {
            source,
            operands: [Place::NOWHERE; MOST_OPERANDS],
            operand_count: 0,
            products: [Some(tensor), None, None, None],
            outputs: 1,
            attributes: Attributes::NONE,
            differentiable: !matches!(source, Source::Constant),
        }
    }

    pub(super) fn operands(&self) -> &[Place] {
        &self.operands[..self.operand_count]
    }
}
