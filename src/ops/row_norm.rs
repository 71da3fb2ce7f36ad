//! Layer and RMS normalisation: each row is divided by its own scale.
//!
//! `y = (x − m) r γ + β` along the last axis of `x` `[…, n]`, with `r = 1/√(mean((x − m)²) + ε)`; `m` is the mean of the
//! row (layer normalisation, Ba et al. 2016, arXiv:1607.06450) or 0 (RMS normalisation, Zhang & Sennrich 2019,
//! arXiv:1910.07467). The gain `γ` `[n]` and the shift `β` `[n]` are optional; a missing one is 1 or 0.
//!
//! Extras: `r` and, for layer normalisation, `m`, one each per row. Backward, with `x̂ = (x − m) r` and `g = γ dy`:
//! `dx = r (g − mean(g) − x̂ mean(g x̂))`, without `mean(g)` when `m` is 0; `dγ = Σ_rows dy x̂`, `dβ = Σ_rows dy`.
//! A row with NaN is NaN. Squares overflow above 10¹⁹.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, ROWS};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::ops::sums::{COLUMNS, put, rows_per_chunk, sum_columns, sum_of, sum_of_three};
use crate::tensor::{Shape, Tensor};

/// Which row normalisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowNormKind {
    /// Layer normalisation: subtracts the mean.
    Layer,
    /// RMS normalisation: does not.
    Rms,
}

/// The operation `row_norm`.
pub struct RowNorm;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    epsilon: f32,
    /// Length of a row.
    width: u32,
    /// 1 when the mean is subtracted.
    centred: u32,
    /// 1 when there is a gain.
    gain: u32,
    /// 1 when there is a shift.
    shift: u32,
    /// Backward of the parameters: 1 for the gain, 0 for the shift.
    of_gain: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static FORWARD: Kernel = Kernel { name: "row_norm", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD_INPUT: Kernel =
    Kernel { name: "row_norm_backward_input", cpu: backward_input_cpu, gpu: backward_input_gpu };
static BACKWARD_PARAMETER: Kernel =
    Kernel { name: "row_norm_backward_parameter", cpu: backward_parameter_cpu, gpu: backward_parameter_gpu };
static ROW: Row = Row {
    name: "row_norm",
    formula: "y = (x - m) / sqrt(mean((x - m)^2) + e) g + b, m = mean(x) or 0",
    keeps: Keeps { inputs: 0b011, products: 0b110 },
    kernels: &[&FORWARD, &BACKWARD_INPUT, &BACKWARD_PARAMETER],
};

impl RowNorm {
    /// The attributes of a kind, ε, and whether gain and shift follow the input, in this order.
    pub fn attributes(kind: RowNormKind, epsilon: f64, gain: bool, shift: bool) -> Attributes {
        Attributes::new(Arguments {
            epsilon: epsilon as f32,
            centred: u32::from(kind == RowNormKind::Layer),
            gain: u32::from(gain),
            shift: u32::from(shift),
            width: 0,
            of_gain: 0,
            accumulate: 0,
        })
    }
}

fn arguments(attributes: &Attributes, x: Shape) -> Arguments {
    Arguments { width: x.last() as u32, ..attributes.get() }
}

/// Gain and shift among the inputs; a missing one is represented by `x`, which the kernels then do not read.
fn parameters<'a, T>(arguments: &Arguments, inputs: &[&'a T]) -> (&'a T, &'a T) {
    let gain = if arguments.gain == 1 { inputs[1] } else { inputs[0] };
    let shift = if arguments.shift == 1 { inputs[inputs.len() - 1] } else { inputs[0] };
    (gain, shift)
}

impl Operation for RowNorm {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, arguments) = (inputs[0].shape, arguments(attributes, inputs[0].shape));
        if inputs.len() != 1 + (arguments.gain + arguments.shift) as usize {
            let message = format!("{} inputs; expected x, then the gain and the shift announced", inputs.len());
            return Err(Error::shape("row_norm", message));
        }
        if x.rank() == 0 {
            return Err(Error::shape(
                "row_norm",
                "the input is a single number; give it a last axis to normalise over",
            ));
        }
        if let Some(odd) = inputs[1..].iter().find(|p| p.shape.axes() != [x.last()]) {
            let message = format!("a gain or shift of shape {} for rows of {x}; expected [{}]", odd.shape, x.last());
            return Err(Error::shape("row_norm", message));
        }
        let rows = x.without_last();
        Ok(Products::new(&[x], &[rows; 2][..1 + arguments.centred as usize]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs[0].shape());
        let (gain, shift) = parameters(&arguments, call.inputs);
        let inputs = [call.inputs[0].slice(), gain.slice(), shift.slice()];
        let last = call.products.len() - 1;
        let products = [call.products[0].slice(), call.products[1].slice(), call.products[last].slice()];
        call.device.launch(&FORWARD, &arguments, &inputs, &products[..=last])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (x, dy) = (call.inputs[0], call.gradient()?);
        let arguments = arguments(call.attributes, x.shape());
        let (gain, _) = parameters(&arguments, call.inputs);
        let (r, m) = (call.products[1], call.products[call.products.len() - 1]);
        if let Some(sink) = call.sink(0) {
            let arguments = Arguments { accumulate: sink.flag(), ..arguments };
            let inputs = [x, gain, r, m, dy].map(Tensor::slice);
            call.device.launch(&BACKWARD_INPUT, &arguments, &inputs, &[sink.tensor.slice()])?;
        }
        for operand in 1..call.inputs.len() {
            let Some(sink) = call.sink(operand) else { continue };
            let of_gain = u32::from(operand == 1 && arguments.gain == 1);
            let arguments = Arguments { accumulate: sink.flag(), of_gain, ..arguments };
            let inputs = [x, r, m, dy].map(Tensor::slice);
            call.device.launch(&BACKWARD_PARAMETER, &arguments, &inputs, &[sink.tensor.slice()])?;
        }
        Ok(())
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let arguments = arguments(attributes, inputs[0].shape);
        let (x, n) = (&inputs[0], inputs[0].shape.last() as f64);
        let (gain, shift) = parameters(&arguments, &inputs.iter().collect::<Vec<_>>());
        let (mut y, mut reciprocals, mut means) = (Vec::new(), Vec::new(), Vec::new());
        for row in x.rows() {
            let mean = if arguments.centred == 1 { row.iter().sum::<f64>() / n } else { 0.0 };
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let reciprocal = 1.0 / (variance + f64::from(arguments.epsilon)).sqrt();
            for (j, x) in row.iter().enumerate() {
                let gain = if arguments.gain == 1 { gain.values[j] } else { 1.0 };
                let shift = if arguments.shift == 1 { shift.values[j] } else { 0.0 };
                y.push((x - mean) * reciprocal * gain + shift);
            }
            reciprocals.push(reciprocal);
            means.push(mean);
        }
        let rows = x.shape.without_last();
        let mut products = vec![Array64::new(x.shape, y), Array64::new(rows, reciprocals)];
        if arguments.centred == 1 {
            products.push(Array64::new(rows, means));
        }
        products
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for (kind, epsilon) in [(RowNormKind::Rms, 1e-6), (RowNormKind::Layer, 1e-3)] {
            for (gain, shift) in [(false, false), (true, false), (false, true), (true, true)] {
                for axes in [&[0, 3][..], &[1, 1], &[5, 7], &[2, 3, 33], &[67, 130]] {
                    let shape = Shape::new(axes).unwrap_or(Shape::SCALAR);
                    let mut inputs = vec![Input::real(shape)];
                    inputs.extend((0..u32::from(gain) + u32::from(shift)).map(|_| Input::real([shape.last()])));
                    let label = format!("{kind:?} {shape}, gain {gain}, shift {shift}");
                    cases.push(Case::new(label, inputs, RowNorm::attributes(kind, epsilon, gain, shift)));
                }
            }
        }
        cases
    }
}

fn forward_cpu(launch: &mut Launch) {
    let Arguments { epsilon, width, centred, gain: has_gain, shift: has_shift, .. } = launch.arguments();
    let (x, gain, shift) = (launch.input(0), launch.input(1), launch.input(2));
    let (y, r, m) = (launch.output(0), launch.output(1), launch.output(2));
    let (rows, n) = (r.len(), width as usize);
    let means = if centred == 1 { (m, 1) } else { (m, 0) };
    let chunk = rows_per_chunk(n);
    launch.threads.for_each_rows(rows, chunk, [(y, n), (r, 1), means], |index, [y, r, m]| {
        for (i, r) in r.iter_mut().enumerate() {
            let x = &x[(index * chunk + i) * n..][..n];
            let y = &mut y[i * n..][..n];
            let mean = if centred == 1 { sum_of(x, |x| x) / n as f32 } else { 0.0 };
            let variance = sum_of(x, |x| (x - mean) * (x - mean)) / n as f32;
            *r = 1.0 / (variance + epsilon).sqrt();
            y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) * *r);
            if has_gain == 1 {
                y.iter_mut().zip(gain).for_each(|(y, gain)| *y *= gain);
            }
            if has_shift == 1 {
                y.iter_mut().zip(shift).for_each(|(y, shift)| *y += shift);
            }
            if centred == 1 {
                m[i] = mean;
            }
        }
    });
}

fn backward_input_cpu(launch: &mut Launch) {
    let Arguments { width, centred, gain: has_gain, accumulate, .. } = launch.arguments();
    let (x, gain, r, m, dy) = (launch.input(0), launch.input(1), launch.input(2), launch.input(3), launch.input(4));
    let (dx, rows, n) = (launch.output(0), r.len(), width as usize);
    let chunk = rows_per_chunk(n);
    launch.threads.for_each_rows(rows, chunk, [(dx, n)], |index, [dx]| {
        for (i, row) in (index * chunk..rows.min(index * chunk + chunk)).enumerate() {
            let (x, dy, dx) = (&x[row * n..][..n], &dy[row * n..][..n], &mut dx[i * n..][..n]);
            let (r, mean) = (r[row], if centred == 1 { m[row] } else { 0.0 });
            let gain = if has_gain == 1 { &gain[..n] } else { x };
            let g = |dy: f32, gain: f32| if has_gain == 1 { dy * gain } else { dy };
            let scaled = |x: f32| (x - mean) * r;
            let along = sum_of_three(dy, gain, x, |dy, gain, x| g(dy, gain) * scaled(x)) / n as f32;
            let level =
                if centred == 1 { sum_of_three(dy, gain, x, |dy, gain, _| g(dy, gain)) / n as f32 } else { 0.0 };
            for (((dx, &x), &dy), &gain) in dx.iter_mut().zip(x).zip(dy).zip(gain) {
                put(dx, accumulate, r * (g(dy, gain) - level - scaled(x) * along));
            }
        }
    });
}

fn backward_parameter_cpu(launch: &mut Launch) {
    let Arguments { width, centred, of_gain, accumulate, .. } = launch.arguments();
    let (x, r, m, dy) = (launch.input(0), launch.input(1), launch.input(2), launch.input(3));
    let (out, rows, n) = (launch.output(0), r.len(), width as usize);
    launch.threads.for_each_chunk(out, COLUMNS, |index, out| {
        let add = |row: usize, first: usize, sums: &mut [f32]| {
            let (r, mean) = if of_gain == 1 { (r[row], if centred == 1 { m[row] } else { 0.0 }) } else { (0.0, 0.0) };
            let (x, dy) = (&x[row * n + first..], &dy[row * n + first..]);
            for ((sum, &x), &dy) in sums.iter_mut().zip(x).zip(dy) {
                *sum += if of_gain == 1 { dy * (x - mean) * r } else { dy };
            }
        };
        let start = index * COLUMNS;
        let columns = start..start + out.len();
        sum_columns(rows, columns, add, |first, sums| {
            out[first - start..].iter_mut().zip(sums).for_each(|(out, &sum)| put(out, accumulate, sum));
        });
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let [y, r] = [launch.outputs[0], launch.outputs[1]];
    let means = launch.outputs.get(2).copied().unwrap_or(r.nothing());
    let program = Program::new("row_norm", "forward");
    let arguments = launch.words(&[r.words() as u32]);
    launch.run_with(program, &arguments, launch.inputs, &[y, r, means], r.words().div_ceil(ROWS))
}

fn backward_input_gpu(launch: &gpu::Launch) -> Result<()> {
    let rows = launch.inputs[2].words();
    launch.run(Program::new("row_norm", "backward_input"), &[rows as u32], rows.div_ceil(ROWS))
}

/// Sums over blocks of rows, then over the blocks.
fn backward_parameter_gpu(launch: &gpu::Launch) -> Result<()> {
    let Arguments { width, accumulate, .. } = launch.arguments();
    let rows = launch.inputs[1].words();
    let sums = gpu::BlockSums::new(launch, rows, width as usize)?;
    let program = Program::new("row_norm", "backward_parameter");
    let arguments = launch.words(&[rows as u32]);
    launch.run_with(program, &arguments, launch.inputs, &[sums.slice()], sums.groups())?;
    sums.finish(launch, launch.outputs[0], accumulate)
}
