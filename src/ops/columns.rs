//! A range of columns of the last axis: `y[r, j] = x[r, start + j]`. Backward: zeros outside of the range.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};

/// The operation `columns`.
pub struct Columns;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    start: u32,
    count: u32,
    /// Columns of the input.
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "columns", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "columns_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "columns",
    formula: "y[r, j] = x[r, start + j]",
    keeps: Keeps::NOTHING,
    kernels: &[&FORWARD, &BACKWARD],
};

impl Columns {
    /// The attributes of the range `start .. start + count`.
    pub fn attributes(start: usize, count: usize) -> Attributes {
        Attributes::new(Arguments { start: start as u32, count: count as u32, width: 0, accumulate: 0 })
    }
}

impl Operation for Columns {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, Arguments { start, count, .. }) = (inputs[0].shape, attributes.get());
        if x.rank() == 0 || start as usize + count as usize > x.last() {
            let message =
                format!("columns {start} to {} of a tensor of shape {x}; stay inside of its last axis", start + count);
            return Err(Error::shape("columns", message));
        }
        Ok(Products::one(x.with_last(count as usize)))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = Arguments { width: call.inputs[0].shape().last() as u32, ..call.attributes.get() };
        call.device.launch(&FORWARD, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let width = call.inputs[0].shape().last() as u32;
        let arguments = Arguments { width, accumulate: sink.flag(), ..call.attributes.get() };
        call.device.launch(&BACKWARD, &arguments, &[call.gradient()?.slice()], &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let Arguments { start, count, .. } = attributes.get();
        let (start, count) = (start as usize, count as usize);
        let values = inputs[0].rows().flat_map(|row| row[start..start + count].iter().copied()).collect();
        vec![Array64::new(inputs[0].shape.with_last(count), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |rows: usize, width: usize, start: usize, count: usize| {
            let label = format!("{start}+{count} of [{rows}, {width}]");
            Case::new(label, vec![Input::real([rows, width])], Columns::attributes(start, count))
        };
        vec![case(0, 3, 1, 2), case(1, 1, 0, 1), case(5, 7, 3, 4), case(5, 7, 2, 0), case(33, 65, 1, 63)]
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { start, count, width, .. } = launch.arguments();
    let (x, y) = (launch.input(0), launch.output(0));
    if count == 0 {
        return;
    }
    for (x, y) in x.chunks(width as usize).zip(y.chunks_mut(count as usize)) {
        y.copy_from_slice(&x[start as usize..][..count as usize]);
    }
}

fn backward_cpu(launch: &mut Launch) {
    let Arguments { start, count, width, accumulate } = launch.arguments();
    let (dy, dx) = (launch.input(0), launch.output(0));
    if accumulate == 0 {
        dx.fill(0.0);
    }
    if count == 0 {
        return;
    }
    for (dy, dx) in dy.chunks(count as usize).zip(dx.chunks_mut(width as usize)) {
        let dx = &mut dx[start as usize..][..count as usize];
        dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
    }
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("columns", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("columns", "backward"), &[n as u32], groups_for(n))
}
