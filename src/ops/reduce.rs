//! Sum or mean over one axis, which is removed.
//!
//! With `x` seen as `[outer, n, inner]`: `y[o, i] = Σ_j x[o, j, i]` (divided by `n` for the mean), added in ascending `j`
//! in eight interleaved partial sums when `inner` is 1 and in plain order otherwise. The mean over an empty axis is NaN.
//! Backward: `dx[o, j, i] = dy[o, i]` (divided by `n`).

use serde::{Deserialize, Serialize};

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, ROWS, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Shape;

/// Partial sums of one row: keeps the error small and lets lanes work side by side.
const PARTIAL: usize = 8;

/// Which reduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReduceKind {
    /// The sum.
    Sum,
    /// The mean.
    Mean,
}

/// The operation `reduce`.
pub struct Reduce;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    axis: u32,
    mean: u32,
    n: u32,
    inner: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "reduce", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "reduce_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row =
    Row { name: "reduce", formula: "y = Σ_j x_j or its mean", keeps: Keeps::NOTHING, kernels: &[&FORWARD, &BACKWARD] };

impl Reduce {
    /// The attributes of a kind and an axis.
    pub fn attributes(kind: ReduceKind, axis: usize) -> Attributes {
        let mean = u32::from(kind == ReduceKind::Mean);
        Attributes::new(Arguments { axis: axis as u32, mean, n: 0, inner: 0, accumulate: 0 })
    }
}

fn arguments(attributes: &Attributes, x: Shape) -> Arguments {
    let arguments: Arguments = attributes.get();
    let axis = arguments.axis as usize;
    let n = x.axes().get(axis).copied().unwrap_or(1) as u32;
    Arguments { n, inner: x.axes().iter().skip(axis + 1).product::<usize>() as u32, ..arguments }
}

/// The factor of a sum: 1, or 1/n for the mean.
fn factor(arguments: &Arguments) -> f64 {
    if arguments.mean == 1 { 1.0 / f64::from(arguments.n) } else { 1.0 }
}

impl Operation for Reduce {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, axis) = (inputs[0].shape, attributes.get::<Arguments>().axis as usize);
        if axis >= x.rank() {
            let message = format!("axis {axis} of a tensor of shape {x}; choose one of its {} axes, from 0", x.rank());
            return Err(Error::shape("reduce", message));
        }
        let (before, after) = (&x.axes()[..axis], &x.axes()[axis + 1..]);
        let mut axes = [0; crate::tensor::MOST_AXES];
        axes[..axis].copy_from_slice(before);
        axes[axis..axis + after.len()].copy_from_slice(after);
        Ok(Products::one(Shape::new(&axes[..x.rank() - 1]).unwrap_or(Shape::SCALAR)))
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
        let (x, arguments) = (&inputs[0], arguments(attributes, inputs[0].shape));
        let (n, inner) = (arguments.n as usize, arguments.inner as usize);
        let spec = Spec { shape: x.shape, dtype: crate::tensor::Dtype::F32 };
        let shape = self.infer(&[spec], attributes).map_or(Shape::SCALAR, |p| p.shapes()[0]);
        let element = |k: usize| -> f64 {
            let start = k / inner * n * inner + k % inner;
            factor(&arguments) * (0..n).map(|j| x.values[start + j * inner]).sum::<f64>()
        };
        vec![Array64::new(shape, (0..shape.elements()).map(element).collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in [ReduceKind::Sum, ReduceKind::Mean] {
            for (axes, axis) in
                [(&[1][..], 0), (&[0, 3], 1), (&[1021], 0), (&[7, 5], 0), (&[7, 5], 1), (&[3, 5, 2], 1), (&[4, 0], 1)]
            {
                let shape = Shape::new(axes).unwrap_or(Shape::SCALAR);
                if kind == ReduceKind::Mean && axes[axis] == 0 {
                    continue;
                }
                let label = format!("{kind:?} {shape} over {axis}");
                cases.push(Case::new(label, vec![Input::real(shape)], Reduce::attributes(kind, axis)));
            }
        }
        cases
    }
}

fn forward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (n, inner, factor) = (arguments.n as usize, arguments.inner as usize, factor(&arguments) as f32);
    let (x, y) = (launch.input(0), launch.output(0));
    if inner == 1 {
        for (row, y) in y.iter_mut().enumerate() {
            *y = factor * sum(&x[row * n..(row + 1) * n]);
        }
        return;
    }
    for (outer, y) in y.chunks_mut(inner.max(1)).enumerate() {
        y.fill(0.0);
        for j in 0..n {
            let x = &x[(outer * n + j) * inner..][..inner];
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        }
        y.iter_mut().for_each(|y| *y *= factor);
    }
}

/// The sum of a row in a fixed order: [`PARTIAL`] interleaved sums, added pairwise, then what is left.
fn sum(row: &[f32]) -> f32 {
    let mut partial = [0.0f32; PARTIAL];
    let chunks = row.chunks_exact(PARTIAL);
    let rest = chunks.remainder();
    for chunk in chunks {
        partial.iter_mut().zip(chunk).for_each(|(p, x)| *p += x);
    }
    let [a, b, c, d, e, f, g, h] = partial;
    rest.iter().fold(((a + e) + (c + g)) + ((b + f) + (d + h)), |sum, x| sum + x)
}

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (n, inner, factor) = (arguments.n as usize, arguments.inner as usize, factor(&arguments) as f32);
    let (dy, dx) = (launch.input(0), launch.output(0));
    for (index, dx) in dx.chunks_mut(inner.max(1)).enumerate() {
        let dy = &dy[index / n.max(1) * inner..][..inner];
        for (dx, &dy) in dx.iter_mut().zip(dy) {
            *dx = if arguments.accumulate == 1 { *dx + factor * dy } else { factor * dy };
        }
    }
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let (rows, inner) = (launch.outputs[0].words(), launch.arguments::<Arguments>().inner);
    match inner {
        1 => launch.run(Program::new("reduce", "rows"), &[rows as u32], rows.div_ceil(ROWS)),
        _ => launch.run(Program::new("reduce", "columns"), &[rows as u32], groups_for(rows)),
    }
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("reduce", "backward"), &[n as u32], groups_for(n))
}
