//! Maximum or mean over 2 × 2 windows of images, side by side.
//!
//! `x` `[batch, height, width, channels]`, `y` `[batch, height', width', channels]`. An odd last row or column is left out with
//! [`Edge::Drop`], `height' = ⌊height / 2⌋`, and continued by zeros, which count in maximum and mean, with [`Edge::Zeros`],
//! `height' = ⌈height / 2⌉`. The gradient of a maximum goes to the first element of the window, row by row, that attains it. NaN in a window
//! gives NaN, and no gradient of the maximum.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::put;
use crate::tensor::{Shape, Tensor};

/// What a window of 2 × 2 elements is replaced by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolingKind {
    /// The largest element.
    Maximum,
    /// The mean.
    Mean,
}

/// What happens to the last row or column of images whose height or width is odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It is left out.
    Drop,
    /// Zeros follow it.
    Zeros,
}

/// The operation `pooling`.
pub struct ImagePooling;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// 1 for the mean.
    mean: u32,
    /// 1 when zeros follow an odd row or column.
    zeros: u32,
    height: u32,
    width: u32,
    channels: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "pooling", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "pooling_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "pooling",
    formula: "y[b, i, j, c] = maximum or mean of x[b, 2 i + {0, 1}, 2 j + {0, 1}, c]",
    keeps: Keeps::INPUTS,
    kernels: &[&FORWARD, &BACKWARD],
};

impl ImagePooling {
    /// The attributes of a kind and of what happens to odd rows and columns.
    pub fn attributes(kind: PoolingKind, edge: Edge) -> Attributes {
        let (mean, zeros) = (u32::from(kind == PoolingKind::Mean), u32::from(edge == Edge::Zeros));
        Attributes::new(Arguments { mean, zeros, ..bytemuck::Zeroable::zeroed() })
    }
}

impl Arguments {
    fn of(attributes: &Attributes, x: Shape) -> Self {
        let size = |axis: usize| x.axes().get(axis).map_or(0, |&size| size as u32);
        Arguments { height: size(1), width: size(2), channels: size(3), ..attributes.get() }
    }

    /// Windows on an axis.
    fn windows(&self, size: u32) -> usize {
        ((size + self.zeros) / 2) as usize
    }

    /// The elements of a window, row by row: channels at one place of the image each, nothing beyond the edge.
    fn window<'a, T>(&self, image: &'a [T], row: usize, column: usize) -> [Option<&'a [T]>; 4] {
        let [height, width, channels] = [self.height, self.width, self.channels].map(|size| size as usize);
        [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(below, right)| {
            let (y, x) = (2 * row + below, 2 * column + right);
            (y < height && x < width).then(|| &image[(y * width + x) * channels..][..channels])
        })
    }

    /// Numbers of an image.
    fn image(&self) -> usize {
        (self.height * self.width * self.channels) as usize
    }
}

impl Operation for ImagePooling {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let x = inputs[0].shape;
        let &[batch, _, _, channels] = x.axes() else {
            return Err(Error::shape(
                ROW.name,
                format!("an input of shape {x}; expected [batch, height, width, channels]"),
            ));
        };
        let arguments = Arguments::of(attributes, x);
        let [height, width] = [arguments.height, arguments.width].map(|size| arguments.windows(size));
        Ok(Products::one([batch, height, width, channels].into()))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let (x, y) = (call.inputs[0], call.products[0]);
        call.device.launch(&FORWARD, &Arguments::of(call.attributes, x.shape()), &[x.slice()], &[y.slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { accumulate: sink.flag(), ..Arguments::of(call.attributes, call.inputs[0].shape()) };
        let inputs = [call.inputs[0], call.gradient()?].map(Tensor::slice);
        call.device.launch(&BACKWARD, &arguments, &inputs, &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, mut values) = (&inputs[0], Vec::new());
        let a = Arguments::of(attributes, x.shape);
        for image in x.values.chunks(a.image().max(1)) {
            for (row, column) in
                (0..a.windows(a.height)).flat_map(|row| (0..a.windows(a.width)).map(move |column| (row, column)))
            {
                let window = a.window(image, row, column);
                for channel in 0..a.channels as usize {
                    let elements = window.map(|place| place.map_or(0.0, |place| place[channel]));
                    let larger = |a: f64, b: f64| if a.is_nan() || a > b { a } else { b };
                    values.push(match a.mean {
                        1 => elements.iter().sum::<f64>() / 4.0,
                        _ => elements.into_iter().fold(f64::NEG_INFINITY, larger),
                    });
                }
            }
        }
        let shape = [x.shape.axes()[0], a.windows(a.height), a.windows(a.width), x.shape.last()];
        vec![Array64::new(shape.into(), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for kind in [PoolingKind::Maximum, PoolingKind::Mean] {
            for edge in [Edge::Drop, Edge::Zeros] {
                for shape in [[0, 2, 2, 1], [1, 1, 1, 1], [2, 2, 4, 3], [3, 5, 7, 3], [2, 1, 6, 5], [5, 9, 8, 33]] {
                    let label = format!("{kind:?} of {shape:?}, {edge:?}");
                    cases.push(Case::new(label, vec![Input::real(shape)], ImagePooling::attributes(kind, edge)));
                }
            }
        }
        cases
    }
}

/// Whether a value takes the place of the largest one before it.
fn exceeds(value: f32, largest: f32) -> bool {
    value > largest || (value.is_nan() && !largest.is_nan())
}

fn forward_cpu(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let (x, y) = (launch.input(0), launch.output(0));
    let (columns, channels) = (a.windows(a.width), a.channels as usize);
    let (rows, image) = (a.windows(a.height), a.image());
    let row_length = (columns * channels).max(1);
    launch.threads.for_each_chunk(y, row_length, |index, y| {
        let (x, row) = (&x[index / rows * image..][..image], index % rows);
        for (column, y) in y.chunks_mut(channels).enumerate() {
            for (place, elements) in a.window(x, row, column).into_iter().enumerate() {
                for (channel, y) in y.iter_mut().enumerate() {
                    let value = elements.map_or(0.0, |elements| elements[channel]);
                    *y = match (place, a.mean) {
                        (0, _) => value,
                        (_, 1) => *y + value,
                        _ if exceeds(value, *y) => value,
                        _ => *y,
                    };
                }
            }
            if a.mean == 1 {
                y.iter_mut().for_each(|y| *y *= 0.25);
            }
        }
    });
}

fn backward_cpu(launch: &mut Launch) {
    let a: Arguments = launch.arguments();
    let (x, dy, dx) = (launch.input(0), launch.input(1), launch.output(0));
    let (height, width, channels, image) = (a.height as usize, a.width as usize, a.channels as usize, a.image());
    let (rows, columns) = (a.windows(a.height), a.windows(a.width));
    launch.threads.for_each_chunk(dx, (width * channels).max(1), |index, dx| {
        let (number, y) = (index / height, index % height);
        let x = &x[number * image..][..image];
        for (column, dx) in dx.chunks_mut(channels).enumerate() {
            if y / 2 >= rows || column / 2 >= columns {
                dx.iter_mut().for_each(|dx| put(dx, a.accumulate, 0.0));
                continue;
            }
            let dy = &dy[((number * rows + y / 2) * columns + column / 2) * channels..][..channels];
            let (window, own) = (a.window(x, y / 2, column / 2), y % 2 * 2 + column % 2);
            for (channel, (dx, &dy)) in dx.iter_mut().zip(dy).enumerate() {
                let share = if a.mean == 1 {
                    0.25 * dy
                } else {
                    let elements = window.map(|place| place.map_or(0.0, |place| place[channel]));
                    let largest = (1..4).fold(0, |best, i| if exceeds(elements[i], elements[best]) { i } else { best });
                    if largest == own && !elements[own].is_nan() { dy } else { 0.0 }
                };
                put(dx, a.accumulate, share);
            }
        }
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("pooling", "forward"), &[n as u32], groups_for(n))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("pooling", "backward"), &[n as u32], groups_for(n))
}
