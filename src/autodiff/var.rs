//! Variables: what formulas are written with.

mod flows;
mod grids;
mod series;
mod sets;

use std::ops::{Add, Div, Mul, Neg, Sub};

pub use sets::{AttentionSets, Pooling};

use super::node::Place;
use super::tape::Tape;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{Affine, Attributes, Binary, BinaryKind, Linear, Mlp, Operation, Reduce, ReduceKind, Reshape, Unary};
use crate::ops::{Columns, Concatenate};
use crate::tensor::{Shape, Tensor};

/// A value on a tape. Small and copied freely; arithmetic works with the usual operators and with numbers.
#[derive(Clone, Copy)]
pub struct Var<'t> {
    pub(super) tape: &'t Tape,
    pub(super) place: Place,
}

impl<'t> Var<'t> {
    /// The tape it is on.
    pub fn tape(self) -> &'t Tape {
        self.tape
    }

    /// The value, sharing the memory; the tape's first fault if there was one.
    pub fn value(self) -> Result<Tensor> {
        self.tape.inner.borrow().value(self.place).cloned()
    }

    /// The shape; that of a scalar when the computation failed.
    pub fn shape(self) -> Shape {
        self.tape.inner.borrow().value(self.place).map_or(Shape::SCALAR, Tensor::shape)
    }

    /// Another output of the operation that made this variable.
    pub fn output(self, index: usize) -> Var<'t> {
        if self.place == Place::NOWHERE {
            return self;
        }
        let outputs = self.tape.inner.borrow().nodes.get(self.place.node as usize).map_or(0, |node| node.outputs);
        if index >= outputs {
            return self
                .tape
                .fail(Error::argument("output", format!("number {index} of {outputs} outputs; use a smaller number")));
        }
        Var { place: Place { product: index as u32, ..self.place }, ..self }
    }

    /// The same value as a constant: no gradient flows through it.
    pub fn detach(self) -> Var<'t> {
        match self.value() {
            Ok(tensor) => self.tape.constant(tensor),
            Err(fault) => self.tape.fail(fault),
        }
    }

    fn apply(
        self,
        operation: &'static dyn Operation,
        others: &[Var<'t>],
        attributes: crate::ops::Attributes,
    ) -> Var<'t> {
        let mut operands = [self; crate::ops::MOST_OPERANDS];
        let count = others.len().min(operands.len() - 1);
        operands[1..=count].copy_from_slice(&others[..count]);
        self.tape.apply(operation, &operands[..=count], attributes)
    }

    /// `f(x)` element by element.
    pub fn map(self, function: Function) -> Var<'t> {
        match function {
            Function::Linear => self,
            _ => self.apply(&Unary, &[], Unary::attributes(function)),
        }
    }

    /// `scale · x + shift`.
    pub fn affine(self, scale: f64, shift: f64) -> Var<'t> {
        self.apply(&Affine, &[], Affine::attributes(scale, shift))
    }

    /// The larger of both, element by element.
    pub fn maximum(self, other: Var<'t>) -> Var<'t> {
        self.binary(BinaryKind::Maximum, other)
    }

    /// The smaller of both, element by element.
    pub fn minimum(self, other: Var<'t>) -> Var<'t> {
        self.binary(BinaryKind::Minimum, other)
    }

    fn binary(self, kind: BinaryKind, other: Var<'t>) -> Var<'t> {
        self.apply(&Binary, &[other], Binary::attributes(kind))
    }

    /// `act(x W + b)` with `x` `[…, in]`, the kernel `W` `[in, out]`, the bias `b` `[out]`: `[…, out]`.
    pub fn linear(self, kernel: Var<'t>, bias: Option<Var<'t>>, activation: Function) -> Var<'t> {
        let attributes = Linear::attributes(activation);
        match bias {
            Some(bias) => self.apply(&Linear, &[kernel, bias], attributes),
            None => self.apply(&Linear, &[kernel], attributes),
        }
    }

    /// Dense layers in a row on this variable `[…, in]`, see [`Mlp`]; `operands` are the second input if there is one,
    /// and the weights.
    pub fn mlp(self, operands: &[Var<'t>], layers: Attributes) -> Var<'t> {
        self.apply(&Mlp, operands, layers)
    }

    /// The sum of all elements, a scalar.
    pub fn sum(self) -> Var<'t> {
        self.reshape([self.shape().elements()]).reduce(ReduceKind::Sum, 0)
    }

    /// The mean of all elements, a scalar.
    pub fn mean(self) -> Var<'t> {
        self.reshape([self.shape().elements()]).reduce(ReduceKind::Mean, 0)
    }

    /// Sum over the last axis, which is removed.
    pub fn sum_last(self) -> Var<'t> {
        self.reduce(ReduceKind::Sum, self.shape().rank().saturating_sub(1))
    }

    /// A reduction over one axis, which is removed.
    pub fn reduce(self, kind: ReduceKind, axis: usize) -> Var<'t> {
        self.apply(&Reduce, &[], Reduce::attributes(kind, axis))
    }

    /// The same elements with other axes; no memory is moved.
    pub fn reshape(self, shape: impl Into<Shape>) -> Var<'t> {
        self.apply(&Reshape, &[], Reshape::attributes(shape.into()))
    }

    /// The columns `start .. start + count` of the last axis.
    pub fn columns(self, start: usize, count: usize) -> Var<'t> {
        self.apply(&Columns, &[], Columns::attributes(start, count))
    }

    /// This variable and others side by side along the last axis.
    pub fn concatenate(self, others: &[Var<'t>]) -> Var<'t> {
        self.apply(&Concatenate, others, Concatenate::attributes())
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $kind:expr, $scale:expr) => {
        impl<'t> $trait for Var<'t> {
            type Output = Var<'t>;
            fn $method(self, other: Var<'t>) -> Var<'t> {
                self.binary($kind, other)
            }
        }
        impl<'t> $trait<f64> for Var<'t> {
            type Output = Var<'t>;
            fn $method(self, other: f64) -> Var<'t> {
                let (scale, shift) = $scale(other);
                self.affine(scale, shift)
            }
        }
    };
}

operator!(Add, add, BinaryKind::Add, |c: f64| (1.0, c));
operator!(Sub, sub, BinaryKind::Subtract, |c: f64| (1.0, -c));
operator!(Mul, mul, BinaryKind::Multiply, |c: f64| (c, 0.0));
operator!(Div, div, BinaryKind::Divide, |c: f64| (1.0 / c, 0.0));

impl<'t> Neg for Var<'t> {
    type Output = Var<'t>;
    fn neg(self) -> Var<'t> {
        self.affine(-1.0, 0.0)
    }
}
