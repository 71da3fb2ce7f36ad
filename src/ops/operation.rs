//! What an operation is: the contract that one file per operation fulfils.

use crate::device::{Device, Kernel};
use crate::error::{Error, Result};
use crate::ops::reference::{Array64, Case};
use crate::tensor::{Dtype, MOST_AXES, Shape, Tensor};

/// Most inputs of an operation.
pub const MOST_OPERANDS: usize = 10;
/// Most tensors that an operation produces: outputs and extras that only its backward reads.
pub const MOST_PRODUCTS: usize = 4;
/// Size of the block of attributes in words.
const ATTRIBUTE_WORDS: usize = 48;

/// An operation of the table.
///
/// Implementors are unit structs with one static row. `forward` and `backward` launch kernels; they know the device only
/// through [`Device::launch`](crate::device::Device::launch).
pub trait Operation: Sync {
    /// The row of this operation in the table.
    fn row(&self) -> &'static Row;

    /// The shapes that are produced, or a sentence why the inputs do not fit.
    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products>;

    /// Computes the products.
    fn forward(&self, call: &Forward) -> Result<()>;

    /// Adds to, or sets, the gradients with respect to the inputs: see [`Backward`].
    fn backward(&self, call: &Backward) -> Result<()>;

    /// True when the only output is the input's memory with other axes, so that nothing need be computed.
    fn is_view(&self) -> bool {
        false
    }

    /// The products in f64, written as the formula reads.
    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64>;

    /// The inputs with which the table's suites try this operation, of size 0, 1 and odd sizes among them.
    fn cases(&self) -> Vec<Case>;
}

/// What is known about an operation as data.
#[derive(Debug)]
pub struct Row {
    /// The name, which is that of the file in `src/ops`, `kernels` and `shaders`.
    pub name: &'static str,
    /// The formula in one line.
    pub formula: &'static str,
    /// What backward reads besides the gradient.
    pub keeps: Keeps,
    /// The kernels that forward and backward launch.
    pub kernels: &'static [&'static Kernel],
}

/// What the backward of an operation reads besides the gradients of its outputs. Everything else may be gone or
/// overwritten by then; a test over the table overwrites it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeps {
    /// Bit `i` is set when the values of input `i` are read.
    pub inputs: u32,
    /// Bit `i` is set when the values of product `i` (output or extra) are read.
    pub products: u32,
}

impl Keeps {
    /// Nothing but the gradient.
    pub const NOTHING: Keeps = Keeps { inputs: 0, products: 0 };
    /// All inputs.
    pub const INPUTS: Keeps = Keeps { inputs: u32::MAX, products: 0 };
    /// All products.
    pub const PRODUCTS: Keeps = Keeps { inputs: 0, products: u32::MAX };
    /// All inputs and all products.
    pub const ALL: Keeps = Keeps { inputs: u32::MAX, products: u32::MAX };
}

/// Shape and element type of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The shape.
    pub shape: Shape,
    /// The element type.
    pub dtype: Dtype,
}

impl Spec {
    /// The specification of a tensor.
    pub fn of(tensor: &Tensor) -> Self {
        Spec { shape: tensor.shape(), dtype: tensor.dtype() }
    }
}

/// The shapes that an operation produces: first the outputs, then the extras that its backward needs.
#[derive(Debug, Clone, Copy)]
pub struct Products {
    shapes: [Shape; MOST_PRODUCTS],
    outputs: usize,
    count: usize,
}

impl Products {
    /// One output.
    pub fn one(shape: Shape) -> Self {
        Products::new(&[shape], &[])
    }

    /// Outputs and extras, at most [`MOST_PRODUCTS`] together (more are dropped, which the table's tests would see).
    pub fn new(outputs: &[Shape], extras: &[Shape]) -> Self {
        let mut products = Products { shapes: [Shape::SCALAR; MOST_PRODUCTS], outputs: outputs.len(), count: 0 };
        for (slot, &shape) in products.shapes.iter_mut().zip(outputs.iter().chain(extras)) {
            *slot = shape;
            products.count += 1;
        }
        products
    }

    /// Shapes of outputs and extras.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes[..self.count]
    }

    /// Number of outputs; the other products are extras.
    pub fn outputs(&self) -> usize {
        self.outputs
    }
}

/// The attributes of a call: one plain block, kept on the tape and handed to the kernels.
#[derive(Debug, Clone, Copy)]
pub struct Attributes {
    words: [u32; ATTRIBUTE_WORDS],
}

impl Attributes {
    /// No attributes.
    pub const NONE: Attributes = Attributes { words: [0; ATTRIBUTE_WORDS] };

    /// The block of a plain structure, which is at most 48 words long (checked when compiled).
    pub fn new<A: bytemuck::Pod>(value: A) -> Self {
        const { assert!(size_of::<A>() <= ATTRIBUTE_WORDS * 4) };
        let mut attributes = Attributes::NONE;
        bytemuck::cast_slice_mut::<u32, u8>(&mut attributes.words)[..size_of::<A>()]
            .copy_from_slice(bytemuck::bytes_of(&value));
        attributes
    }

    /// The structure that the block was made of.
    pub fn get<A: bytemuck::Pod>(&self) -> A {
        const { assert!(size_of::<A>() <= ATTRIBUTE_WORDS * 4) };
        bytemuck::pod_read_unaligned(&bytemuck::cast_slice::<u32, u8>(&self.words)[..size_of::<A>()])
    }
}

/// A call of `forward`.
pub struct Forward<'a> {
    /// The device of all tensors.
    pub device: &'a Device,
    /// The inputs, as many as the caller gave.
    pub inputs: &'a [&'a Tensor],
    /// The products to fill: outputs, then extras, with the shapes of `infer`.
    pub products: &'a [&'a Tensor],
    /// The attributes.
    pub attributes: &'a Attributes,
}

/// A call of `backward`.
pub struct Backward<'a> {
    /// The device of all tensors.
    pub device: &'a Device,
    /// The inputs of the forward call.
    pub inputs: &'a [&'a Tensor],
    /// The products of the forward call.
    pub products: &'a [&'a Tensor],
    /// Gradient of the loss with respect to each output; `None` where the loss does not depend on it.
    pub gradients: &'a [Option<&'a Tensor>],
    /// Where the gradient with respect to each input goes; `None` where nobody asks for it.
    pub sinks: &'a [Option<Sink<'a>>],
    /// The attributes.
    pub attributes: &'a Attributes,
}

impl<'a> Backward<'a> {
    /// The sink of an input, if its gradient is wanted.
    pub fn sink(&self, input: usize) -> Option<Sink<'a>> {
        self.sinks.get(input).copied().flatten()
    }

    /// The gradient of an output that is always there because the operation has only this output.
    pub fn gradient(&self) -> Result<&'a Tensor> {
        self.gradients.first().copied().flatten().ok_or_else(|| {
            Error::shape("backward", "the gradient of the only output is missing; this is a defect of the tape")
        })
    }
}

/// Where a gradient goes.
#[derive(Clone, Copy)]
pub struct Sink<'a> {
    /// Memory of the shape of the input.
    pub tensor: &'a Tensor,
    /// Whether to add to what is there, or to overwrite it.
    pub accumulate: bool,
}

impl Sink<'_> {
    /// 1 when the kernel is to add, 0 when it is to overwrite: the word that kernels take.
    pub fn flag(&self) -> u32 {
        u32::from(self.accumulate)
    }
}

/// The axes of a shape as words for a block of arguments, padded with ones on the left.
pub fn axes_as_words(shape: Shape) -> [u32; MOST_AXES] {
    let mut words = [1; MOST_AXES];
    let start = MOST_AXES - shape.rank();
    for (word, &axis) in words[start..].iter_mut().zip(shape.axes()) {
        *word = axis as u32;
    }
    words
}
