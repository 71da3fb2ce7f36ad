//! Tensors side by side along the last axis; all other axes are equal. Backward: each part gets its columns.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, MOST_OPERANDS, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Tensor;

/// The operation `concatenate`.
pub struct Concatenate;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Columns of the result.
    width: u32,
    /// Number of parts.
    parts: u32,
    /// Columns of each part.
    widths: [u32; MOST_OPERANDS],
    /// Backward: the part, and 1 when it is added to.
    part: u32,
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "concatenate", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "concatenate_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "concatenate",
    formula: "y[r, :] = [a[r, :]; b[r, :]; …]",
    keeps: Keeps::NOTHING,
    kernels: &[&FORWARD, &BACKWARD],
};

impl Concatenate {
    /// There are no attributes.
    pub fn attributes() -> Attributes {
        Attributes::NONE
    }
}

fn arguments(inputs: &[&Tensor]) -> Arguments {
    let mut widths = [0; MOST_OPERANDS];
    for (width, input) in widths.iter_mut().zip(inputs) {
        *width = input.shape().last() as u32;
    }
    Arguments { width: widths.iter().sum(), parts: inputs.len() as u32, widths, part: 0, accumulate: 0 }
}

impl Operation for Concatenate {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let first = inputs[0].shape;
        for input in inputs {
            if input.shape.rank() == 0 || input.shape.without_last() != first.without_last() {
                let message =
                    format!("the shapes {first} and {} do not fit; all axes but the last must be equal", input.shape);
                return Err(Error::shape("concatenate", message));
            }
        }
        Ok(Products::one(first.with_last(inputs.iter().map(|i| i.shape.last()).sum())))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let slices: [_; MOST_OPERANDS] = std::array::from_fn(|i| call.inputs.get(i).unwrap_or(&call.inputs[0]).slice());
        let arguments = arguments(call.inputs);
        call.device.launch(&FORWARD, &arguments, &slices[..call.inputs.len()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        for part in 0..call.inputs.len() {
            let Some(sink) = call.sink(part) else { continue };
            let arguments = Arguments { part: part as u32, accumulate: sink.flag(), ..arguments(call.inputs) };
            call.device.launch(&BACKWARD, &arguments, &[call.gradient()?.slice()], &[sink.tensor.slice()])?;
        }
        Ok(())
    }

    fn reference(&self, inputs: &[Array64], _: &Attributes) -> Vec<Array64> {
        let shape = inputs[0].shape.with_last(inputs.iter().map(|i| i.shape.last()).sum());
        let rows = (0..shape.rows()).flat_map(|row| inputs.iter().flat_map(move |i| i.row(row).iter().copied()));
        vec![Array64::new(shape, rows.collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, widths: &[usize]| {
            let inputs = widths.iter().map(|&w| Input::real([rows, w])).collect();
            Case::new(format!("{widths:?} in {rows} rows"), inputs, Attributes::NONE)
        };
        vec![
            case(0, &[2, 3]),
            case(1, &[1]),
            case(5, &[2, 0, 3]),
            case(7, &[1, 2, 3, 4, 5, 6, 7, 8]),
            case(33, &[64, 65]),
        ]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { width, parts, widths, .. } = launch.arguments();
    let y = launch.output(0);
    let mut start = 0;
    for part in 0..parts as usize {
        let count = widths[part] as usize;
        if count > 0 {
            for (x, y) in launch.input(part).chunks(count).zip(y.chunks_mut(width as usize)) {
                y[start..start + count].copy_from_slice(x);
            }
        }
        start += count;
    }
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { width, widths, part, accumulate, .. } = launch.arguments();
    let (dy, dx) = (launch.input(0), launch.output(0));
    let start: u32 = widths[..part as usize].iter().sum();
    let count = widths[part as usize] as usize;
    if count == 0 {
        return;
    }
    for (dy, dx) in dy.chunks(width as usize).zip(dx.chunks_mut(count)) {
        let dy = &dy[start as usize..][..count];
        match accumulate {
            1 => dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy),
            _ => dx.copy_from_slice(dy),
        }
    }
}

/// One part after the other, because a GPU takes few operands at a time.
fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let Arguments { width, widths, .. } = launch.arguments();
    let mut start = 0;
    for (x, count) in launch.inputs.iter().zip(widths) {
        let arguments = [width, start, count, 0, x.words() as u32];
        launch.run_with(
            Program::new("concatenate", "forward"),
            &arguments,
            &[*x],
            launch.outputs,
            groups_for(x.words()),
        )?;
        start += count;
    }
    Ok(())
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let Arguments { width, widths, part, accumulate, .. } = launch.arguments();
    let (start, count) = (widths[..part as usize].iter().sum(), widths[part as usize]);
    let n = launch.outputs[0].words();
    let arguments = [width, start, count, accumulate, n as u32];
    let program = Program::new("concatenate", "backward");
    launch.run_with(program, &arguments, launch.inputs, launch.outputs, groups_for(n))
}
