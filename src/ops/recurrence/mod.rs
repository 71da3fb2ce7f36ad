//! Recurrent layers over all series of a ragged batch and all their steps in one launch.
//!
//! `a` `[elements, G·H]` is the input's share of the gates, `x K + b`, for all elements; series `s` is the elements
//! `offsets[s] .. offsets[s + 1]`, walked through from the first to the last, or with [`Recurrence::reversed`] from the last to
//! the first. With the state before a step `h` `[H]`, which starts as 0, and the recurrent kernel `R` `[H, G·H]`:
//!
//! ```text
//! gated recurrent unit (G = 3: z, r, g; bias b of the state's share, [3H]):
//!     u = h R + b;   z = σ(a_z + u_z);   r = σ(a_r + u_r);   g = tanh(a_g + r u_g);   h' = z h + (1 − z) g
//! long short-term memory (G = 4: i, f, g, o; no bias; a cell c that starts as 0):
//!     u = a + h R;   i = σ(u_i);   f = σ(u_f);   g = tanh(u_g);   o = σ(u_o);   c' = f c + i g;   h' = o tanh(c')
//! ```
//!
//! Cho et al. 2014, arXiv:1406.1078, with `r` applied after the product, as in cuDNN, so that one product serves all gates; Hochreiter &
//! Schmidhuber 1997, doi 10.1162/neco.1997.9.8.1735, with the forget gate of Gers et al. 2000, doi 10.1162/089976600300015015.
//!
//! The output is the state after each step in the order of the elements, `[elements, H]`, or the state after the last step of each
//! series, `[series, H]`; that of an empty series is 0. Extras that backward reads, unless [`Recurrence::keep`] is off: all states if
//! they are not the output, the gates `[elements, 4H]` (z, r, g, u_g or i, f, g, o), and the cells `[elements, H]`. Without them
//! backward computes them again, with the same bits.
//!
//! Backward through time, with `dh` the gradient of the state after the step and `dv` that of a gate's argument:
//!
//! ```text
//! GRU:   dv_z = dh (h − g) z (1 − z);   dv_g = dh (1 − z)(1 − g²);   dv_r = dv_g u_g r (1 − r)
//!        da = (dv_z, dv_r, dv_g);   du = (dv_z, dv_r, dv_g r);   dh ← dh z + du Rᵀ
//! LSTM:  dc ← dc + dh o (1 − tanh²c');   dv_i = dc g i (1 − i);   dv_f = dc c f (1 − f);   dv_g = dc i (1 − g²)
//!        dv_o = dh tanh(c') o (1 − o);   da = du = (dv_i, dv_f, dv_g, dv_o);   dc ← dc f;   dh ← du Rᵀ
//! dR = Σ hᵀ du   over the elements in ascending order;   db = Σ du   over steps and series of each tile, then over tiles
//! ```
//!
//! A tile of series goes through all steps while its states stay in the first-level cache; series that have ended leave the tile.
//! Every sum over units is one chain of fused multiply-adds in ascending order, so a series' result does not depend on the others,
//! on threads or on the instruction set.

mod backward;
mod cases;
mod cells;
mod forward;
mod gpu;
mod reference;
mod series;
#[cfg(test)]
mod tests;

use crate::device::Kernel;
use crate::error::{Error, Result};
use crate::ops::accumulate;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::sets;
use crate::ops::reference::{Array64, Case};
use crate::tensor::{Shape, Tensor};

/// The cell of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecurrentCell {
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
}

impl RecurrentCell {
    /// Columns of the kernels for each unit, `G`.
    pub fn gates(self) -> usize {
        match self {
            RecurrentCell::Gru => 3,
            RecurrentCell::Lstm => 4,
        }
    }
}

/// Which states are the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum States {
    /// The state after each step, in the order of the elements: `[elements, H]`.
    All,
    /// The state after the last step: `[series, H]`.
    Final,
}

/// The operation `recurrence`, and what is to be said about a call of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recurrence {
    /// The cell.
    pub cell: RecurrentCell,
    /// Whether series are walked through from the last element to the first.
    pub reversed: bool,
    /// Which states are the output.
    pub states: States,
    /// Whether backward is to find what it needs; it can do without.
    pub keep: bool,
}

/// The row of [`Recurrence`] in the table of operations.
pub struct RecurrenceOperation;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// 0 for the gated recurrent unit, 1 for long short-term memory.
    cell: u32,
    reversed: u32,
    /// 1 when all states are the output.
    all: u32,
    keep: u32,
    elements: u32,
    series: u32,
    units: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
}

impl Arguments {
    fn cell(&self) -> RecurrentCell {
        if self.cell == 1 { RecurrentCell::Lstm } else { RecurrentCell::Gru }
    }

    /// Columns of `a` and of the recurrent kernel.
    fn width(&self) -> usize {
        self.cell().gates() * self.units as usize
    }
}

/// Gates that are kept for each unit, whatever the cell.
const KEPT_GATES: usize = 4;

static FORWARD: Kernel = Kernel { name: "recurrence", cpu: forward::forward, gpu: gpu::forward };
static BACKWARD: Kernel = Kernel { name: "recurrence_backward", cpu: backward::backward, gpu: gpu::backward };
static BACKWARD_KERNEL: Kernel = Kernel { name: "recurrence_backward_kernel", cpu: backward::kernel, gpu: gpu::kernel };
static BACKWARD_BIAS: Kernel = Kernel { name: "recurrence_backward_bias", cpu: backward::bias, gpu: gpu::bias };
static ROW: Row = Row {
    name: "recurrence",
    formula: "h_t = cell(a_t, h_{t-1} R + b), per series",
    keeps: Keeps::ALL,
    kernels: &[&FORWARD, &BACKWARD, &BACKWARD_KERNEL, &BACKWARD_BIAS],
};

impl Recurrence {
    /// The attributes of a call.
    pub fn attributes(self) -> Attributes {
        Attributes::new(Arguments {
            cell: u32::from(self.cell == RecurrentCell::Lstm),
            reversed: u32::from(self.reversed),
            all: u32::from(self.states == States::All),
            keep: u32::from(self.keep),
            ..bytemuck::Zeroable::zeroed()
        })
    }
}

/// The arguments with the sizes of the operands `a`, offsets, recurrent kernel, bias.
fn sized(attributes: &Attributes, inputs: &[&Tensor]) -> Arguments {
    let (a, kernel) = (inputs[0].shape(), inputs[2].shape());
    Arguments {
        elements: a.rows() as u32,
        series: inputs[1].shape().elements() as u32 - 1,
        units: kernel.rows() as u32,
        ..attributes.get()
    }
}

/// What backward reads: all states, gates, cells (nothing without cells).
type Kept = [Tensor; 3];

/// The shapes of what is [`Kept`].
fn kept_shapes(arguments: &Arguments) -> [Shape; 3] {
    let (elements, units) = (arguments.elements as usize, arguments.units as usize);
    let cells = if arguments.cell() == RecurrentCell::Lstm { elements } else { 0 };
    [[elements, units].into(), [elements, KEPT_GATES * units].into(), [cells, units].into()]
}

/// Launches forward for an output, the first product, and what is to be kept.
fn launch_forward(
    call: &Forward,
    arguments: &Arguments,
    output: Option<&Tensor>,
    kept: [Option<&Tensor>; 3],
) -> Result<()> {
    let nothing = call.inputs[0].view(0, [0].into())?;
    let mut inputs = [nothing.slice(); 4];
    inputs.iter_mut().zip(call.inputs).for_each(|(slot, input)| *slot = input.slice());
    let [states, gates, cells] = kept;
    let (states, finals) = if arguments.all == 1 { (output.or(states), None) } else { (states, output) };
    let outputs = [states, gates, cells, finals].map(|tensor| tensor.unwrap_or(&nothing).slice());
    call.device.launch(&FORWARD, arguments, &inputs, &outputs)
}

impl Operation for RecurrenceOperation {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let fault = |message: String| Err(Error::shape(ROW.name, message));
        let arguments: Arguments = attributes.get();
        let gates = arguments.cell().gates();
        let operands = if arguments.cell() == RecurrentCell::Gru { 4 } else { 3 };
        if inputs.len() != operands {
            let message = format!("{} inputs; expected the input's share, offsets, recurrent kernel", inputs.len());
            return fault(message + if operands == 4 { " and bias" } else { ", and no bias for this cell" });
        }
        let (a, kernel, series) = (inputs[0].shape, inputs[2].shape, sets(ROW.name, inputs[1])?);
        let units = if kernel.rank() == 2 { kernel.rows() } else { 0 };
        if units == 0 || kernel.last() != gates * units {
            return fault(format!("a recurrent kernel of shape {kernel}; expected [units, {gates} · units]"));
        }
        if a.rank() != 2 || a.last() != kernel.last() {
            return fault(format!("an input's share of shape {a}; expected [elements, {}]", kernel.last()));
        }
        if let Some(bias) = inputs.get(3).filter(|bias| bias.shape.axes() != [kernel.last()]) {
            return fault(format!("a bias of shape {}; expected [{}]", bias.shape, kernel.last()));
        }
        let shaped = Arguments { elements: a.rows() as u32, units: units as u32, ..arguments };
        let [states, gates, cells] = kept_shapes(&shaped);
        let all = arguments.all == 1;
        let output = if all { states } else { [series, units].into() };
        let lstm = arguments.cell() == RecurrentCell::Lstm;
        let extras = [(!all).then_some(states), Some(gates), lstm.then_some(cells)];
        let mut kept = [Shape::SCALAR; 3];
        let mut count = 0;
        for shape in extras.into_iter().flatten().filter(|_| arguments.keep == 1) {
            kept[count] = shape;
            count += 1;
        }
        Ok(Products::new(&[output], &kept[..count]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = sized(call.attributes, call.inputs);
        let (first, rest) = (Some(call.products[0]), &call.products[1..]);
        let kept = match (arguments.keep, arguments.all) {
            (1, 1) => [first, rest.first().copied(), rest.get(1).copied()],
            (1, _) => [0, 1, 2].map(|i| rest.get(i).copied()),
            _ => [None; 3],
        };
        launch_forward(call, &arguments, first, kept)
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let arguments = sized(call.attributes, call.inputs);
        let [states, gates, cells] = kept(call, &arguments)?;
        let (elements, units) = (arguments.elements as usize, arguments.units as usize);
        let uninitialised = |shape: [usize; 2]| Tensor::uninitialised(call.device, shape.into());
        // The sums read `da` alone, so a gradient that is to be added goes to memory of its own first.
        let sink = call.sink(0);
        let own = match sink {
            Some(sink) if !sink.accumulate => None,
            _ => Some(uninitialised([elements, arguments.width()])?),
        };
        let Some(da) = own.as_ref().or(sink.map(|sink| sink.tensor)) else { return Ok(()) };
        let differs = if arguments.cell() == RecurrentCell::Gru { elements } else { 0 };
        let (du_g, previous) = (uninitialised([differs, units])?, uninitialised([elements, units])?);
        let summed = call.sink(3).map_or(0, |_| (arguments.series as usize).div_ceil(series::TILE));
        let sums = uninitialised([summed, arguments.width()])?;
        let inputs = [call.gradient()?, call.inputs[1], call.inputs[2], &states, &gates, &cells].map(Tensor::slice);
        let outputs = [da, &du_g, &previous, &sums].map(Tensor::slice);
        call.device.launch(&BACKWARD, &arguments, &inputs, &outputs)?;
        if let Some(sink) = call.sink(2) {
            let arguments = Arguments { accumulate: sink.flag(), ..arguments };
            let inputs = [&previous, da, &du_g].map(Tensor::slice);
            call.device.launch(&BACKWARD_KERNEL, &arguments, &inputs, &[sink.tensor.slice()])?;
        }
        if let Some(sink) = call.sink(3) {
            let arguments = Arguments { accumulate: sink.flag(), ..arguments };
            call.device.launch(&BACKWARD_BIAS, &arguments, &[sums.slice()], &[sink.tensor.slice()])?;
        }
        match (&own, sink) {
            (Some(own), Some(sink)) => accumulate(own, sink),
            _ => Ok(()),
        }
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        vec![reference::reference(inputs, attributes.get())]
    }

    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// What forward has kept, or the same computed again.
fn kept(call: &Backward, arguments: &Arguments) -> Result<Kept> {
    let shapes = kept_shapes(arguments);
    if arguments.keep == 1 {
        let first = if arguments.all == 1 { 0 } else { 1 };
        let nothing = call.products[0].view(0, [0].into())?;
        return Ok([0, 1, 2].map(|i| call.products.get(first + i).copied().unwrap_or(&nothing).clone()));
    }
    let [states, gates, cells] = shapes.map(|shape| Tensor::uninitialised(call.device, shape));
    let kept = [states?, gates?, cells?];
    let forward = Forward { device: call.device, inputs: call.inputs, products: &[], attributes: call.attributes };
    launch_forward(&forward, arguments, None, kept.each_ref().map(Some))?;
    Ok(kept)
}
