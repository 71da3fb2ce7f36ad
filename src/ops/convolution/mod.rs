//! Convolution of series of any lengths and of images: `y = f(b + patch(x) K)`, channels last.
//!
//! * Series: `x` `[elements, in]` holds the elements of all series, the kernel `K` is `[k, in, out]`, and two operands of offsets
//!   `[series + 1]` say where each series starts among the elements and among the results: `y` `[positions, out]`.
//! * Images: `x` `[batch, height, width, in]`, `K` `[kh, kw, in, out]`, `y` `[batch, height', width', out]`.
//!
//! The result at position `p` of an axis reads the `k` elements from `p · stride − before` on (cross-correlation, as is usual).
//! With [`Padding::Same`] there are `⌈n / stride⌉` positions, and elements outside are zeros, `before` of them in front, one more
//! behind if their number is odd; with [`Padding::Valid`] there are `⌊(n − k) / stride⌋ + 1` and nothing is outside. A zero
//! outside counts as a factor: an infinite weight makes NaN of it.
//!
//! The patches are never in memory all at once: a tile of rows is copied from `x` into the cache and multiplied by the packed
//! kernel. Every element of `b + patch K` is one chain of fused multiply-adds over `[kh, kw, in]` in ascending order, starting
//! from the bias: a series' result does not depend on its neighbours.
//!
//! Backward, with `a` the sum (the extra that is kept unless `f` is linear) and `da = f'(a) · dy`: `dK = Σ_p patchᵀ da`,
//! `db = Σ_p da`, and `dx` gathers `da Kᵀ` from all patches that an element is part of, in ascending order of positions. Sums over
//! positions are chains within a group of neighbouring series or images, and groups are added in order; the groups depend on
//! the numbers of series and positions alone.

mod backward;
mod cases;
mod forward;
mod gpu;
mod patches;
mod reference;
mod window;

use patches::Arguments;
pub use window::{Padding, Window};

use crate::device::Kernel;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::ragged::sets;
use crate::ops::reference::{Array64, Case};
use crate::tensor::{Shape, Tensor};

/// The operation `convolution`.
pub struct Convolution;

static FORWARD: Kernel = Kernel { name: "convolution", cpu: forward::forward, gpu: gpu::forward };
static BACKWARD: Kernel = Kernel { name: "convolution_backward", cpu: backward::backward, gpu: gpu::backward };
static ROW: Row = Row {
    name: "convolution",
    formula: "y = f(b + patch(x) K)",
    keeps: Keeps { inputs: 0b1111, products: 0b10 },
    kernels: &[&FORWARD, &BACKWARD],
};

impl Convolution {
    /// The attributes of a window and an activation. `positions` is the number of results of all series together, which the
    /// offsets of the results end with; 0 for images.
    pub fn attributes(window: Window, activation: Function, positions: usize) -> Attributes {
        Attributes::new(Arguments::describing(window, activation, positions))
    }
}

/// Whether the operands are those of series.
fn of_series(kernel: Shape) -> bool {
    kernel.rank() == 3
}

/// Number of the bias among the operands, which is there if the operands reach so far.
fn bias_at(kernel: Shape) -> usize {
    if of_series(kernel) { 4 } else { 2 }
}

/// The arguments with the sizes of the operands, which `infer` has checked.
fn sized(attributes: &Attributes, inputs: &[&Tensor]) -> Arguments {
    let (x, kernel) = (inputs[0].shape(), inputs[1].shape());
    let sets = if of_series(kernel) { inputs[2].shape().elements().saturating_sub(1) } else { 0 };
    attributes.get::<Arguments>().sized(x, kernel, sets, inputs.len() > bias_at(kernel))
}

/// The offsets of elements and results; nothing for images.
fn offsets<'a>(inputs: &[&'a Tensor], nothing: &'a Tensor) -> [&'a Tensor; 2] {
    if of_series(inputs[1].shape()) { [inputs[2], inputs[3]] } else { [nothing; 2] }
}

impl Operation for Convolution {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let fault = |message: String| Err(Error::shape(ROW.name, message));
        let [x, kernel, ..] = inputs else {
            return fault(format!("{} inputs; expected x, a kernel, offsets of series, perhaps a bias", inputs.len()));
        };
        let (x, kernel) = (x.shape, kernel.shape);
        let (axes, place) = match kernel.rank() {
            3 => (2, "[elements, in] and [k, in, out]"),
            _ => (4, "[batch, height, width, in] and [kh, kw, in, out]"),
        };
        if !matches!(kernel.rank(), 3 | 4) || x.rank() != axes || x.last() != kernel.axes()[kernel.rank() - 2] {
            return fault(format!("an input of shape {x} and a kernel of shape {kernel}; expected {place}"));
        }
        let arguments: Arguments = attributes.get();
        if arguments.stride == 0 || kernel.without_last().without_last().elements() == 0 {
            return fault(format!("a kernel of shape {kernel} with stride {}; give at least 1", arguments.stride));
        }
        let bias = bias_at(kernel);
        if inputs.len() < bias || inputs.len() > bias + 1 {
            let wanted =
                if of_series(kernel) { "two operands of offsets and at most a bias" } else { "at most a bias" };
            return fault(format!("{} inputs; after input and kernel expected {wanted}", inputs.len()));
        }
        if let Some(bias) = inputs.get(bias).filter(|bias| bias.shape.axes() != [kernel.last()]) {
            return fault(format!("a bias of shape {} and a kernel of shape {kernel}; expected [out]", bias.shape));
        }
        let y = if of_series(kernel) {
            let (of_elements, of_results) = (sets(ROW.name, inputs[2])?, sets(ROW.name, inputs[3])?);
            if of_elements != of_results {
                let message = format!("offsets of {of_elements} series and of {of_results} results; give equally many");
                return fault(message);
            }
            Shape::from([arguments.positions as usize, kernel.last()])
        } else {
            let (image, window, sizes) = (x.axes(), arguments.window(), kernel.axes());
            if window.padding == Padding::Valid && (image[1] < sizes[0] || image[2] < sizes[1]) {
                return fault(format!("images of {x} with a kernel of {kernel}; give larger images or padding same"));
            }
            let [height, width] = [0, 1].map(|axis| window.positions(image[axis + 1], sizes[axis]));
            Shape::from([image[0], height, width, kernel.last()])
        };
        Ok(match arguments.function() {
            Function::Linear => Products::one(y),
            _ => Products::new(&[y], &[y]),
        })
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let nothing = call.inputs[0].view(0, [0].into())?;
        let bias = call.inputs.get(bias_at(call.inputs[1].shape())).copied().unwrap_or(&nothing);
        let [of_elements, of_results] = offsets(call.inputs, &nothing);
        let inputs = [call.inputs[0], call.inputs[1], bias, of_elements, of_results].map(Tensor::slice);
        let products = [call.products[0], call.products[call.products.len() - 1]].map(Tensor::slice);
        let arguments = sized(call.attributes, call.inputs);
        call.device.launch(&FORWARD, &arguments, &inputs, &products[..call.products.len()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (dy, kernel) = (call.gradient()?, call.inputs[1]);
        let nothing = dy.view(0, [0].into())?;
        let sums = call.products.get(1).copied().unwrap_or(&nothing);
        let [of_elements, of_results] = offsets(call.inputs, &nothing);
        let inputs = [call.inputs[0], kernel, sums, of_elements, of_results, dy].map(Tensor::slice);
        let sinks = [0, 1, bias_at(kernel.shape())].map(|operand| call.sink(operand));
        let added = sinks.map(|sink| sink.map_or(0, |sink| sink.flag()));
        let wanted = sinks.map(|sink| u32::from(sink.is_some()));
        let outputs = sinks.map(|sink| sink.map_or(&nothing, |sink| sink.tensor).slice());
        let mut arguments = sized(call.attributes, call.inputs);
        (arguments.added, arguments.wanted) = (added, wanted);
        call.device.launch(&BACKWARD, &arguments, &inputs, &outputs)
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        reference::reference(inputs, &attributes.get())
    }

    fn cases(&self) -> Vec<Case> {
        cases::cases()
    }
}
