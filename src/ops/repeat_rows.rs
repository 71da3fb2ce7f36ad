//! Repeats rows: each one in a row, and the whole matrix.
//!
//! `x` `[rows, f]`, `y` `[times · rows · each, f]` with `y[(t · rows + r) · each + i, j] = x[r, j]`. `each` serves draws (one
//! condition, many draws), `times` serves values shared by all sets (seeds, inducing points). Backward: `dx[r, j]` is the sum
//! over all repetitions, in ascending order.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::{put, rows_per_chunk, sum_columns};
use crate::tensor::Shape;

/// The operation `repeat_rows`.
pub struct RepeatRows;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// How often each row follows itself.
    each: u32,
    /// How often the whole is repeated.
    times: u32,
    rows: u32,
    /// Columns.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "repeat_rows", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "repeat_rows_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "repeat_rows",
    formula: "y[(t rows + r) each + i, j] = x[r, j]",
    keeps: Keeps::NOTHING,
    kernels: &[&FORWARD, &BACKWARD],
};

impl RepeatRows {
    /// The attributes: each row `each` times in a row, the whole `times` times.
    pub fn attributes(each: usize, times: usize) -> Attributes {
        Attributes::new(Arguments { each: each as u32, times: times as u32, rows: 0, width: 0, accumulate: 0 })
    }
}

fn arguments(attributes: &Attributes, x: Shape) -> Arguments {
    Arguments { rows: x.rows() as u32, width: x.last() as u32, ..attributes.get() }
}

impl Operation for RepeatRows {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, Arguments { each, times, .. }) = (inputs[0].shape, attributes.get());
        let rows = x.rows().checked_mul(each as usize).and_then(|rows| rows.checked_mul(times as usize));
        match (x.rank(), rows.and_then(|rows| Shape::new(&[rows, x.last()]))) {
            (2, Some(shape)) => Ok(Products::one(shape)),
            _ => {
                let message = format!("a tensor of shape {x}, {each} by {times} times; expected [rows, f] and less");
                Err(Error::shape(ROW.name, message))
            }
        }
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs[0].shape());
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { accumulate: sink.flag(), ..arguments(call.attributes, call.inputs[0].shape()) };
        call.device.launch(&BACKWARD, &arguments, &[call.gradient()?.slice()], &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, Arguments { each, times, .. }) = (&inputs[0], attributes.get());
        let (rows, each, times) = (x.shape.rows(), each as usize, times as usize);
        let order = (0..times).flat_map(|_| (0..rows).flat_map(|row| (0..each).map(move |_| row)));
        let values = order.flat_map(|row| x.row(row).iter().copied()).collect();
        vec![Array64::new([times * rows * each, x.shape.last()].into(), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, width: usize, each: usize, times: usize| {
            let label = format!("[{rows}, {width}], {each} by {times}");
            Case::new(label, vec![Input::real([rows, width])], RepeatRows::attributes(each, times))
        };
        vec![
            case(0, 3, 2, 2),
            case(1, 1, 1, 1),
            case(3, 5, 0, 2),
            case(5, 7, 3, 1),
            case(5, 7, 1, 4),
            case(7, 33, 11, 13),
        ]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { each, rows, width, .. } = launch.arguments();
    let (x, y) = (launch.input(0), launch.output(0));
    let (each, rows, f) = (each as usize, rows as usize, width.max(1) as usize);
    let chunk = rows_per_chunk(f) * f;
    launch.threads.for_each_chunk(y, chunk, |index, y| {
        let first = index * chunk / f;
        for (i, y) in y.chunks_mut(f).enumerate() {
            y.copy_from_slice(&x[(first + i) / each % rows * f..][..f]);
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { each, times, rows, width, accumulate } = launch.arguments();
    let (dy, dx) = (launch.input(0), launch.output(0));
    let (each, times, rows, f) = (each as usize, times as usize, rows as usize, width as usize);
    let chunk = rows_per_chunk(f * each * times);
    launch.threads.for_each_rows(rows, chunk, [(dx, f)], |index, [dx]| {
        for (row, dx) in (index * chunk..rows).zip(dx.chunks_mut(f.max(1))) {
            let add = |i: usize, first: usize, sums: &mut [f32]| {
                let from = (i / each * rows + row) * each + i % each;
                sums.iter_mut().zip(&dy[from * f + first..]).for_each(|(sum, dy)| *sum += dy);
            };
            sum_columns(each * times, 0..f, add, |first, sums| {
                dx[first..].iter_mut().zip(sums).for_each(|(dx, &sum)| put(dx, accumulate, sum));
            });
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("repeat_rows", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("repeat_rows", "backward"), &[n as u32], groups_for(n))
}
