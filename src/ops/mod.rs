//! Floor 3: the table of operations. One file each: formula, shapes, forward, backward, reference in f64, cases.
//!
//! Adding an operation means its file, its kernels, and one line in [`TABLE`]; the line enrols it in the suites of
//! `tests/operations` (reference, gradient, agreement of devices and threads, odd sizes, special values).

mod accumulate;
mod affine;
mod attention;
mod binary;
mod columns;
mod concatenate;
mod convolution;
mod coupling_affine;
mod coupling_flow;
mod coupling_spline;
mod dropout;
mod flow_lanes;
mod flow_maps;
mod flow_plan;
pub mod fused_flow;
mod gather_rows;
mod gpu_product;
mod group_norm;
mod inverse_matrix;
mod kernel_mean;
mod linear;
mod log_sum_exp;
mod mlp;
mod operation;
mod permute_columns;
mod pooling;
mod ragged;
pub mod random;
mod recurrence;
mod reduce;
mod reference;
mod repeat_rows;
mod reshape;
mod row_norm;
mod segment_extreme;
mod segment_repeat;
mod segment_sum;
mod softmax;
mod sums;
mod tiles;
mod unary;
pub mod update;

pub use accumulate::accumulate;
pub use affine::Affine;
pub use attention::Attention;
pub use binary::{Binary, BinaryKind};
pub use columns::Columns;
pub use concatenate::Concatenate;
pub use convolution::{Convolution, Padding, Window};
pub use coupling_affine::CouplingAffine;
pub use coupling_flow::{CouplingFlow, FlowProgram};
pub use coupling_spline::{CouplingSpline, Knots, Spline};
pub use dropout::Dropout;
pub use flow_lanes::Direction;
pub use flow_plan::{CouplingKind, FlowPlan, PlannedCoupling, PlannedLayer, PlannedStep};
pub use gather_rows::GatherRows;
pub use group_norm::{GroupNorm, GroupNormKind};
pub use inverse_matrix::{InverseMatrix, MOST_DIMENSIONS};
pub use kernel_mean::KernelMean;
pub use linear::Linear;
pub use log_sum_exp::LogSumExp;
pub use mlp::{Branch, Mlp, MlpInput, MlpLayer};
pub use operation::{
    Attributes, Backward, Forward, Keeps, MOST_OPERANDS, MOST_PRODUCTS, Operation, Products, Row, Sink, Spec,
    axes_as_words,
};
pub use permute_columns::PermuteColumns;
pub use pooling::{Edge, ImagePooling, PoolingKind};
pub use ragged::check_offsets;
pub use recurrence::{Recurrence, RecurrenceOperation, RecurrentCell, States};
pub use reduce::{Reduce, ReduceKind};
pub use reference::{Array64, Case, Input};
pub use repeat_rows::RepeatRows;
pub use reshape::Reshape;
pub use row_norm::{RowNorm, RowNormKind};
pub use segment_extreme::{ExtremeKind, SegmentExtreme};
pub use segment_repeat::SegmentRepeat;
pub use segment_sum::SegmentSum;
pub use softmax::{Softmax, SoftmaxKind};
pub use unary::Unary;

/// All operations.
pub static TABLE: &[&dyn Operation] = &[
    &Affine,
    &Attention,
    &Binary,
    &Columns,
    &Concatenate,
    &Convolution,
    &CouplingAffine,
    &CouplingFlow,
    &CouplingSpline,
    &Dropout,
    &GatherRows,
    &GroupNorm,
    &InverseMatrix,
    &KernelMean,
    &Linear,
    &LogSumExp,
    &Mlp,
    &PermuteColumns,
    &ImagePooling,
    &RecurrenceOperation,
    &Reduce,
    &RepeatRows,
    &Reshape,
    &RowNorm,
    &SegmentExtreme,
    &SegmentRepeat,
    &SegmentSum,
    &Softmax,
    &Unary,
];
