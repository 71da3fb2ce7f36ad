//! `y[r] = ln Σ_j exp x[r, j]` over the last axis, which is removed.
//!
//! Shapes: `x` `[…, n]`, `y` `[…]`. Computed as `m + ln Σ_j exp(x_j − m)` with the largest element `m`, in ascending
//! `j`, so that it neither overflows nor loses the largest term. Backward: `dx[r, j] = dy[r] · exp(x[r, j] − y[r])`.
//!
//! Special values: an empty row, or one whose elements are all −∞, gives −∞ (and no gradient); +∞ gives +∞; NaN gives NaN.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::error::{Error, Result};
use crate::math::log_sum_exp;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};

/// Rows per chunk of work.
const CHUNK: usize = 512;

/// The operation `log_sum_exp`.
pub struct LogSumExp;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Length of the last axis.
    n: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "log_sum_exp", cpu: forward_cpu };
static BACKWARD: Kernel = Kernel { name: "log_sum_exp_backward", cpu: backward_cpu };
static ROW: Row = Row {
    name: "log_sum_exp",
    formula: "y[r] = ln Σ_j exp x[r, j]",
    keeps: Keeps { inputs: 0b1, products: 0b1 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl LogSumExp {
    /// There are no attributes.
    pub fn attributes() -> Attributes {
        Attributes::NONE
    }
}

impl Operation for LogSumExp {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let x = inputs[0].shape;
        if x.rank() == 0 {
            return Err(Error::shape("log_sum_exp", "a scalar; expected a tensor with at least one axis"));
        }
        Ok(Products::one(x.without_last()))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = Arguments { n: call.inputs[0].shape().last() as u32, accumulate: 0 };
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { n: call.inputs[0].shape().last() as u32, accumulate: sink.flag() };
        let inputs = [call.inputs[0].slice(), call.products[0].slice(), call.gradient()?.slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        vec![Array64::new(inputs[0].shape.without_last(), inputs[0].rows().map(log_sum_exp).collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, n: usize, range: f64| {
            let inputs = vec![Input::between([rows, n], -range, range)];
            Case::new(format!("[{rows}, {n}] within {range}"), inputs, LogSumExp::attributes())
        };
        vec![
            case(0, 3, 2.0),
            case(1, 1, 2.0),
            case(3, 0, 2.0),
            case(5, 3, 500.0),
            case(33, 17, 2.0),
            case(1025, 2, 2.0),
        ]
    }
}

fn row(x: &[f32]) -> f32 {
    let most = x.iter().fold(f32::NEG_INFINITY, |most, &x| if x > most || x.is_nan() { x } else { most });
    if !most.is_finite() {
        return if x.iter().any(|x| x.is_nan()) { f32::NAN } else { most };
    }
    most + x.iter().map(|x| (x - most).exp()).sum::<f32>().ln()
}

fn forward_cpu(launch: &mut Launch) {
    let n = launch.arguments::<Arguments>().n as usize;
    let (x, y) = (launch.input(0), launch.output(0));
    launch.threads.for_each_chunk(y, CHUNK, |chunk, y| {
        for (index, y) in y.iter_mut().enumerate() {
            *y = row(&x[(chunk * CHUNK + index) * n..][..n]);
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { n, accumulate } = launch.arguments();
    let n = n as usize;
    let (x, y, dy, dx) = (launch.input(0), launch.input(1), launch.input(2), launch.output(0));
    if n == 0 {
        return;
    }
    launch.threads.for_each_rows(y.len(), CHUNK, [(dx, n)], |chunk, [dx]| {
        for (index, dx) in dx.chunks_mut(n).enumerate() {
            let row = chunk * CHUNK + index;
            for (dx, &x) in dx.iter_mut().zip(&x[row * n..]) {
                let share = if x == f32::NEG_INFINITY { 0.0 } else { (x - y[row]).exp() };
                let value = dy[row] * share;
                *dx = if accumulate == 1 { *dx + value } else { value };
            }
        }
    });
}
