//! Softmax and its logarithm along the last axis.
//!
//! `softmax(x)ⱼ = exp(xⱼ − max x) / Σᵢ exp(xᵢ − max x)` and `log_softmax(x)ⱼ = xⱼ − max x − log Σᵢ exp(xᵢ − max x)`, for `x`
//! `[…, n]`. Subtracting the maximum changes nothing but keeps the exponentials finite. Backward, from the output alone:
//! softmax `dx = y (dy − Σ y dy)`; logarithm `dx = dy − exp(y) Σ dy`.
//!
//! An entry −∞ has probability 0 (logarithm −∞). A row with NaN or +∞, and a row of −∞ alone, is NaN.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, ROWS};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::{PIECE, dot, exponentials, put, rows_per_chunk, sum_of};
use crate::tensor::Shape;

/// Softmax or its logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoftmaxKind {
    /// Probabilities.
    Softmax,
    /// Logarithms of the probabilities.
    LogSoftmax,
}

/// The operation `softmax`.
pub struct Softmax;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// 1 for the logarithm.
    log: u32,
    /// Length of a row.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "softmax", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "softmax_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "softmax",
    formula: "y = exp(x - max x) / sum exp(x - max x), or its logarithm",
    keeps: Keeps::PRODUCTS,
    kernels: &[&FORWARD, &BACKWARD],
};

impl Softmax {
    /// The attributes of a kind.
    pub fn attributes(kind: SoftmaxKind) -> Attributes {
        Attributes::new(Arguments { log: u32::from(kind == SoftmaxKind::LogSoftmax), width: 0, accumulate: 0 })
    }
}

impl Operation for Softmax {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let x = inputs[0].shape;
        if x.rank() == 0 {
            return Err(Error::shape("softmax", "the input is a single number; give it a last axis of alternatives"));
        }
        Ok(Products::one(x))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = Arguments { width: call.inputs[0].shape().last() as u32, ..call.attributes.get() };
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let width = call.products[0].shape().last() as u32;
        let arguments = Arguments { width, accumulate: sink.flag(), ..call.attributes.get() };
        let inputs = [call.products[0].slice(), call.gradient()?.slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, log) = (&inputs[0], attributes.get::<Arguments>().log == 1);
        let mut y = Vec::with_capacity(x.values.len());
        for row in x.rows() {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = row.iter().map(|x| (x - largest).exp()).sum();
            y.extend(row.iter().map(|x| if log { x - largest - total.ln() } else { (x - largest).exp() / total }));
        }
        vec![Array64::new(x.shape, y)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in [SoftmaxKind::Softmax, SoftmaxKind::LogSoftmax] {
            for axes in [&[0, 3][..], &[2, 0], &[1], &[5, 7], &[2, 3, 33], &[67, 130]] {
                let shape = Shape::new(axes).unwrap_or(Shape::SCALAR);
                let inputs = vec![Input::between(shape, -8.0, 8.0)];
                cases.push(Case::new(format!("{kind:?} {shape}"), inputs, Softmax::attributes(kind)));
            }
        }
        cases
    }
}

/// The largest value; −∞ for none. NaN is passed over: it turns up in the sum that follows.
pub(super) fn largest(x: &[f32]) -> f32 {
    x.iter().fold(f32::NEG_INFINITY, |largest, &x| if x > largest { x } else { largest })
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { log, width, .. } = launch.arguments();
    let (x, y, n, isa) = (launch.input(0), launch.output(0), width as usize, launch.isa);
    let chunk = rows_per_chunk(n) * n.max(1);
    launch.threads.for_each_chunk(y, chunk, |index, y| {
        for (x, y) in x[index * chunk..].chunks(n.max(1)).zip(y.chunks_mut(n.max(1))) {
            let largest = largest(x);
            exponentials(isa, x, largest, y);
            let total = sum_of(y, |y| y);
            if log == 1 {
                let log_total = total.ln();
                y.iter_mut().zip(x).for_each(|(y, x)| *y = x - largest - log_total);
            } else {
                y.iter_mut().for_each(|y| *y /= total);
            }
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { log, width, accumulate } = launch.arguments();
    let (y, dy, dx, n) = (launch.input(0), launch.input(1), launch.output(0), width as usize);
    let isa = launch.isa;
    let chunk = rows_per_chunk(n) * n.max(1);
    launch.threads.for_each_chunk(dx, chunk, |index, dx| {
        let rows = y[index * chunk..].chunks(n.max(1)).zip(dy[index * chunk..].chunks(n.max(1)));
        for ((y, dy), dx) in rows.zip(dx.chunks_mut(n.max(1))) {
            if log == 0 {
                let total = dot(y, dy);
                dx.iter_mut().zip(y).zip(dy).for_each(|((dx, y), dy)| put(dx, accumulate, y * (dy - total)));
                continue;
            }
            let total = sum_of(dy, |dy| dy);
            let mut share = [0.0; PIECE];
            for ((y, dy), dx) in y.chunks(PIECE).zip(dy.chunks(PIECE)).zip(dx.chunks_mut(PIECE)) {
                exponentials(isa, y, 0.0, &mut share[..y.len()]);
                let terms = dx.iter_mut().zip(dy).zip(share);
                terms.for_each(|((dx, dy), share)| put(dx, accumulate, dy - share * total));
            }
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let width = launch.arguments::<Arguments>().width as usize;
    let rows = launch.outputs[0].words() / width.max(1);
    launch.run(Program::new("softmax", "forward"), &[rows as u32], rows.div_ceil(ROWS))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let width = launch.arguments::<Arguments>().width as usize;
    let rows = launch.outputs[0].words() / width.max(1);
    launch.run(Program::new("softmax", "backward"), &[rows as u32], rows.div_ceil(ROWS))
}
