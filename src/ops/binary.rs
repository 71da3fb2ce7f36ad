//! `y = a ∘ b` for the four operations of arithmetic, maximum and minimum, with broadcasting.
//!
//! Axes are aligned on the right; an axis of length 1 is repeated. Backward sums over the repeated axes, in the order of
//! the output's elements. At ties, maximum and minimum give the whole gradient to `a`.

use serde::{Deserialize, Serialize};

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::gpu::{self, Program, groups_for};
use crate::error::{Error, Result};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec, axes_as_words};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::{MOST_AXES, Shape};

/// Which of the binary operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BinaryKind {
    /// `a + b`
    Add,
    /// `a − b`
    Subtract,
    /// `a · b`
    Multiply,
    /// `a / b`
    Divide,
    /// The larger of both; NaN if one is.
    Maximum,
    /// The smaller of both; NaN if one is.
    Minimum,
}

use BinaryKind::{Add, Divide, Maximum, Minimum, Multiply, Subtract};

const KINDS: [BinaryKind; 6] = [Add, Subtract, Multiply, Divide, Maximum, Minimum];

/// The operation `binary`.
pub struct Binary;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// Index of the kind in [`KINDS`].
    kind: u32,
    /// Which operand's gradient is computed: 0 or 1.
    operand: u32,
    /// 1 when backward adds to its output.
    accumulate: u32,
    /// Axes of the output, padded with ones on the left.
    axes: [u32; MOST_AXES],
    /// Strides of both operands along these axes, 0 where repeated.
    strides: [[u32; MOST_AXES]; 2],
}

static FORWARD: Kernel = Kernel { name: "binary", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "binary_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "binary",
    formula: "y = a ∘ b, axes of length 1 repeated",
    keeps: Keeps::INPUTS,
    kernels: &[&FORWARD, &BACKWARD],
};

impl Binary {
    /// The attributes of a kind.
    pub fn attributes(kind: BinaryKind) -> Attributes {
        Attributes::new(kind as u32)
    }
}

fn kind(index: u32) -> BinaryKind {
    KINDS.get(index as usize).copied().unwrap_or(Add)
}

/// The shape of both operands after repetition.
fn broadcast(a: Shape, b: Shape) -> Option<Shape> {
    let (a, b) = (axes_as_words(a), axes_as_words(b));
    let mut axes = [0; MOST_AXES];
    for ((axis, &a), &b) in axes.iter_mut().zip(&a).zip(&b) {
        *axis = match (a, b) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => return None,
        } as usize;
    }
    Shape::new(&axes)
}

fn arguments(attributes: &Attributes, a: Shape, b: Shape, y: Shape) -> Arguments {
    let strides = |shape: Shape| {
        let axes = axes_as_words(shape);
        let mut strides = [0; MOST_AXES];
        let mut stride = 1;
        for i in (0..MOST_AXES).rev() {
            strides[i] = if axes[i] == 1 { 0 } else { stride };
            stride *= axes[i];
        }
        strides
    };
    Arguments {
        kind: attributes.get(),
        operand: 0,
        accumulate: 0,
        axes: axes_as_words(y),
        strides: [strides(a), strides(b)],
    }
}

impl Operation for Binary {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let (a, b) = (inputs[0].shape, inputs[1].shape);
        let shape = broadcast(a, b).ok_or_else(|| {
            Error::shape(
                format!("{:?}", kind(attributes.get())).to_lowercase(),
                format!("the shapes {a} and {b} do not fit; aligned on the right, axes must be equal or 1"),
            )
        })?;
        let rank = a.rank().max(b.rank());
        Ok(Products::one(Shape::new(&shape.axes()[MOST_AXES - rank..]).unwrap_or(Shape::SCALAR)))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let (a, b, y) = (call.inputs[0], call.inputs[1], call.products[0]);
        let arguments = arguments(call.attributes, a.shape(), b.shape(), y.shape());
        call.device.launch(&FORWARD, &arguments, &[a.slice(), b.slice()], &[y.slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let (a, b, dy) = (call.inputs[0], call.inputs[1], call.gradient()?);
        for operand in 0..2 {
            let Some(sink) = call.sink(operand) else { continue };
            let arguments = Arguments {
                operand: operand as u32,
                accumulate: sink.flag(),
                ..arguments(call.attributes, a.shape(), b.shape(), dy.shape())
            };
            call.device.launch(&BACKWARD, &arguments, &[a.slice(), b.slice(), dy.slice()], &[sink.tensor.slice()])?;
        }
        Ok(())
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (a, b) = (&inputs[0], &inputs[1]);
        let shape = broadcast(a.shape, b.shape).unwrap_or(Shape::SCALAR);
        let arguments = arguments(attributes, a.shape, b.shape, shape);
        let mut values = Vec::with_capacity(shape.elements());
        for_each_pair(&arguments, |_, i, j| {
            let (a, b) = (a.values[i], b.values[j]);
            values.push(match kind(arguments.kind) {
                Add => a + b,
                Subtract => a - b,
                Multiply => a * b,
                Divide => a / b,
                Maximum if a.is_nan() || b.is_nan() => f64::NAN,
                Minimum if a.is_nan() || b.is_nan() => f64::NAN,
                Maximum => a.max(b),
                Minimum => a.min(b),
            });
        });
        let rank = a.shape.rank().max(b.shape.rank());
        vec![Array64::new(Shape::new(&shape.axes()[MOST_AXES - rank..]).unwrap_or(Shape::SCALAR), values)]
    }

    fn cases(&self) -> Vec<Case> {
        let shapes: [(&[usize], &[usize]); 9] = [
            (&[], &[]),
            (&[0], &[0]),
            (&[1], &[1]),
            (&[5, 7], &[5, 7]),
            (&[5, 7], &[7]),
            (&[7], &[5, 7]),
            (&[5, 7], &[5, 1]),
            (&[3, 1, 5], &[2, 1]),
            (&[33, 129], &[]),
        ];
        let mut cases = Vec::new();
        for kind in KINDS {
            // Among thousands of values compared with one number some are nearer to it than a finite difference's step.
            let usable = if matches!(kind, Maximum | Minimum) { shapes.len() - 1 } else { shapes.len() };
            for (a, b) in &shapes[..usable] {
                let [a, b] = [a, b].map(|axes| Shape::new(axes).unwrap_or(Shape::SCALAR));
                let inputs = vec![Input::real(a), Input::between(b, 0.5, 2.0)];
                cases.push(Case::new(format!("{kind:?} {a} {b}"), inputs, Binary::attributes(kind)));
            }
        }
        cases
    }
}

/// Calls `f(output, a, b)` with the element indices of output and operands, in the order of the output.
fn for_each_pair(arguments: &Arguments, mut f: impl FnMut(usize, usize, usize)) {
    let [axes, a, b] = [arguments.axes, arguments.strides[0], arguments.strides[1]].map(|w| w.map(|w| w as usize));
    let last = axes[MOST_AXES - 1];
    let rows: usize = axes[..MOST_AXES - 1].iter().product();
    let mut index = [0usize; MOST_AXES - 1];
    let mut output = 0;
    for _ in 0..rows {
        let start = |strides: &[usize; MOST_AXES]| -> usize { index.iter().zip(strides).map(|(i, s)| i * s).sum() };
        let (mut i, mut j) = (start(&a), start(&b));
        for _ in 0..last {
            f(output, i, j);
            output += 1;
            i += a[MOST_AXES - 1];
            j += b[MOST_AXES - 1];
        }
        for axis in (0..MOST_AXES - 1).rev() {
            index[axis] += 1;
            if index[axis] < axes[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
}

#[inline(always)]
fn value(kind: BinaryKind, a: f32, b: f32) -> f32 {
    match kind {
        Add => a + b,
        Subtract => a - b,
        Multiply => a * b,
        Divide => a / b,
        Maximum => {
            if a >= b || a.is_nan() {
                a
            } else {
                b
            }
        }
        Minimum => {
            if a <= b || a.is_nan() {
                a
            } else {
                b
            }
        }
    }
}

/// Derivative with respect to operand 0 or 1.
#[inline(always)]
fn derivative(kind: BinaryKind, operand: u32, a: f32, b: f32) -> f32 {
    match (kind, operand) {
        (Add, _) | (Subtract, 0) => 1.0,
        (Subtract, _) => -1.0,
        (Multiply, 0) => b,
        (Multiply, _) => a,
        (Divide, 0) => 1.0 / b,
        (Divide, _) => -a / (b * b),
        (Maximum, 0) => f32::from(u8::from(a >= b)),
        (Maximum, _) => f32::from(u8::from(a < b)),
        (Minimum, 0) => f32::from(u8::from(a <= b)),
        (Minimum, _) => f32::from(u8::from(a > b)),
    }
}

/// Elements per chunk of work.
const CHUNK: usize = 8192;

/// Operands of the shape of the result. The kind is constant in each loop, so that the loops become vectors.
struct Values<'a> {
    kind: BinaryKind,
    a: &'a [f32],
    b: &'a [f32],
    y: &'a mut [f32],
}

impl lanes::Kernel for Values<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Values { kind, a, b, y } = self;
        macro_rules! each {
            ($($kind:ident)*) => {
                match kind {
                    $($kind => y.iter_mut().zip(a).zip(b).for_each(|((y, &a), &b)| *y = value($kind, a, b)),)*
                }
            };
        }
        each!(Add Subtract Multiply Divide Maximum Minimum);
    }
}

/// The gradient of an operand of the shape of the result.
struct Derivatives<'a> {
    kind: BinaryKind,
    operand: u32,
    add: bool,
    a: &'a [f32],
    b: &'a [f32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl lanes::Kernel for Derivatives<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Derivatives { kind, operand, add, a, b, dy, dx } = self;
        if !add {
            dx.fill(0.0);
        }
        macro_rules! each {
            ($($kind:ident)*) => {
                match (kind, operand) {
                    $(($kind, 0) => {
                        let terms = dx.iter_mut().zip(dy).zip(a).zip(b);
                        terms.for_each(|(((dx, &dy), &a), &b)| *dx += derivative($kind, 0, a, b) * dy);
                    }
                    ($kind, _) => {
                        let terms = dx.iter_mut().zip(dy).zip(a).zip(b);
                        terms.for_each(|(((dx, &dy), &a), &b)| *dx += derivative($kind, 1, a, b) * dy);
                    })*
                }
            };
        }
        each!(Add Subtract Multiply Divide Maximum Minimum);
    }
}

fn forward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (a, b, y) = (launch.input(0), launch.input(1), launch.output(0));
    let kind = kind(arguments.kind);
    if a.len() == y.len() && b.len() == y.len() {
        let isa = launch.isa;
        launch.threads.for_each_chunk(y, CHUNK, |index, y| {
            let range = index * CHUNK..index * CHUNK + y.len();
            isa.run(Values { kind, a: &a[range.clone()], b: &b[range], y });
        });
    } else {
        for_each_pair(&arguments, |o, i, j| y[o] = value(kind, a[i], b[j]));
    }
}

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (a, b, dy, dx) = (launch.input(0), launch.input(1), launch.input(2), launch.output(0));
    let (kind, operand) = (kind(arguments.kind), arguments.operand);
    if a.len() == dy.len() && b.len() == dy.len() {
        let (isa, add) = (launch.isa, arguments.accumulate == 1);
        launch.threads.for_each_chunk(dx, CHUNK, |index, dx| {
            let range = index * CHUNK..index * CHUNK + dx.len();
            let (a, b, dy) = (&a[range.clone()], &b[range.clone()], &dy[range]);
            isa.run(Derivatives { kind, operand, add, a, b, dy, dx });
        });
    } else {
        if arguments.accumulate == 0 {
            dx.fill(0.0);
        }
        for_each_pair(&arguments, |o, i, j| {
            dx[if operand == 0 { i } else { j }] += derivative(kind, operand, a[i], b[j]) * dy[o];
        });
    }
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("binary", "forward"), &[n as u32], groups_for(n))
}

/// Where the operand is not repeated, an element of its gradient is one of the output's; else a group adds up those it is repeated
/// to.
fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let (all, n) = (launch.inputs[2].words(), launch.outputs[0].words());
    match all == n {
        true => launch.run(Program::new("binary", "backward"), &[n as u32], groups_for(n)),
        false => launch.run(Program::new("binary", "backward_repeated"), &[n as u32], n),
    }
}
