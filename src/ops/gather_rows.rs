//! Picks rows: `y[i, j] = x[indices[i], j]`, with `x` `[rows, f]` and `indices` `[m]`.
//!
//! Backward: `dx[r, j]` is the sum of `dy[i, j]` over all `i` with `indices[i] = r`, in ascending order; a device with many
//! threads gives one row of `dx` to each and scans the indices. An index that is not below `rows` gives a row of NaN and
//! no gradient.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Dtype;

/// The operation `gather_rows`.
pub struct GatherRows;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Rows of `x`.
    rows: u32,
    /// Columns.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "gather_rows", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "gather_rows_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "gather_rows",
    formula: "y[i, j] = x[indices[i], j]",
    keeps: Keeps { inputs: 0b10, products: 0 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl Operation for GatherRows {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        match inputs {
            [x, i] if x.shape.rank() == 2 && i.shape.rank() == 1 && i.dtype == Dtype::U32 => {
                Ok(Products::one([i.shape.elements(), x.shape.last()].into()))
            }
            _ => {
                let shapes: Vec<_> = inputs.iter().map(|input| input.shape).collect();
                Err(Error::shape(ROW.name, format!("inputs of shapes {shapes:?}; expected [rows, f] and indices [m]")))
            }
        }
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let x = call.inputs[0].shape();
        let arguments = Arguments { rows: x.rows() as u32, width: x.last() as u32, accumulate: 0 };
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
        call.device.launch(&FORWARD, &arguments, &inputs, &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let x = call.inputs[0].shape();
        let arguments = Arguments { rows: x.rows() as u32, width: x.last() as u32, accumulate: sink.flag() };
        let inputs = [call.gradient()?.slice(), call.inputs[1].slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        let (x, indices) = (&inputs[0], inputs[1].indices());
        let values = indices.iter().flat_map(|&i| x.row(i).iter().copied()).collect();
        vec![Array64::new([indices.len(), x.shape.last()].into(), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, width: usize, indices: Vec<u32>| {
            let label = format!("{} of [{rows}, {width}]", indices.len());
            Case::new(
                label,
                vec![Input::real([rows, width]), Input::indices([indices.len()], indices)],
                Attributes::NONE,
            )
        };
        let many = (0..501u32).map(|i| i * i % 37).collect();
        vec![case(3, 2, vec![]), case(1, 1, vec![0]), case(5, 7, vec![4, 0, 4, 2, 4]), case(37, 33, many)]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { rows, width, .. } = launch.arguments();
    let (x, indices, y) = (launch.input(0), launch.indices(1), launch.output(0));
    for (y, &index) in y.chunks_mut(width.max(1) as usize).zip(indices) {
        match index < rows {
            true => y.copy_from_slice(&x[(index * width) as usize..][..width as usize]),
            false => y.fill(f32::NAN),
        }
    }
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { rows, width, accumulate } = launch.arguments();
    let (dy, indices, dx) = (launch.input(0), launch.indices(1), launch.output(0));
    if accumulate == 0 {
        dx.fill(0.0);
    }
    for (dy, &index) in dy.chunks(width.max(1) as usize).zip(indices) {
        if index < rows {
            let dx = &mut dx[(index * width) as usize..][..width as usize];
            dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
        }
    }
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("gather_rows", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("gather_rows", "backward"), &[n as u32, launch.inputs[1].words() as u32], groups_for(n))
}
