//! What the two coupling operations share: the direction, the check of shapes, the launches, lanes over elements whose
//! parameters lie apart in memory, and the two functions that keep parameters in their range, with derivatives.

use serde::{Deserialize, Serialize};

use crate::device::Kernel;
use crate::device::cpu::lanes::Lanes;
use crate::device::cpu::vector;
use crate::error::{Error, Result};
use crate::ops::operation::{Backward, Forward, Spec};
use crate::tensor::Tensor;

/// Most lanes of a vector.
pub(super) const MOST_LANES: usize = 16;

/// Which way a bijection is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the data to the latent variables.
    Forward,
    /// From the latent variables to the data.
    Inverse,
}

impl Direction {
    /// The word that kernels take.
    pub(super) fn word(self) -> u32 {
        u32::from(self == Direction::Inverse)
    }
}

/// `x` `[…, n]` and `raw` `[…, per_element · n]` with equal leading axes.
pub(super) fn check_rows(operation: &str, inputs: &[Spec], per_element: usize) -> Result<()> {
    if let [x, raw] = inputs {
        let fits = x.shape.rank() > 0 && x.shape.with_last(per_element * x.shape.last()) == raw.shape;
        if fits {
            return Ok(());
        }
        let message = format!(
            "values of shape {} and parameters of shape {}; expected […, n] and […, {per_element} n]",
            x.shape, raw.shape
        );
        return Err(Error::shape(operation, message));
    }
    Err(Error::shape(operation, format!("{} operands; expected values and parameters", inputs.len())))
}

/// Runs the forward kernel of a coupling: `x`, `raw` → `y`, `ℓ`.
pub(super) fn forward<A: bytemuck::Pod>(call: &Forward, kernel: &'static Kernel, arguments: &A) -> Result<()> {
    let inputs = [call.inputs[0].slice(), call.inputs[1].slice()];
    let products = [call.products[0].slice(), call.products[1].slice()];
    call.device.launch(kernel, arguments, &inputs, &products)
}

/// Which gradients a backward kernel is given, and how it hands its own on.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Gradients {
    /// 1 when there is a gradient of `y`, and of `ℓ`.
    pub from_y: u32,
    pub from_log_det: u32,
    /// 1 when the kernel adds to the gradient of `x`, and of `raw`.
    pub accumulate: [u32; 2],
}

/// Runs the backward kernel of a coupling: `x`, `raw`, `dy`, `dℓ` → `dx`, `draw`.
pub(super) fn backward<A: bytemuck::Pod>(
    call: &Backward,
    kernel: &'static Kernel,
    arguments: impl FnOnce(Gradients) -> A,
) -> Result<()> {
    let (x, raw) = (call.inputs[0], call.inputs[1]);
    let [dy, dlog_det] = [0, 1].map(|output| call.gradients.get(output).copied().flatten());
    let [dx, draw] = [0, 1].map(|input| call.sink(input));
    if dx.is_none() && draw.is_none() {
        return Ok(());
    }
    let arguments = arguments(Gradients {
        from_y: u32::from(dy.is_some()),
        from_log_det: u32::from(dlog_det.is_some()),
        accumulate: [dx, draw].map(|sink| sink.map_or(0, |sink| sink.flag())),
    });
    let inputs = [x.slice(), raw.slice(), dy.unwrap_or(x).slice(), dlog_det.unwrap_or(x).slice()];
    // A gradient that nobody asks for goes to memory of its own, so that there is one kernel.
    let unwanted_x = dx.is_none().then(|| Tensor::uninitialised(call.device, x.shape())).transpose()?;
    let unwanted_raw = draw.is_none().then(|| Tensor::uninitialised(call.device, raw.shape())).transpose()?;
    let dx = dx.map_or(unwanted_x.as_ref(), |sink| Some(sink.tensor)).unwrap_or(x);
    let draw = draw.map_or(unwanted_raw.as_ref(), |sink| Some(sink.tensor)).unwrap_or(raw);
    call.device.launch(kernel, &arguments, &inputs, &[dx.slice(), draw.slice()])
}

/// Row and column of one element after another, without a division for each.
pub(super) struct Elements {
    n: usize,
    row: usize,
    column: usize,
}

impl Elements {
    /// From the first element of a matrix with `n` columns.
    pub(super) fn of_width(n: usize) -> Self {
        Elements { n, row: 0, column: 0 }
    }

    /// Row and column of the next `count` elements, as many as a vector has at most.
    #[inline(always)]
    pub(super) fn take(&mut self, count: usize) -> [(usize, usize); MOST_LANES] {
        let mut places = [(0, 0); MOST_LANES];
        for place in &mut places[..count] {
            *place = (self.row, self.column);
            self.column += 1;
            if self.column == self.n {
                (self.row, self.column) = (self.row + 1, 0);
            }
        }
        places
    }
}

/// Reads one number for each of the first `count` lanes; the other lanes are zero.
#[inline(always)]
pub(super) fn read_strided<L: Lanes>(l: L, from: &[f32], count: usize, place: impl Fn(usize) -> usize) -> L::F {
    let mut buffer = [0.0; MOST_LANES];
    for (lane, value) in buffer[..count].iter_mut().enumerate() {
        *value = from[place(lane)];
    }
    l.read(&buffer[..L::WIDTH])
}

/// Writes or adds the first `count` lanes, each to its place.
#[inline(always)]
pub(super) fn write_strided<L: Lanes>(
    l: L,
    to: &mut [f32],
    count: usize,
    add: bool,
    value: L::F,
    place: impl Fn(usize) -> usize,
) {
    let mut buffer = [0.0; MOST_LANES];
    l.write(&mut buffer[..L::WIDTH], value);
    for (lane, &value) in buffer[..count].iter().enumerate() {
        let to = &mut to[place(lane)];
        *to = if add { *to + value } else { value };
    }
}

/// `asinh a` and its derivative `1/√(1 + a²)`.
#[inline(always)]
pub(super) fn asinh_with_derivative<L: Lanes>(l: L, a: L::F) -> (L::F, L::F) {
    (vector::asinh(l, a), l.div(l.splat(1.0), vector::hypotenuse(l, a, 1.0)))
}

/// `softplus(u) = max(u, 0) + ln(1 + e^(−|u|))` and its derivative, the logistic sigmoid. NaN stays NaN.
#[inline(always)]
pub(super) fn softplus_with_derivative<L: Lanes>(l: L, u: L::F) -> (L::F, L::F) {
    let one = l.splat(1.0);
    let decay = vector::exp(l, l.neg(l.abs(u)));
    let excess = vector::log1p(l, decay);
    let positive = l.lt(l.zero(), u);
    let value = l.select(positive, l.add(u, excess), l.select(l.le(u, l.zero()), excess, u));
    let derivative = l.div(l.select(positive, one, decay), l.add(one, decay));
    (value, derivative)
}
