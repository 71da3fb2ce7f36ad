//! Floor 3: the table of operations. One file each: formula, shapes, forward, backward, reference in f64, cases.
//!
//! Adding an operation means its file, its kernels, and one line in [`TABLE`]; the line enrols it in the suites of
//! `tests/operations.rs` (reference, gradient, agreement of devices and threads, odd sizes, special values).

mod accumulate;
mod affine;
mod binary;
mod columns;
mod concatenate;
mod coupling_affine;
mod coupling_spline;
mod flow_lanes;
mod inverse_matrix;
mod linear;
mod log_sum_exp;
mod operation;
mod permute_columns;
mod reduce;
mod reference;
mod reshape;
mod unary;

pub use accumulate::accumulate;
pub use affine::Affine;
pub use binary::{Binary, BinaryKind};
pub use columns::Columns;
pub use concatenate::Concatenate;
pub use coupling_affine::CouplingAffine;
pub use coupling_spline::{CouplingSpline, Knots, Spline};
pub use flow_lanes::Direction;
pub use inverse_matrix::InverseMatrix;
pub use linear::Linear;
pub use log_sum_exp::LogSumExp;
pub use operation::{
    Attributes, Backward, Forward, Keeps, MOST_OPERANDS, MOST_PRODUCTS, Operation, Products, Row, Sink, Spec,
    axes_as_words,
};
pub use permute_columns::PermuteColumns;
pub use reduce::{Reduce, ReduceKind};
pub use reference::{Array64, Case, Input};
pub use reshape::Reshape;
pub use unary::Unary;

/// All operations.
pub static TABLE: &[&dyn Operation] = &[
    &Affine,
    &Binary,
    &Columns,
    &Concatenate,
    &CouplingAffine,
    &CouplingSpline,
    &InverseMatrix,
    &Linear,
    &LogSumExp,
    &PermuteColumns,
    &Reduce,
    &Reshape,
    &Unary,
];
