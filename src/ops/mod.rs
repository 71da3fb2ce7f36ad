//! Floor 3: the table of operations. One file each: formula, shapes, forward, backward, reference in f64, cases.
//!
//! Adding an operation means its file, its kernels, and one line in [`TABLE`]; the line enrols it in the suites of
//! `tests/operations.rs` (reference, gradient, agreement of devices and threads, odd sizes, special values).

mod accumulate;
mod affine;
mod binary;
mod columns;
mod concatenate;
mod linear;
mod operation;
mod reduce;
mod reference;
mod reshape;
mod unary;
pub mod update;

pub use accumulate::accumulate;
pub use affine::Affine;
pub use binary::{Binary, BinaryKind};
pub use columns::Columns;
pub use concatenate::Concatenate;
pub use linear::Linear;
pub use operation::{
    Attributes, Backward, Forward, Keeps, MOST_OPERANDS, MOST_PRODUCTS, Operation, Products, Row, Sink, Spec,
    axes_as_words,
};
pub use reduce::{Reduce, ReduceKind};
pub use reference::{Array64, Case, Input};
pub use reshape::Reshape;
pub use unary::Unary;

/// All operations.
pub static TABLE: &[&dyn Operation] = &[&Affine, &Binary, &Columns, &Concatenate, &Linear, &Reduce, &Reshape, &Unary];
