//! A chain of dense layers in one operation: the perceptrons of couplings and sets, gated feed-forward networks, projections.
//!
//! ```text
//! h₀ = norm([x; c])                                         (norm and c are optional)
//! aᵢ = mᵢ fᵢ(hᵢ₋₁ Wᵢ + bᵢ)
//! hᵢ = aᵢ,  hᵢ₋₁ + aᵢ,  hᵢ₋₁ Pᵢ + pᵢ + aᵢ  or  (hᵢ₋₁ Pᵢ + pᵢ) aᵢ   by the layer's branch;  y = h of the last layer
//! ```
//!
//! Shapes: `x` `[…, in]`, `c` `[…, in']` with as many rows, `W`, `P` `[widthᵢ₋₁, widthᵢ]`, biases `b`, `p` `[widthᵢ]`, `y` `[…, width]`. The norm is
//! RMS normalisation, `h γ / √(mean(h²) + ε)` with the gain `γ` `[in + in']`. `m` is the mask of dropout with its factor `1 / (1 − p)`:
//! the decision about feature `j` of row `r` is the half word `j mod 8` of Philox 4×32 for the counter `[r, ⌊j/8⌋, 0, 4]`, so `p` counts
//! in steps of 2⁻¹⁶. A dropped activation is 0 even if it was NaN.
//!
//! A tile of rows goes through all layers, and in backward back through all, while it is in the second-level cache. Vectors
//! hold one feature of several rows, so that weights are read where they lie: they change with every step, and packing them
//! would be work for nothing. Every sum over a layer's inputs is one chain of fused multiply-adds in ascending order, starting
//! from the bias: a row's result does not depend on other rows. Sums over rows (gradients of weights) are chains within a tile, go
//! on over the tiles of a group, and are added over groups, in ascending order; groups depend on the number of rows alone.
//!
//! What backward needs of the way, `hᵢ` and the slopes, is kept as the extra when it fits the caches ([`MOST_KEPT`]) and
//! computed again, tile by tile, otherwise; both give the same bits.

mod backward;
mod cases;
mod forward;
mod gpu;
pub(super) mod mask;
mod network;
mod norm;
mod reference;
mod steps;
pub(super) mod sums;

use network::{Arguments, MOST_LAYERS};

use crate::device::Kernel;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::MOST_OPERANDS;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case};
use crate::random::Key;
use crate::tensor::Tensor;

/// What is kept for backward takes at most so many numbers; beyond, it is computed again.
pub const MOST_KEPT: usize = 1 << 22;

/// What a layer's input gives beside the dense layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Nothing.
    None,
    /// Itself, added.
    Identity,
    /// A linear map of it, added.
    Projection {
        /// Whether the map has a bias.
        bias: bool,
    },
    /// A linear map of it, multiplied.
    Gate {
        /// Whether the map has a bias.
        bias: bool,
    },
}

/// A layer of a [`Mlp`]. Its operands follow each other: kernel, bias if there is one, kernel and bias of the branch.
#[derive(Debug, Clone, Copy)]
pub struct MlpLayer {
    /// The activation.
    pub activation: Function,
    /// Whether there is a bias.
    pub bias: bool,
    /// What the input gives beside.
    pub branch: Branch,
    /// The probability with which an activation is dropped, below 1, and the key of the decisions.
    pub dropout: Option<(f64, Key)>,
}

impl MlpLayer {
    /// Number of its operands.
    pub fn operands(&self) -> usize {
        let branch = match self.branch {
            Branch::None | Branch::Identity => 0,
            Branch::Projection { bias } | Branch::Gate { bias } => 1 + usize::from(bias),
        };
        1 + usize::from(self.bias) + branch
    }
}

/// What a chain of layers reads besides `x`, and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct MlpInput {
    /// Whether a second operand `c` lies beside `x`.
    pub conditioned: bool,
    /// The `ε` of the norm, if there is one; its gain is the operand before those of the layers.
    pub norm: Option<f64>,
    /// Whether backward is to find what it needs; it can do without.
    pub keep: bool,
}

/// The operation `mlp`.
pub struct Mlp;

static FORWARD: Kernel = Kernel { name: "mlp", cpu: forward::forward, gpu: gpu::forward };
static BACKWARD: Kernel = Kernel { name: "mlp_backward", cpu: backward::backward, gpu: gpu::backward };
static ROW: Row = Row {
    name: "mlp",
    formula: "h_i = branch(h_{i-1}) +* m f(h_{i-1} W_i + b_i), h_0 = norm([x; c]), y = h_n",
    keeps: Keeps { inputs: u32::MAX, products: 0b10 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl Mlp {
    /// Most layers of one operation; longer chains take several.
    pub const MOST_LAYERS: usize = MOST_LAYERS;

    /// The attributes of up to [`Mlp::MOST_LAYERS`] layers.
    pub fn attributes(input: MlpInput, layers: &[MlpLayer]) -> Attributes {
        Attributes::new(Arguments::describing(input, layers))
    }
}

impl Operation for Mlp {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let arguments: Arguments = attributes.get();
        let shapes = inputs.iter().map(|input| input.shape);
        let arguments = arguments.sized(shapes).map_err(|message| Error::shape(ROW.name, message))?;
        let y = inputs[0].shape.with_last(arguments.outputs());
        Ok(match arguments.kept() {
            0 => Products::one(y),
            kept => Products::new(&[y], &[[kept].into()]),
        })
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments = sized(call.attributes, call.inputs)?;
        let mut inputs = [call.inputs[0].slice(); MOST_OPERANDS];
        inputs.iter_mut().zip(call.inputs).for_each(|(slot, input)| *slot = input.slice());
        let nothing = call.products[0].view(0, [0].into())?;
        let products = [call.products[0], call.products.get(1).copied().unwrap_or(&nothing)].map(Tensor::slice);
        call.device.launch(&FORWARD, &arguments, &inputs[..call.inputs.len()], &products)
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let mut arguments = sized(call.attributes, call.inputs)?;
        let dy = call.gradient()?;
        let nothing = dy.view(0, [0].into())?;
        let kept = call.products.get(1).copied().unwrap_or(&nothing);
        let count = call.inputs.len();
        let mut inputs = [dy.slice(); MOST_OPERANDS + 2];
        inputs[1] = kept.slice();
        inputs[2..].iter_mut().zip(call.inputs).for_each(|(slot, input)| *slot = input.slice());
        let mut outputs = [nothing.slice(); MOST_OPERANDS];
        for (operand, output) in outputs[..count].iter_mut().enumerate() {
            if let Some(sink) = call.sink(operand) {
                *output = sink.tensor.slice();
                arguments.wanted |= 1 << operand;
                arguments.added |= sink.flag() << operand;
            }
        }
        call.device.launch(&BACKWARD, &arguments, &inputs[..count + 2], &outputs[..count])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        reference::reference(inputs, attributes.get())
    }

    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}

/// The arguments with the sizes of the operands, which `infer` has checked.
fn sized(attributes: &Attributes, inputs: &[&Tensor]) -> Result<Arguments> {
    let arguments: Arguments = attributes.get();
    arguments.sized(inputs.iter().map(|input| input.shape())).map_err(|message| Error::shape(ROW.name, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::{Tape, Var};
    use crate::device::Device;
    use crate::tensor::Shape;

    fn layer(branch: Branch) -> MlpLayer {
        MlpLayer { activation: Function::Mish, bias: true, branch, dropout: None }
    }

    /// Wrong operands are named with what was expected of them.
    #[test]
    fn operands_that_do_not_fit() {
        let device = Device::cpu();
        let tape = Tape::new(&device);
        let zeros = |axes: &[usize]| tape.values(Shape::new(axes).unwrap(), &vec![0.0; axes.iter().product()]);
        let input = |conditioned: bool, norm: bool| MlpInput { conditioned, norm: norm.then_some(1e-6), keep: true };
        let gate = Branch::Gate { bias: false };
        type Wrong<'t> = (MlpInput, Vec<MlpLayer>, Vec<Var<'t>>, &'static str);
        let wrong: Vec<Wrong> = vec![
            (
                input(false, false),
                vec![layer(Branch::None)],
                vec![zeros(&[3, 5])],
                "a kernel of shape [3, 5]; expected [2, 5]",
            ),
            (input(false, false), vec![layer(Branch::None)], vec![zeros(&[2, 5])], "the bias is missing"),
            (
                input(false, false),
                vec![layer(Branch::None)],
                vec![zeros(&[2, 5]), zeros(&[4])],
                "a bias of shape [4]; expected [5]",
            ),
            (input(true, false), vec![layer(Branch::None)], vec![zeros(&[3, 1])], "expected as many rows"),
            (input(false, true), vec![layer(Branch::None)], vec![zeros(&[3])], "a gain of shape [3]; expected [2]"),
            (input(false, false), vec![layer(Branch::Identity)], vec![zeros(&[2, 5]), zeros(&[5])], "use a projection"),
            (
                input(false, false),
                vec![layer(gate)],
                vec![zeros(&[2, 5]), zeros(&[5]), zeros(&[2, 4])],
                "kernel of a branch",
            ),
            (
                input(false, false),
                vec![layer(Branch::None)],
                vec![zeros(&[2, 5]), zeros(&[5]), zeros(&[5])],
                "too many",
            ),
            (input(false, false), vec![layer(Branch::None); 4], vec![], "4 layers; give 1 to 3"),
        ];
        for (input, layers, operands, expected) in wrong {
            let tape = Tape::new(&device);
            let again = |var: &Var| tape.constant(var.value().unwrap());
            let operands: Vec<Var> = operands.iter().map(again).collect();
            let y = tape.values([4, 2], &[0.0; 8]).mlp(&operands, Mlp::attributes(input, &layers));
            let message = y.value().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }

    /// What is kept and what is computed again give the same bits.
    #[test]
    fn keeping_changes_no_bit() {
        let device = Device::cpu();
        let gradients = |keep: bool| -> Vec<f32> {
            let tape = Tape::new(&device);
            let number = |i: usize| (i * 31 % 17) as f32 / 9.0 - 0.9;
            let values = |axes: &[usize]| -> Vec<f32> { (0..axes.iter().product()).map(number).collect() };
            let input = |axes: &[usize]| {
                tape.input(Tensor::from_values(&device, Shape::new(axes).unwrap(), &values(axes)).unwrap())
            };
            let x = input(&[300, 6]);
            let operands = [input(&[6]), input(&[6, 9]), input(&[9]), input(&[6, 9]), input(&[9, 4]), input(&[4])];
            let drops = MlpLayer { dropout: Some((0.1, Key::new(4))), ..layer(Branch::Gate { bias: false }) };
            let attributes =
                Mlp::attributes(MlpInput { keep, norm: Some(1e-6), conditioned: false }, &[drops, layer(Branch::None)]);
            let y = x.mlp(&operands, attributes);
            tape.backward((y * y).mean()).unwrap();
            operands.iter().chain([&x]).flat_map(|v| tape.gradient(*v).unwrap().values().unwrap()).collect()
        };
        assert_eq!(gradients(true), gradients(false));
    }
}
