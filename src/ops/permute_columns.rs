//! Columns in another order: `y[r, j] = x[r, index[j]]`.
//!
//! Shapes: `x` `[…, n]`, `index` `[m]` of integers, `y` `[…, m]`. For a permutation `m = n`, and the inverse permutation
//! gives `x` back. Any other choice of columns is allowed too; a column may be left out or repeated.
//!
//! Backward: `dx[r, index[j]] += dy[r, j]`, in ascending `j`. An index outside of the columns gives NaN and takes no
//! gradient; the builder of permutations excludes it.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::{Dtype, Tensor};

/// Rows per chunk of work.
const CHUNK: usize = 2048;

/// The operation `permute_columns`.
pub struct PermuteColumns;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    rows: u32,
    /// Columns of the input.
    width: u32,
    /// Number of indices.
    count: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "permute_columns", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "permute_columns_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "permute_columns",
    formula: "y[r, j] = x[r, index[j]]",
    keeps: Keeps { inputs: 0b10, products: 0 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl PermuteColumns {
    /// There are no attributes.
    pub fn attributes() -> Attributes {
        Attributes::NONE
    }
}

fn arguments(inputs: &[&Tensor], accumulate: u32) -> Arguments {
    let (x, index) = (inputs[0].shape(), inputs[1].shape());
    Arguments { rows: x.rows() as u32, width: x.last() as u32, count: index.last() as u32, accumulate }
}

impl Operation for PermuteColumns {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let [x, index] = inputs else {
            return Err(Error::shape("permute_columns", format!("{} operands; expected x and indices", inputs.len())));
        };
        if x.shape.rank() == 0 || index.shape.rank() != 1 || index.dtype != Dtype::U32 {
            let message = format!(
                "values of shape {} and {:?} indices of shape {}; expected […, n] and integers [m]",
                x.shape, index.dtype, index.shape
            );
            return Err(Error::shape("permute_columns", message));
        }
        Ok(Products::one(x.shape.with_last(index.shape.last())))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.inputs, 0);
        let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
        call.device.launch(&FORWARD, &arguments, &inputs, &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = arguments(call.inputs, sink.flag());
        let inputs = [call.gradient()?.slice(), call.inputs[1].slice()];
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        let index = inputs[1].indices();
        let values = inputs[0].rows().flat_map(|row| index.iter().map(|&i| row[i]).collect::<Vec<_>>()).collect();
        vec![Array64::new(inputs[0].shape.with_last(index.len()), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, width: usize, index: &[u32]| {
            let inputs = vec![Input::real([rows, width]), Input::indices([index.len()], index)];
            Case::new(format!("{index:?} of [{rows}, {width}]"), inputs, PermuteColumns::attributes())
        };
        vec![
            case(0, 3, &[2, 0, 1]),
            case(1, 1, &[0]),
            case(5, 3, &[]),
            case(5, 4, &[1, 1, 3]),
            case(33, 5, &[4, 2, 0, 1, 3]),
            case(5001, 2, &[1, 0]),
        ]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { rows, width, count, .. } = launch.arguments();
    let (rows, width, count) = (rows as usize, width as usize, count as usize);
    let (x, index, y) = (launch.input(0), launch.indices(1), launch.output(0));
    if count == 0 {
        return;
    }
    launch.threads.for_each_rows(rows, CHUNK, [(y, count)], |chunk, [y]| {
        for (row, y) in y.chunks_mut(count).enumerate() {
            let x = &x[(chunk * CHUNK + row) * width..][..width];
            for (y, &i) in y.iter_mut().zip(index) {
                *y = x.get(i as usize).copied().unwrap_or(f32::NAN);
            }
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { rows, width, count, accumulate } = launch.arguments();
    let (rows, width, count) = (rows as usize, width as usize, count as usize);
    let (dy, index, dx) = (launch.input(0), launch.indices(1), launch.output(0));
    if width == 0 {
        return;
    }
    launch.threads.for_each_rows(rows, CHUNK, [(dx, width)], |chunk, [dx]| {
        if accumulate == 0 {
            dx.fill(0.0);
        }
        for (row, dx) in dx.chunks_mut(width).enumerate() {
            let dy = &dy[(chunk * CHUNK + row) * count..][..count];
            for (dy, &i) in dy.iter().zip(index) {
                if let Some(dx) = dx.get_mut(i as usize) {
                    *dx += dy;
                }
            }
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("permute_columns", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("permute_columns", "backward"), &[n as u32], groups_for(n))
}
