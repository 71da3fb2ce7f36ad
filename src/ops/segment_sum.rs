//! Sum or mean over each set of a ragged batch.
//!
//! `x` `[elements, f]`, `offsets` `[sets + 1]`: `y[s, j] = Σ_{e in s} x[e, j]`, divided by the size of the set for the mean.
//! Backward: `dx[e, j] = dy[s, j]` (divided by the size). The sum of an empty set is 0, its mean NaN.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::{rows_of, set_of, sets};
use crate::ops::reduce::ReduceKind;
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::{put, rows_per_chunk, sum_columns};
use crate::tensor::Tensor;

/// The operation `segment_sum`.
pub struct SegmentSum;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Arguments {
    /// 1 for the mean.
    pub(super) mean: u32,
    /// Elements of all sets.
    pub(super) elements: u32,
    /// Columns.
    pub(super) width: u32,
    /// 1 when the kernel adds to its output.
    pub(super) accumulate: u32,
}

pub(super) static SUM: Kernel = Kernel { name: "segment_sum", cpu: sum_cpu, gpu: sum_gpu };
/// Gives each element the value of its set, divided by the size of the set for the mean.
pub(super) static SPREAD: Kernel = Kernel { name: "segment_sum_backward", cpu: spread_cpu, gpu: spread_gpu };
static ROW: Row = Row {
    name: "segment_sum",
    formula: "y[s, j] = sum or mean of x[e, j] over e in set s",
    keeps: Keeps { inputs: 0b10, products: 0 },
    kernels: &[&SUM, &SPREAD],
};

impl SegmentSum {
    /// The attributes of sum or mean.
    pub fn attributes(kind: ReduceKind) -> Attributes {
        let mean = u32::from(kind == ReduceKind::Mean);
        Attributes::new(Arguments { mean, elements: 0, width: 0, accumulate: 0 })
    }
}

fn arguments(attributes: &Attributes, x: &Tensor, accumulate: u32) -> Arguments {
    let (elements, width) = (x.shape().rows() as u32, x.shape().last() as u32);
    Arguments { elements, width, accumulate, ..attributes.get() }
}

/// The shape `[sets, f]` of one row per set.
pub(super) fn one_row_per_set(operation: &'static str, inputs: &[Spec]) -> Result<Products> {
    let x = inputs[0].shape;
    if inputs.len() != 2 || x.rank() != 2 {
        let message = format!("{} inputs, the first of shape {x}; expected [elements, f] and offsets", inputs.len());
        return Err(crate::Error::shape(operation, message));
    }
    Ok(Products::one([sets(operation, inputs[1])?, x.last()].into()))
}

impl Operation for SegmentSum {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        one_row_per_set(ROW.name, inputs)
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs[0], 0);
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
        call.device.launch(&SUM, &arguments, &inputs, &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = arguments(call.attributes, call.inputs[0], sink.flag());
        let inputs = [call.gradient()?.slice(), call.inputs[1].slice()];
        call.device.launch(&SPREAD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, offsets, mean) = (&inputs[0], inputs[1].indices(), attributes.get::<Arguments>().mean == 1);
        let mut y = Vec::new();
        for set in offsets.windows(2) {
            for j in 0..x.shape.last() {
                let sum: f64 = (set[0]..set[1]).map(|e| x.row(e)[j]).sum();
                y.push(if mean { sum / (set[1] - set[0]) as f64 } else { sum });
            }
        }
        vec![Array64::new([offsets.len() - 1, x.shape.last()].into(), y)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in [ReduceKind::Sum, ReduceKind::Mean] {
            for (offsets, width) in ragged_cases() {
                if kind == ReduceKind::Sum || offsets.windows(2).all(|pair| pair[0] < pair[1]) {
                    let label = format!("{kind:?} of {width} columns over {} sets", offsets.len() - 1);
                    cases.push(Case::new(label, ragged_inputs(&offsets, width), SegmentSum::attributes(kind)));
                }
            }
        }
        cases
    }
}

/// Offsets and widths to try: no set, one element, empty sets, sets of many sizes.
pub(super) fn ragged_cases() -> Vec<(Vec<u32>, usize)> {
    let many = (0..40u32).scan(0, |end, i| Some(std::mem::replace(end, *end + 1 + i * i % 23)));
    vec![
        (vec![0], 3),
        (vec![0, 1], 1),
        (vec![0, 5, 6, 9], 7),
        (vec![0, 0, 4, 4, 7, 7], 3),
        (vec![0, 300], 33),
        (many.collect(), 70),
    ]
}

/// Elements and offsets as inputs of a case.
pub(super) fn ragged_inputs(offsets: &[u32], width: usize) -> Vec<Input> {
    let elements = offsets.last().copied().unwrap_or(0) as usize;
    vec![Input::real([elements, width]), Input::indices([offsets.len()], offsets)]
}

fn sum_cpu(launch: &mut Launch) {
    let Arguments { mean, elements, width, accumulate } = launch.arguments();
    let (x, offsets, y) = (launch.input(0), launch.indices(1), launch.output(0));
    let (elements, f, sets) = (elements as usize, width as usize, offsets.len().saturating_sub(1));
    let chunk = rows_per_chunk(f * (elements / sets.max(1) + 1));
    launch.threads.for_each_rows(sets, chunk, [(y, f)], |index, [y]| {
        for (set, y) in (index * chunk..sets).zip(y.chunks_mut(f.max(1))) {
            let rows = rows_of(offsets, set, elements);
            let factor = if mean == 1 { 1.0 / rows.len() as f32 } else { 1.0 };
            let add = |row: usize, first: usize, sums: &mut [f32]| {
                let x = &x[(rows.start + row) * f + first..];
                sums.iter_mut().zip(x).for_each(|(sum, x)| *sum += x);
            };
            sum_columns(rows.len(), 0..f, add, |first, sums| {
                y[first..].iter_mut().zip(sums).for_each(|(y, sum)| put(y, accumulate, factor * sum));
            });
        }
    });
}

fn spread_cpu(launch: &mut Launch) {
    let Arguments { mean, elements, width, accumulate } = launch.arguments();
    let (dy, offsets, dx) = (launch.input(0), launch.indices(1), launch.output(0));
    let (elements, f) = (elements as usize, width as usize);
    let chunk = rows_per_chunk(f);
    launch.threads.for_each_rows(elements, chunk, [(dx, f)], |index, [dx]| {
        for (row, dx) in (index * chunk..elements).zip(dx.chunks_mut(f.max(1))) {
            let set = set_of(offsets, row);
            let factor = if mean == 1 { 1.0 / rows_of(offsets, set, elements).len() as f32 } else { 1.0 };
            let dy = &dy[set * f..][..f];
            dx.iter_mut().zip(dy).for_each(|(dx, dy)| put(dx, accumulate, factor * dy));
        }
    });
}

/// A group for up to [`COLUMNS`](gpu::COLUMNS) columns of a set.
fn sum_gpu(launch: &gpu::Launch) -> Result<()> {
    let (sets, width) = (launch.inputs[1].words().saturating_sub(1), launch.arguments::<Arguments>().width as usize);
    let groups = sets * width.div_ceil(gpu::COLUMNS);
    launch.run(Program::new("segment_sum", "sum"), &[sets as u32], groups)
}

fn spread_gpu(launch: &gpu::Launch) -> Result<()> {
    let (sets, n) = (launch.inputs[1].words().saturating_sub(1), launch.outputs[0].words());
    launch.run(Program::new("segment_sum", "spread"), &[sets as u32, n as u32], groups_for(n))
}
