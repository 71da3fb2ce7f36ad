//! `y = log Σⱼ exp(xⱼ)` along the last axis, which is removed.
//!
//! Computed as `max x + log Σⱼ exp(xⱼ − max x)`. Backward: `dxⱼ = dy exp(xⱼ − y)`. The result of no numbers, or of −∞ alone, is
//! −∞, and the gradient of an entry −∞ is 0. A row with NaN is NaN; a row with +∞ and no NaN is +∞, its gradient NaN at the
//! infinite entries.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, ROWS};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::softmax::largest;
use crate::ops::sums::{PIECE, exponentials, put, rows_per_chunk, sum_of};
use crate::tensor::Shape;

/// The operation `log_sum_exp`.
pub struct LogSumExp;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Length of a row.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "log_sum_exp", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "log_sum_exp_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row =
    Row { name: "log_sum_exp", formula: "y = log sum exp(x)", keeps: Keeps::ALL, kernels: &[&FORWARD, &BACKWARD] };

impl Operation for LogSumExp {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let x = inputs[0].shape;
        if x.rank() == 0 {
            return Err(Error::shape("log_sum_exp", "the input is a single number; give it a last axis to sum over"));
        }
        Ok(Products::one(x.without_last()))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = Arguments { width: call.inputs[0].shape().last() as u32, accumulate: 0 };
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { width: call.inputs[0].shape().last() as u32, accumulate: sink.flag() };
        let inputs = [call.inputs[0].slice(), call.products[0].slice(), call.gradient()?.slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        let values = inputs[0].rows().map(|row| row.iter().map(|x| x.exp()).sum::<f64>().ln());
        vec![Array64::new(inputs[0].shape.without_last(), values.collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |axes: &[usize]| {
            let shape = Shape::new(axes).unwrap_or(Shape::SCALAR);
            Case::new(format!("{shape}"), vec![Input::between(shape, -8.0, 8.0)], Attributes::NONE)
        };
        vec![case(&[0, 3]), case(&[2, 0]), case(&[1]), case(&[5, 7]), case(&[2, 3, 33]), case(&[67, 130])]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { width, .. } = launch.arguments();
    let (x, y, n, isa) = (launch.input(0), launch.output(0), width as usize, launch.isa);
    let chunk = rows_per_chunk(n);
    launch.threads.for_each_chunk(y, chunk, |index, y| {
        for (i, y) in y.iter_mut().enumerate() {
            let x = &x[(index * chunk + i) * n..][..n];
            let largest = largest(x);
            // Without a finite maximum the plain formula gives what is documented.
            let origin = if largest.is_finite() { largest } else { 0.0 };
            let mut exponential = [0.0; PIECE];
            let sums = x.chunks(PIECE).map(|x| {
                exponentials(isa, x, origin, &mut exponential[..x.len()]);
                sum_of(&exponential[..x.len()], |e| e)
            });
            *y = origin + sums.fold(0.0, |total, sum| total + sum).ln();
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { width, accumulate } = launch.arguments();
    let (x, y, dy, dx) = (launch.input(0), launch.input(1), launch.input(2), launch.output(0));
    let (rows, n, isa) = (y.len(), width as usize, launch.isa);
    let chunk = rows_per_chunk(n);
    launch.threads.for_each_rows(rows, chunk, [(dx, n)], |index, [dx]| {
        for (dx, row) in dx.chunks_mut(n.max(1)).zip(index * chunk..rows) {
            let mut share = [0.0; PIECE];
            for (x, dx) in x[row * n..][..n].chunks(PIECE).zip(dx.chunks_mut(PIECE)) {
                exponentials(isa, x, y[row], &mut share[..x.len()]);
                for ((dx, &x), share) in dx.iter_mut().zip(x).zip(share) {
                    // −∞ − −∞ is NaN, but an entry −∞ has no share in anything.
                    let share = if x == f32::NEG_INFINITY && y[row] == x { 0.0 } else { share };
                    put(dx, accumulate, share * dy[row]);
                }
            }
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let rows = launch.outputs[0].words();
    launch.run(Program::new("log_sum_exp", "forward"), &[rows as u32], rows.div_ceil(ROWS))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let rows = launch.inputs[1].words();
    launch.run(Program::new("log_sum_exp", "backward"), &[rows as u32], rows.div_ceil(ROWS))
}
