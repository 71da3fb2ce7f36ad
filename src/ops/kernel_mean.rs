//! The mean of a kernel over all pairs of points: `y = 1/(mn) Σᵢⱼ k(xᵢ, zⱼ)`.
//!
//! Shapes: `x` `[m, D]`, `z` `[n, D]`, `y` a scalar. The kernels are those of [`PairKernel`]. Three such means make a maximum mean
//! discrepancy (Gretton et al. 2012, "A kernel two-sample test"), which is why the result, whose terms nearly cancel, is summed
//! in f64: over the pairs of each `xᵢ`, then over the `xᵢ`.
//!
//! Backward: `dxᵢ = dy · 2/(mn) Σⱼ k'(‖xᵢ − zⱼ‖²)(xᵢ − zⱼ)` and the same for `z`, with the derivative `k'` after the squared distance;
//! 0 at distance 0. `x` and `z` may be the same variable.
//!
//! The mean over no pairs is NaN, its gradient 0. A pair with NaN makes the result NaN; a pair at an infinite distance
//! counts as 0.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, ROWS, groups_for};
use crate::error::{Error, Result};
use crate::math::PairKernel;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::put;
use crate::tensor::Shape;

/// The operation `kernel_mean`.
pub struct KernelMean;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Index of the kernel in [`PairKernel::ALL`].
    kernel: u32,
    /// Numbers of points, and of columns.
    points: [u32; 2],
    width: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "kernel_mean", cpu: forward_cpu, gpu: forward_gpu };
static TOTAL: Kernel = Kernel { name: "kernel_mean_total", cpu: total_cpu, gpu: total_gpu };
static BACKWARD: Kernel = Kernel { name: "kernel_mean_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "kernel_mean",
    formula: "y = mean of k(x_i, z_j) over all pairs",
    keeps: Keeps::INPUTS,
    kernels: &[&FORWARD, &TOTAL, &BACKWARD],
};

impl KernelMean {
    /// The attributes of a kernel.
    pub fn attributes(kernel: PairKernel) -> Attributes {
        Attributes::new(PairKernel::ALL.iter().position(|&k| k == kernel).unwrap_or(0) as u32)
    }
}

fn kernel(index: u32) -> PairKernel {
    PairKernel::ALL.get(index as usize).copied().unwrap_or_default()
}

fn arguments(attributes: &Attributes, x: Shape, z: Shape) -> Arguments {
    let points = [x.rows() as u32, z.rows() as u32];
    Arguments { kernel: attributes.get(), points, width: x.last() as u32, accumulate: 0 }
}

impl Operation for KernelMean {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        let (x, z) = (inputs[0].shape, inputs[1].shape);
        if x.rank() != 2 || z.rank() != 2 || x.last() != z.last() {
            let message =
                format!("points of shapes {x} and {z}; give [m, D] and [n, D] with the same number of columns");
            return Err(Error::shape("kernel_mean", message));
        }
        Ok(Products::new(&[Shape::SCALAR], &[[x.rows()].into()]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let (x, z, [y, sums]) = (call.inputs[0], call.inputs[1], [call.products[0], call.products[1]]);
        let arguments = arguments(call.attributes, x.shape(), z.shape());
        call.device.launch(&FORWARD, &arguments, &[x.slice(), z.slice()], &[sums.slice()])?;
        call.device.launch(&TOTAL, &arguments, &[sums.slice()], &[y.slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (x, z, dy) = (call.inputs[0], call.inputs[1], call.gradient()?);
        for (own, other, operand) in [(x, z, 0), (z, x, 1)] {
            let Some(sink) = call.sink(operand) else { continue };
            let arguments =
                Arguments { accumulate: sink.flag(), ..arguments(call.attributes, own.shape(), other.shape()) };
            call.device.launch(
                &BACKWARD,
                &arguments,
                &[own.slice(), other.slice(), dy.slice()],
                &[sink.tensor.slice()],
            )?;
        }
        Ok(())
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let kernel = kernel(attributes.get());
        let squared = |x: &[f64], z: &[f64]| x.iter().zip(z).map(|(x, z)| (x - z).powi(2)).sum();
        let pairs = inputs[0].rows().flat_map(|x| inputs[1].rows().map(move |z| kernel.value(squared(x, z))));
        let count = inputs[0].shape.rows() * inputs[1].shape.rows();
        let means = inputs[0].rows().map(|x| {
            let sum: f64 = inputs[1].rows().map(|z| kernel.value(squared(x, z))).sum();
            sum / inputs[1].shape.rows() as f64
        });
        vec![
            Array64::new(Shape::SCALAR, vec![pairs.sum::<f64>() / count as f64]),
            Array64::new([inputs[0].shape.rows()].into(), means.collect()),
        ]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for &kernel in PairKernel::ALL {
            // Nearer than this, finite differences step over the smallest scale.
            let apart = |m: usize, n: usize, d: usize| {
                vec![Input::between([m, d], -2.0, 0.0), Input::between([n, d], 0.5, 2.0)]
            };
            let everywhere = |m: usize, n: usize, d: usize| vec![Input::real([m, d]), Input::real([n, d])];
            let inputs = [
                apart(0, 3, 2),
                apart(2, 3, 0),
                apart(1, 1, 1),
                apart(5, 3, 1),
                everywhere(13, 7, 5),
                everywhere(70, 150, 67),
            ];
            for inputs in inputs {
                let label = format!("{kernel:?} {:?}", inputs);
                cases.push(Case::new(label, inputs, KernelMean::attributes(kernel)));
            }
        }
        cases
    }
}

/// Pairs of numbers per chunk of work.
const CHUNK: usize = 8192;

/// Points per chunk of work: a kernel costs about as much as a hundred columns.
fn points_per_chunk(others: usize, width: usize) -> usize {
    (CHUNK / (others * (width / 4 + 25)).max(1)).max(1)
}

fn squared_distance(x: &[f32], z: &[f32]) -> f64 {
    x.iter().zip(z).map(|(&x, &z)| f64::from(x) - f64::from(z)).map(|difference| difference * difference).sum()
}

/// The mean of the kernel over the partners of each point.
fn forward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (kernel, width) = (kernel(arguments.kernel), arguments.width as usize);
    let (x, z, means) = (launch.input(0), launch.input(1), launch.output(0));
    let others = arguments.points[1] as usize;
    let chunk = points_per_chunk(others, width);
    launch.threads.for_each_chunk(means, chunk, |index, means| {
        for (i, mean) in means.iter_mut().enumerate() {
            let x = &x[(index * chunk + i) * width..][..width];
            let sum: f64 = (0..others).map(|j| kernel.value(squared_distance(x, &z[j * width..][..width]))).sum();
            *mean = (sum / others as f64) as f32;
        }
    });
}

fn total_cpu(launch: &mut Launch) {
    let points = launch.arguments::<Arguments>().points[0];
    let total: f64 = launch.input(0).iter().map(|&mean| f64::from(mean)).sum();
    launch.output(0).fill((total / f64::from(points)) as f32);
}

/// Partners whose forces are found before they are added.
const PIECE: usize = 64;
/// Columns whose forces are added side by side.
const COLUMNS: usize = 16;

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (kernel, width) = (kernel(arguments.kernel), arguments.width as usize);
    let (x, z, dx) = (launch.input(0), launch.input(1), launch.output(0));
    let [points, others] = arguments.points.map(|count| count as usize);
    let factor = 2.0 * f64::from(launch.input(2)[0]) / (points as f64 * others as f64);
    let chunk = points_per_chunk(others, width);
    launch.threads.for_each_rows(points, chunk, [(dx, width)], |index, [dx]| {
        for (dx, i) in dx.chunks_mut(width.max(1)).zip(index * chunk..points) {
            let x = &x[i * width..][..width];
            if others == 0 {
                dx.iter_mut().for_each(|dx| put(dx, arguments.accumulate, 0.0));
            }
            for first in (0..others).step_by(PIECE) {
                let add = if first == 0 { arguments.accumulate } else { 1 };
                let z = &z[first * width..(first + PIECE).min(others) * width];
                let mut slopes = [0.0; PIECE];
                for (slope, z) in slopes.iter_mut().zip(z.chunks(width.max(1))) {
                    *slope = factor * kernel.slope(squared_distance(x, z));
                }
                for column in (0..width).step_by(COLUMNS) {
                    let columns = column..(column + COLUMNS).min(width);
                    let mut forces = [0.0; COLUMNS];
                    for (slope, z) in slopes.iter().zip(z.chunks(width)) {
                        let pairs = x[columns.clone()].iter().zip(&z[columns.clone()]);
                        for (force, (&x, &z)) in forces.iter_mut().zip(pairs) {
                            *force += slope * (f64::from(x) - f64::from(z));
                        }
                    }
                    dx[columns].iter_mut().zip(forces).for_each(|(dx, force)| put(dx, add, force as f32));
                }
            }
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let points = launch.outputs[0].words();
    launch.run(Program::new("kernel_mean", "forward"), &[], points.div_ceil(ROWS))
}

fn total_gpu(launch: &gpu::Launch) -> Result<()> {
    launch.run(Program::new("kernel_mean", "total"), &[], 1)
}

/// The slopes of all pairs, then a thread for an element of the gradient.
fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let [points, others] = launch.arguments::<Arguments>().points.map(|count| count as usize);
    let (n, slopes) = (launch.outputs[0].words(), launch.scratch(points * others)?);
    let [x, z, dy] = [0, 1, 2].map(|i| launch.inputs[i]);
    let program = Program::new("kernel_mean", "slopes");
    launch.run_with(program, &launch.words(&[]), &[x, z], &[slopes.all()], groups_for(points * others))?;
    let program = Program::new("kernel_mean", "backward");
    let inputs = [x, z, dy, slopes.all()];
    launch.run_with(program, &launch.words(&[n as u32]), &inputs, launch.outputs, groups_for(n))
}
