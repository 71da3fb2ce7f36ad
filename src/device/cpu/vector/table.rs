//! Which implementation serves which function.

use super::Unary;
use super::error_function::Erf;
use super::exponential::{Exp, Expm1, ExponentialLinear};
use super::gated::{Gelu, GeluTanh, HardSilu, Mish, Silu};
use super::logarithm::{Asinh, Log, Log1p};
use super::pieces::*;
use super::sigmoids::{LogSigmoid, Sigmoid, Softplus, Softsign, Squareplus, Tanh};
use crate::math::Function;

/// What to do with an implementation.
pub(super) trait Visitor {
    /// Called with the function's implementation on vectors.
    fn vector(self, implementation: impl Unary);
    /// Called for functions that have none: they are computed one by one in f64.
    fn scalar(self, function: Function);
}

/// Finds the implementation of a function.
pub(super) fn visit(function: Function, visitor: impl Visitor) {
    match function {
        Function::Exp => visitor.vector(Exp),
        Function::Expm1 => visitor.vector(Expm1),
        Function::Log => visitor.vector(Log),
        Function::Log1p => visitor.vector(Log1p),
        Function::Sqrt => visitor.vector(Sqrt),
        Function::Square => visitor.vector(Square),
        Function::Abs => visitor.vector(Abs),
        Function::Reciprocal => visitor.vector(Reciprocal),
        Function::Neg => visitor.vector(Neg),
        Function::Asinh => visitor.vector(Asinh),
        Function::Erf => visitor.vector(Erf),
        Function::Tanh => visitor.vector(Tanh),
        Function::Sigmoid => visitor.vector(Sigmoid),
        Function::LogSigmoid => visitor.vector(LogSigmoid),
        Function::Softplus => visitor.vector(Softplus),
        Function::Squareplus => visitor.vector(Squareplus),
        Function::Softsign => visitor.vector(Softsign),
        Function::HardSigmoid => visitor.vector(HardSigmoid),
        Function::HardTanh => visitor.vector(HardTanh),
        Function::SparseSigmoid => visitor.vector(SparseSigmoid),
        Function::SparsePlus => visitor.vector(SparsePlus),
        Function::Linear => visitor.vector(Linear),
        Function::Relu => visitor.vector(Relu),
        Function::Relu6 => visitor.vector(Relu6),
        Function::LeakyRelu => visitor.vector(LeakyRelu),
        Function::Elu | Function::Celu => visitor.vector(ExponentialLinear::ELU),
        Function::Selu => visitor.vector(ExponentialLinear::SELU),
        Function::HardShrink => visitor.vector(HardShrink),
        Function::SoftShrink => visitor.vector(SoftShrink),
        Function::Silu => visitor.vector(Silu),
        Function::HardSilu => visitor.vector(HardSilu),
        Function::Gelu => visitor.vector(Gelu),
        Function::GeluTanh => visitor.vector(GeluTanh),
        Function::Mish => visitor.vector(Mish),
        Function::Sin | Function::Cos | Function::Tan | Function::Arctan | Function::TanhShrink => {
            visitor.scalar(function);
        }
    }
}
