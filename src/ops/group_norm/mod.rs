//! Group and batch normalisation: statistics over groups of channels and many rows.
//!
//! `x` is seen as `[outer, positions, groups, width]`, the last two making up the channels. Mean `μ` and population variance `v`
//! are taken over `positions` and `width` and belong to one outer index and group: `y = (x − μ)/√(v + ε) γ + β` with gain `γ` and
//! shift `β` `[channels]`, both optional.
//!
//! * Group normalisation (Wu & He 2018, arXiv:1803.08494): outer is the first axis of `x` `[batch, …, channels]`.
//! * Of series of any lengths, `x` `[elements, channels]`: outer are the series, whose offsets `[series + 1]` are the last operand;
//!   the positions of each are its elements.
//! * Batch normalisation in training (Ioffe & Szegedy 2015, arXiv:1502.03167): no outer axis, one channel per group.
//!
//! Outputs: `y`, `μ`, `v`, the last two `[outer, groups]`, so that a layer can keep moving statistics. Backward, with
//! `r = 1/√(v + ε)`, `x̂ = (x − μ) r`, `g = γ dy` and means over the `n` elements of a group:
//! `dx = r (g − mean(g) − x̂ mean(g x̂)) + dμ/n + 2 dv (x − μ)/n`, `dγ = Σ dy x̂`, `dβ = Σ dy`.
//! NaN makes its group NaN. Statistics over no element are NaN.

mod gpu;
mod kernels;

use crate::device::Kernel;
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::sets;
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::{Shape, Tensor};

/// Over what the statistics are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupNormKind {
    /// Over all rows, for each channel.
    Batch,
    /// For each index of the first axis over so many groups of neighbouring channels, and over all axes between.
    Group(usize),
    /// As [`GroupNormKind::Group`], for each series of a ragged batch.
    Series(usize),
}

/// The operation `group_norm`.
pub struct GroupNorm;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    epsilon: f32,
    /// Number of groups; 0 in the attributes of batch normalisation, where it is the number of channels.
    groups: u32,
    /// 1 when offsets say where each outer index starts.
    ragged: u32,
    /// 1 when there is a gain.
    gain: u32,
    /// 1 when there is a shift.
    shift: u32,
    outer: u32,
    /// Of each outer index, unless there are offsets.
    positions: u32,
    rows: u32,
    /// Channels of a group.
    width: u32,
    /// Backward: 1 where the gradient of this output is there (`y`, `μ`, `v`).
    given: [u32; 3],
    /// Backward of the parameters: 1 for the gain, 0 for the shift.
    of_gain: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

static MOMENTS: Kernel = Kernel { name: "group_norm_moments", cpu: kernels::moments, gpu: gpu::moments };
static FORWARD: Kernel = Kernel { name: "group_norm", cpu: kernels::forward, gpu: gpu::forward };
static BACKWARD_SUMS: Kernel =
    Kernel { name: "group_norm_backward_sums", cpu: kernels::backward_sums, gpu: gpu::backward_sums };
static BACKWARD_INPUT: Kernel =
    Kernel { name: "group_norm_backward_input", cpu: kernels::backward_input, gpu: gpu::backward_input };
static BACKWARD_PARAMETER: Kernel =
    Kernel { name: "group_norm_backward_parameter", cpu: kernels::backward_parameter, gpu: gpu::backward_parameter };
static ROW: Row = Row {
    name: "group_norm",
    formula: "y = (x - m) / sqrt(v + e) g + b, m and v over rows and the channels of a group",
    keeps: Keeps { inputs: 0b1111, products: 0b110 },
    kernels: &[&MOMENTS, &FORWARD, &BACKWARD_SUMS, &BACKWARD_INPUT, &BACKWARD_PARAMETER],
};

impl GroupNorm {
    /// The attributes of a kind, ε, and whether gain and shift follow the input, in this order.
    pub fn attributes(kind: GroupNormKind, epsilon: f64, gain: bool, shift: bool) -> Attributes {
        let (groups, ragged) = match kind {
            GroupNormKind::Batch => (0, 0),
            GroupNormKind::Group(groups) => (groups as u32, 0),
            GroupNormKind::Series(groups) => (groups as u32, 1),
        };
        let (epsilon, gain, shift) = (epsilon as f32, u32::from(gain), u32::from(shift));
        Attributes::new(Arguments { epsilon, groups, ragged, gain, shift, ..bytemuck::Zeroable::zeroed() })
    }
}

/// The arguments with the sizes of `x` and of the last operand, which is that of the offsets if there are some.
fn arguments(attributes: &Attributes, x: Shape, last: Shape) -> Arguments {
    let (rows, channels) = (x.rows() as u32, x.last() as u32);
    let arguments = Arguments { rows, ..attributes.get() };
    match arguments.groups {
        0 => Arguments { groups: channels, outer: 1, positions: rows, width: 1, ..arguments },
        groups => {
            let outer = match (arguments.ragged, x.axes()) {
                (1, _) => last.elements().saturating_sub(1) as u32,
                (_, &[batch, _, ..]) => batch as u32,
                _ => 1,
            };
            Arguments { outer, positions: rows / outer.max(1), width: channels / groups, ..arguments }
        }
    }
}

/// Gain and shift among the inputs; a missing one is represented by `x`, which the kernels then do not read.
fn parameters<'a, T>(arguments: &Arguments, inputs: &[&'a T]) -> (&'a T, &'a T) {
    let gain = if arguments.gain == 1 { inputs[1] } else { inputs[0] };
    let shift = if arguments.shift == 1 { inputs[1 + arguments.gain as usize] } else { inputs[0] };
    (gain, shift)
}

/// The offsets, or `x` in their place, which the kernels then do not read.
fn offsets<'a, T>(arguments: &Arguments, inputs: &[&'a T]) -> &'a T {
    if arguments.ragged == 1 { inputs[inputs.len() - 1] } else { inputs[0] }
}

/// The arguments with the sizes of the operands, which `infer` has checked.
fn sized(attributes: &Attributes, inputs: &[&Tensor]) -> Arguments {
    arguments(attributes, inputs[0].shape(), inputs[inputs.len() - 1].shape())
}

impl Operation for GroupNorm {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (x, last) = (inputs[0].shape, inputs[inputs.len() - 1]);
        let arguments = arguments(attributes, x, last.shape);
        let fault = |message: String| Err(Error::shape(ROW.name, message));
        if inputs.len() != 1 + (arguments.gain + arguments.shift + arguments.ragged) as usize {
            return fault(format!("{} inputs; expected x, the gain, shift and offsets announced", inputs.len()));
        }
        if arguments.ragged == 1 {
            sets(ROW.name, last)?;
            if x.rank() != 2 {
                return fault(format!("series of shape {x}; expected [elements, channels]"));
            }
        }
        if x.rank() == 0 {
            return fault("the input is a single number; give it a last axis of channels".to_string());
        }
        let groups = arguments.groups as usize;
        if groups > 0 && x.last() % groups != 0 {
            return fault(format!("{groups} groups of {} channels; choose a divisor of the channels", x.last()));
        }
        let parameters = &inputs[1..inputs.len() - arguments.ragged as usize];
        if let Some(odd) = parameters.iter().find(|p| p.shape.axes() != [x.last()]) {
            return fault(format!("a gain or shift of shape {} for {x}; expected [{}]", odd.shape, x.last()));
        }
        let statistics = Shape::from([arguments.outer as usize, groups]);
        Ok(Products::new(&[x, statistics, statistics], &[]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let (x, [y, mean, variance]) = (call.inputs[0], [0, 1, 2].map(|i| call.products[i]));
        let arguments = sized(call.attributes, call.inputs);
        let ((gain, shift), offsets) = (parameters(&arguments, call.inputs), offsets(&arguments, call.inputs));
        let statistics = [mean.slice(), variance.slice()];
        call.device.launch(&MOMENTS, &arguments, &[x.slice(), offsets.slice()], &statistics)?;
        let inputs = [x, mean, variance, gain, shift, offsets].map(Tensor::slice);
        call.device.launch(&FORWARD, &arguments, &inputs, &[y.slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (x, mean, variance) = (call.inputs[0], call.products[1], call.products[2]);
        // The gradient of an output that the loss does not depend on is represented by `x` and not read.
        let [dy, dmean, dvariance] = [0, 1, 2].map(|i| call.gradients[i].unwrap_or(x));
        let given = [0, 1, 2].map(|i| u32::from(call.gradients[i].is_some()));
        let arguments = Arguments { given, ..sized(call.attributes, call.inputs) };
        let ((gain, _), offsets) = (parameters(&arguments, call.inputs), offsets(&arguments, call.inputs));
        if let Some(sink) = call.sink(0) {
            let arguments = Arguments { accumulate: sink.flag(), ..arguments };
            let sums = Tensor::uninitialised(call.device, [2, mean.shape().elements()].into())?;
            let inputs = [x, gain, mean, variance, dy, dmean, dvariance, offsets].map(Tensor::slice);
            call.device.launch(&BACKWARD_SUMS, &arguments, &inputs, &[sums.slice()])?;
            let inputs = [x, gain, mean, variance, dy, &sums, offsets].map(Tensor::slice);
            call.device.launch(&BACKWARD_INPUT, &arguments, &inputs, &[sink.tensor.slice()])?;
        }
        for operand in 1..1 + (arguments.gain + arguments.shift) as usize {
            let Some(sink) = call.sink(operand) else { continue };
            let of_gain = u32::from(operand == 1 && arguments.gain == 1);
            let arguments = Arguments { accumulate: sink.flag(), of_gain, ..arguments };
            let inputs = [x, mean, variance, dy, offsets].map(Tensor::slice);
            call.device.launch(&BACKWARD_PARAMETER, &arguments, &inputs, &[sink.tensor.slice()])?;
        }
        Ok(())
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, last) = (&inputs[0], &inputs[inputs.len() - 1]);
        let a = arguments(attributes, x.shape, last.shape);
        let (gain, shift) = parameters(&a, &inputs.iter().collect::<Vec<_>>());
        let [outer, positions, groups, width] = [a.outer, a.positions, a.groups, a.width].map(|n| n as usize);
        let offsets = if a.ragged == 1 { last.indices() } else { (0..=outer).map(|o| o * positions).collect() };
        let mut y = vec![0.0; x.values.len()];
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for o in 0..outer {
            for g in 0..groups {
                let places: Vec<(usize, usize)> = (offsets[o]..offsets[o + 1])
                    .flat_map(|row| (g * width..(g + 1) * width).map(move |c| (row * groups * width + c, c)))
                    .collect();
                let n = places.len() as f64;
                let mean = places.iter().map(|&(i, _)| x.values[i]).sum::<f64>() / n;
                let variance = places.iter().map(|&(i, _)| (x.values[i] - mean).powi(2)).sum::<f64>() / n;
                for (i, c) in places {
                    let gain = if a.gain == 1 { gain.values[c] } else { 1.0 };
                    let shift = if a.shift == 1 { shift.values[c] } else { 0.0 };
                    y[i] = (x.values[i] - mean) / (variance + f64::from(a.epsilon)).sqrt() * gain + shift;
                }
                means.push(mean);
                variances.push(variance);
            }
        }
        let statistics = Shape::from([outer, groups]);
        vec![Array64::new(x.shape, y), Array64::new(statistics, means), Array64::new(statistics, variances)]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |kind: GroupNormKind, axes: &[usize], gain: bool, shift: bool| {
            let shape = Shape::new(axes).unwrap_or(Shape::SCALAR);
            let mut inputs = vec![Input::real(shape)];
            inputs.extend((0..u32::from(gain) + u32::from(shift)).map(|_| Input::real([shape.last()])));
            let label = format!("{kind:?} {shape}, gain {gain}, shift {shift}");
            Case::new(label, inputs, GroupNorm::attributes(kind, 1e-3, gain, shift)).bound(1e-4)
        };
        let series = |groups: usize, offsets: &[u32], channels: usize, gain: bool, shift: bool| {
            let elements = offsets.last().copied().unwrap_or(0) as usize;
            let mut case = case(Series(groups), &[elements, channels], gain, shift);
            case.inputs.push(Input::indices([offsets.len()], offsets));
            case
        };
        use GroupNormKind::{Batch, Group, Series};
        vec![
            series(1, &[0], 3, true, true),
            series(2, &[0, 1, 8, 11], 6, true, true),
            series(3, &[0, 5, 301, 333], 9, true, false),
            series(1, &[0, 2], 5, false, true),
            series(5, &[0, 7, 10], 35, false, false),
            case(Batch, &[3, 1], true, true),
            case(Batch, &[7, 5], false, false),
            case(Batch, &[3, 11, 70], true, true),
            case(Batch, &[301, 33], false, true),
            case(Group(1), &[0, 3, 4], true, true),
            case(Group(1), &[1, 1, 2], true, true),
            case(Group(2), &[3, 5, 4], true, false),
            case(Group(3), &[2, 3, 3, 6], false, false),
            case(Group(2), &[5, 37, 70], true, true),
            case(Group(7), &[4, 7], true, true),
        ]
    }
}
