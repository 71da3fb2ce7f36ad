//! A whole coupling flow in one operation, forward and backward: what training uses.
//!
//! ```text
//! z, ℓ = f(x; c, w):  x ← s ⊙ x + b,                          ℓ ← ℓ + Σ ln |s|
//!                     x_i ← x_{π(i)}
//!                     x_b ← T(x_b; θ),  θ = network([x_a; c]),   ℓ ← ℓ + ln |∂T/∂x_b|
//! ```
//!
//! Shapes: `x`, `z` `[rows, D]`, `c` `[rows, C]` (with `C = 0` where there is no condition), `w` `[n]` all weights of the flow as
//! they lie in memory, `ℓ` `[rows]`, and the words of a [`FlowProgram`], which says what the steps are. `T` is the affine map of
//! [`CouplingAffine`](super::CouplingAffine) or the spline of [`CouplingSpline`](super::CouplingSpline), forward.
//!
//! Dropout follows the activations of hidden layers. The decision about feature `j` of row `r` is the half word `j mod 8` of Philox
//! 4×32 for the counter `[r, ⌊j/8⌋, k, 4]` in layer number `k`, as in the operation `mlp`; all layers share one key.
//!
//! A few tiles of rows go through one network after the other, forward and back, while its weights are in the second-level cache, and
//! variables never leave it between couplings. What backward needs (variables before each step, results and slopes of layers)
//! is kept as the extra up to [`MOST_KEPT`] numbers and computed again beyond; both give the same bits. Sums over rows are
//! chains within a tile, go on over the tiles of a group, and are added over groups, in ascending order; groups depend on the number
//! of rows alone.
//!
//! NaN and infinity in a row stay in the row, and reach all sums over rows.

mod backward;
mod cases;
mod forward;
mod gpu;
mod program;
mod reference;

pub use program::FlowProgram;

use program::Sizes;

use crate::device::Kernel;
use crate::device::cpu::matrix::ACROSS;
use crate::error::{Error, Result};
use crate::ops::coupling_spline;
use crate::ops::mlp::mask::Mask;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case};
use crate::random::Key;
use crate::tensor::{Dtype, Tensor};

/// What is kept for backward takes at most so many numbers; beyond, it is computed again.
pub const MOST_KEPT: usize = 1 << 25;

/// The operation `coupling_flow`.
pub struct CouplingFlow;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    sizes: Sizes,
    rows: u32,
    /// 1 when what backward needs is to be kept.
    keep: u32,
    /// 1 when there is a gradient of z, and of the log-determinant.
    from_z: u32,
    from_log_det: u32,
    /// Of x, c and the weights those whose gradient is asked for, and to which it is added, as bits.
    wanted: u32,
    added: u32,
    mask: Mask,
    spline: coupling_spline::Arguments,
}

impl Arguments {
    /// Numbers that are kept for backward, 0 if it is to compute them again.
    fn kept(&self) -> usize {
        let kept = self.sizes.states as usize * (self.rows as usize).next_multiple_of(ACROSS);
        if self.keep == 1 && kept <= MOST_KEPT { kept } else { 0 }
    }

    fn keeps(&self) -> bool {
        self.kept() > 0
    }

    fn wants(&self, operand: usize) -> bool {
        self.wanted >> operand & 1 == 1
    }

    fn adds(&self, operand: usize) -> bool {
        self.added >> operand & 1 == 1
    }
}

static FORWARD: Kernel = Kernel { name: "coupling_flow", cpu: forward::forward, gpu: gpu::forward };
static BACKWARD: Kernel = Kernel { name: "coupling_flow_backward", cpu: backward::backward, gpu: gpu::backward };
static ROW: Row = Row {
    name: "coupling_flow",
    formula: "z, ℓ = scales, permutations and couplings one after the other; ℓ = Σ ln |det|",
    keeps: Keeps { inputs: u32::MAX, products: 0b100 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl CouplingFlow {
    /// The attributes of a program: whether backward is to find what it needs, and the key of dropout in training.
    pub fn attributes(program: &FlowProgram, keep: bool, dropout: Option<Key>) -> Attributes {
        Attributes::new(Arguments {
            sizes: program.sizes,
            rows: 0,
            keep: u32::from(keep),
            from_z: 0,
            from_log_det: 0,
            wanted: 0,
            added: 0,
            mask: dropout.map_or(Mask::NONE, |key| Mask::new(program.dropout, key)),
            spline: program.spline,
        })
    }
}

fn arguments(attributes: &Attributes, x: &Tensor) -> Arguments {
    Arguments { rows: x.shape().rows() as u32, ..attributes.get() }
}

impl Operation for CouplingFlow {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let arguments: Arguments = attributes.get();
        let sizes = arguments.sizes;
        let [dimension, condition, weights] = [sizes.dimension, sizes.condition, sizes.weights].map(|n| n as usize);
        let words = (sizes.parts_at + 4 * sizes.parts) as usize;
        if let [x, c, w, program] = inputs {
            let rows = x.shape.rows();
            let fits = x.shape.axes() == [rows, dimension]
                && c.shape.axes() == [rows, condition]
                && w.shape.axes() == [weights]
                && program.shape.axes() == [words]
                && program.dtype == Dtype::U32;
            if fits {
                let kept = Arguments { rows: rows as u32, ..arguments }.kept();
                let extra = [[kept].into()];
                return Ok(Products::new(&[x.shape, [rows].into()], &extra[..usize::from(kept > 0)]));
            }
        }
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape.to_string()).collect();
        let message = format!(
            "operands of shapes {}; expected [rows, {dimension}], [rows, {condition}], [{weights}] and the {words} words of \
             the program",
            shapes.join(", ")
        );
        Err(Error::shape(ROW.name, message))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = arguments(call.attributes, call.inputs[0]);
        let nothing = call.products[0].view(0, [0].into())?;
        let kept = call.products.get(2).copied().unwrap_or(&nothing);
        let inputs = [0, 1, 2, 3].map(|operand| call.inputs[operand].slice());
        let products = [call.products[0], call.products[1], kept].map(Tensor::slice);
        call.device.launch(&FORWARD, &arguments, &inputs, &products)
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let x = call.inputs[0];
        let mut arguments = arguments(call.attributes, x);
        let nothing = x.view(0, [0].into())?;
        let kept = call.products.get(2).copied().unwrap_or(&nothing);
        let [dz, dlog_det] = [0, 1].map(|output| call.gradients.get(output).copied().flatten());
        (arguments.from_z, arguments.from_log_det) = (u32::from(dz.is_some()), u32::from(dlog_det.is_some()));
        let mut outputs = [nothing.slice(); 3];
        for (operand, output) in outputs.iter_mut().enumerate() {
            if let Some(sink) = call.sink(operand) {
                *output = sink.tensor.slice();
                arguments.wanted |= 1 << operand;
                arguments.added |= sink.flag() << operand;
            }
        }
        let [a, b] = [dz, dlog_det].map(|gradient| gradient.unwrap_or(&nothing).slice());
        let operands = [0, 1, 2, 3].map(|operand| call.inputs[operand].slice());
        let inputs = [a, b, kept.slice(), operands[0], operands[1], operands[2], operands[3]];
        call.device.launch(&BACKWARD, &arguments, &inputs, &outputs)
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        reference::reference(inputs, attributes.get())
    }

    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}
