//! The layers as plain arguments, and as slices of memory.

use super::mask::Mask;
use super::{Branch, MOST_KEPT, MlpInput, MlpLayer};
use crate::device::cpu::matrix::ACROSS;
use crate::math::Function;
use crate::tensor::Shape;

/// Most layers of one operation.
pub(super) const MOST_LAYERS: usize = 3;
const NO_BRANCH: u32 = 0;
const IDENTITY: u32 = 1;
const PROJECTION: u32 = 2;
const GATE: u32 = 3;

/// A layer as kernels read it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct LayerArguments {
    /// Index of the activation in [`Function::ALL`].
    function: u32,
    pub(super) bias: u32,
    /// 0 for none, 1 for the identity, 2 for a projection, 3 for a gate.
    branch: u32,
    pub(super) branch_bias: u32,
    pub(super) mask: Mask,
    pub(super) outputs: u32,
}

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Arguments {
    layers: [LayerArguments; MOST_LAYERS],
    count: u32,
    pub(super) conditioned: u32,
    /// 1 when there is a norm, and its ε.
    pub(super) normalised: u32,
    pub(super) epsilon: f32,
    /// 1 when what backward needs is to be kept.
    keep: u32,
    pub(super) rows: u32,
    /// Columns of x and of c.
    pub(super) x: u32,
    pub(super) c: u32,
    /// Operands whose gradient is asked for, and to which it is added, as bits.
    pub(super) wanted: u32,
    pub(super) added: u32,
}

impl Arguments {
    pub(super) fn describing(input: MlpInput, layers: &[MlpLayer]) -> Self {
        let mut arguments: Arguments = bytemuck::Zeroable::zeroed();
        for (slot, layer) in arguments.layers.iter_mut().zip(layers) {
            let (branch, branch_bias) = match layer.branch {
                Branch::None => (NO_BRANCH, false),
                Branch::Identity => (IDENTITY, false),
                Branch::Projection { bias } => (PROJECTION, bias),
                Branch::Gate { bias } => (GATE, bias),
            };
            *slot = LayerArguments {
                function: layer.activation.index(),
                bias: u32::from(layer.bias),
                branch,
                branch_bias: u32::from(branch_bias),
                mask: layer.dropout.map_or(Mask::NONE, |(probability, key)| Mask::new(probability, key)),
                outputs: 0,
            };
        }
        // More layers than there are slots are refused with the sizes.
        arguments.count = layers.len() as u32;
        arguments.conditioned = u32::from(input.conditioned);
        arguments.normalised = u32::from(input.norm.is_some());
        arguments.epsilon = input.norm.unwrap_or(0.0) as f32;
        arguments.keep = u32::from(input.keep);
        arguments
    }

    /// With the sizes of operands, or what is wrong with them.
    pub(super) fn sized(mut self, mut shapes: impl Iterator<Item = Shape>) -> Result<Self, String> {
        let mut next = |what: &str| shapes.next().ok_or_else(|| format!("the {what} is missing; give all operands"));
        if self.count == 0 || self.count as usize > MOST_LAYERS {
            return Err(format!("{} layers; give 1 to {MOST_LAYERS}, longer chains in several operations", self.count));
        }
        let x = next("input")?;
        if x.rank() == 0 {
            return Err("an input without axes; expected […, in]".to_string());
        }
        (self.rows, self.x) = (x.rows() as u32, x.last() as u32);
        if self.conditioned == 1 {
            let c = next("second input")?;
            if c.rank() == 0 || c.rows() != x.rows() {
                return Err(format!("a second input of shape {c} beside {x}; expected as many rows"));
            }
            self.c = c.last() as u32;
        }
        let fits = |what: &str, shape: Shape, axes: &[usize]| match shape.axes() == axes {
            true => Ok(()),
            false => Err(format!("a {what} of shape {shape}; expected {axes:?}")),
        };
        let mut width = self.inputs();
        if self.normalised == 1 {
            fits("gain", next("gain")?, &[width])?;
        }
        for index in 0..self.count as usize {
            let layer = &mut self.layers[index];
            let kernel = next("kernel")?;
            let outputs = kernel.last();
            fits("kernel", kernel, &[width, outputs])?;
            layer.outputs = outputs as u32;
            if layer.bias == 1 {
                fits("bias", next("bias")?, &[outputs])?;
            }
            if layer.adds_input() && outputs != width {
                return Err(format!("layer {index} adds its {width} inputs to {outputs} outputs; use a projection"));
            }
            if layer.has_branch() {
                fits("kernel of a branch", next("kernel of a branch")?, &[width, outputs])?;
                if layer.branch_bias == 1 {
                    fits("bias of a branch", next("bias of a branch")?, &[outputs])?;
                }
            }
            width = outputs;
        }
        match shapes.next() {
            Some(shape) => Err(format!("an operand of shape {shape} too many; give those of the layers")),
            None => Ok(self),
        }
    }

    pub(super) fn layers(&self) -> &[LayerArguments] {
        &self.layers[..(self.count as usize).min(MOST_LAYERS)]
    }

    /// Columns of the result.
    pub(super) fn outputs(&self) -> usize {
        self.layers().last().map_or(0, |layer| layer.outputs as usize)
    }

    /// Columns of the first layer's input.
    pub(super) fn inputs(&self) -> usize {
        (self.x + self.c) as usize
    }

    /// Number of the gain among the operands; the layers' operands follow.
    pub(super) fn gain(&self) -> usize {
        1 + self.conditioned as usize
    }

    /// Features of a row that backward reads: see [`Span`].
    pub(super) fn states(&self) -> usize {
        self.spans(1).last().map_or(0, |span| span.gate.end)
    }

    /// Where the states of each layer lie in a tile whose features have `stride` numbers.
    pub(super) fn spans(&self, stride: usize) -> [Span; MOST_LAYERS] {
        let (count, mut end) = (self.layers().len(), 0);
        std::array::from_fn(|index| {
            let layer = &self.layers[index];
            let mut take = |there: bool| {
                let start = end;
                end += if there && index < count { layer.outputs as usize * stride } else { 0 };
                start..end
            };
            Span { result: take(index + 1 < count), slope: take(layer.has_slope()), gate: take(layer.gates()) }
        })
    }

    /// Numbers that are kept for backward, 0 if it is to compute them again.
    pub(super) fn kept(&self) -> usize {
        let kept = self.states() * (self.rows as usize).next_multiple_of(ACROSS);
        if self.keep == 1 && kept <= MOST_KEPT { kept } else { 0 }
    }
}

/// Where the states of a layer lie in the memory of a tile, `[outputs, stride]` each; empty where there are none.
#[derive(Clone)]
pub(super) struct Span {
    /// The result, the next layer's input.
    pub(super) result: std::ops::Range<usize>,
    /// The derivative of the result with respect to the sum in the activation.
    pub(super) slope: std::ops::Range<usize>,
    /// The derivative with respect to the gate.
    pub(super) gate: std::ops::Range<usize>,
}

impl LayerArguments {
    pub(super) fn function(&self) -> Function {
        Function::ALL.get(self.function as usize).copied().unwrap_or(Function::Linear)
    }

    /// Whether backward multiplies by slopes.
    pub(super) fn has_slope(&self) -> bool {
        self.function() != Function::Linear || self.mask.is_active() || self.gates()
    }

    /// 0 for none, 1 for the identity, 2 for a projection, 3 for a gate.
    pub(super) fn branch(&self) -> u32 {
        self.branch
    }

    pub(super) fn adds_input(&self) -> bool {
        self.branch == IDENTITY
    }

    pub(super) fn gates(&self) -> bool {
        self.branch == GATE
    }

    pub(super) fn has_branch(&self) -> bool {
        self.branch == PROJECTION || self.branch == GATE
    }
}

/// A dense layer's operands.
#[derive(Clone, Copy, Default)]
pub(super) struct Dense<'a> {
    pub(super) kernel: &'a [f32],
    pub(super) bias: Option<&'a [f32]>,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// The kernel's number among the operands; the bias follows.
    pub(super) operand: usize,
}

/// A layer with its operands.
#[derive(Clone, Copy, Default)]
pub(super) struct Layer<'a> {
    pub(super) arguments: LayerArguments,
    pub(super) dense: Dense<'a>,
    pub(super) branch: Option<Dense<'a>>,
}

/// All layers; `operand` gives the memory of an operand by number.
pub(super) fn layers<'a>(arguments: &Arguments, operand: impl Fn(usize) -> &'a [f32]) -> [Layer<'a>; MOST_LAYERS] {
    let (mut inputs, mut at) = (arguments.inputs(), arguments.gain() + arguments.normalised as usize);
    let mut layers = [Layer::default(); MOST_LAYERS];
    for (slot, layer) in layers.iter_mut().zip(arguments.layers()) {
        let outputs = layer.outputs as usize;
        let mut dense = |bias: u32| {
            let kernel = at;
            at += 1 + bias as usize;
            let bias = (bias == 1).then(|| operand(kernel + 1));
            Dense { kernel: operand(kernel), bias, inputs, outputs, operand: kernel }
        };
        let own = dense(layer.bias);
        let branch = layer.has_branch().then(|| dense(layer.branch_bias));
        *slot = Layer { arguments: *layer, dense: own, branch };
        inputs = outputs;
    }
    layers
}
