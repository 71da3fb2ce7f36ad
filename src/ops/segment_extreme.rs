//! Maximum or minimum over each set of a ragged batch.
//!
//! `x` `[elements, f]`, `offsets` `[sets + 1]`: `y[s, j] = max_{e in s} x[e, j]`, or the minimum. The gradient goes to the first
//! element that attains it. The maximum of an empty set is −∞, its minimum +∞. NaN in a set gives NaN, and no gradient.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::rows_of;
use crate::ops::reference::{Array64, Case};
use crate::ops::segment_sum::{one_row_per_set, ragged_cases, ragged_inputs};
use crate::ops::sums::{COLUMNS, rows_per_chunk};
use crate::tensor::Tensor;

/// Maximum or minimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtremeKind {
    /// The largest value.
    Maximum,
    /// The smallest value.
    Minimum,
}

/// The operation `segment_extreme`.
pub struct SegmentExtreme;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// 1 for the minimum.
    minimum: u32,
    /// Elements of all sets.
    elements: u32,
    /// Columns.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "segment_extreme", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "segment_extreme_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "segment_extreme",
    formula: "y[s, j] = maximum or minimum of x[e, j] over e in set s",
    keeps: Keeps::ALL,
    kernels: &[&FORWARD, &BACKWARD],
};

impl SegmentExtreme {
    /// The attributes of maximum or minimum.
    pub fn attributes(kind: ExtremeKind) -> Attributes {
        let minimum = u32::from(kind == ExtremeKind::Minimum);
        Attributes::new(Arguments { minimum, elements: 0, width: 0, accumulate: 0 })
    }
}

fn arguments(attributes: &Attributes, x: &Tensor, accumulate: u32) -> Arguments {
    let (elements, width) = (x.shape().rows() as u32, x.shape().last() as u32);
    Arguments { elements, width, accumulate, ..attributes.get() }
}

impl Operation for SegmentExtreme {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        one_row_per_set(ROW.name, inputs)
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs[0], 0);
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
        call.device.launch(&FORWARD, &arguments, &inputs, &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let (x, offsets, y) = (call.inputs[0], call.inputs[1], call.products[0]);
        let arguments = arguments(call.attributes, x, sink.flag());
        let inputs = [x.slice(), offsets.slice(), y.slice(), call.gradient()?.slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, offsets) = (&inputs[0], inputs[1].indices());
        let minimum = attributes.get::<Arguments>().minimum == 1;
        let start = if minimum { f64::INFINITY } else { f64::NEG_INFINITY };
        let mut y = Vec::new();
        for set in offsets.windows(2) {
            for j in 0..x.shape.last() {
                y.push((set[0]..set[1]).map(|e| x.row(e)[j]).fold(start, |best, x| match minimum {
                    _ if best.is_nan() || x.is_nan() => f64::NAN,
                    true => best.min(x),
                    false => best.max(x),
                }));
            }
        }
        vec![Array64::new([offsets.len() - 1, x.shape.last()].into(), y)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in [ExtremeKind::Maximum, ExtremeKind::Minimum] {
            for (offsets, width) in ragged_cases() {
                if offsets.windows(2).all(|pair| pair[0] < pair[1]) {
                    let label = format!("{kind:?} of {width} columns over {} sets", offsets.len() - 1);
                    cases.push(Case::new(label, ragged_inputs(&offsets, width), SegmentExtreme::attributes(kind)));
                }
            }
        }
        cases
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { minimum, elements, width, .. } = launch.arguments();
    let (x, offsets, y) = (launch.input(0), launch.indices(1), launch.output(0));
    let (elements, f, sets) = (elements as usize, width as usize, offsets.len().saturating_sub(1));
    let chunk = rows_per_chunk(f * (elements / sets.max(1) + 1));
    launch.threads.for_each_rows(sets, chunk, [(y, f)], |index, [y]| {
        for (set, y) in (index * chunk..sets).zip(y.chunks_mut(f.max(1))) {
            y.fill(if minimum == 1 { f32::INFINITY } else { f32::NEG_INFINITY });
            for row in rows_of(offsets, set, elements) {
                for (y, &x) in y.iter_mut().zip(&x[row * f..][..f]) {
                    let better = if minimum == 1 { x < *y } else { x > *y };
                    *y = if better || x.is_nan() { x } else { *y };
                }
            }
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { elements, width, accumulate, .. } = launch.arguments();
    let (x, offsets, y, dy) = (launch.input(0), launch.indices(1), launch.input(2), launch.input(3));
    let (dx, elements, f) = (launch.output(0), elements as usize, width as usize);
    if accumulate == 0 {
        dx.fill(0.0);
    }
    for set in 0..offsets.len().saturating_sub(1) {
        for first in (0..f).step_by(COLUMNS) {
            let count = COLUMNS.min(f - first);
            let (y, dy) = (&y[set * f + first..][..count], &dy[set * f + first..][..count]);
            let mut waiting = [1.0f32; COLUMNS];
            for row in rows_of(offsets, set, elements) {
                let (x, dx) = (&x[row * f + first..][..count], &mut dx[row * f + first..][..count]);
                for j in 0..count {
                    let attains = x[j] == y[j];
                    dx[j] += if attains { waiting[j] * dy[j] } else { 0.0 };
                    waiting[j] = if attains { 0.0 } else { waiting[j] };
                }
            }
        }
    }
}

/// A thread for a column of a set.
fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("segment_extreme", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.inputs[2].words();
    launch.run(Program::new("segment_extreme", "backward"), &[n as u32], groups_for(n))
}
