//! The affine map of a coupling layer: each element is scaled and shifted by numbers that a network gives.
//!
//! Shapes: `x` `[…, n]`, `raw` `[…, 2n]` (first the `n` raw scales `a`, then the `n` shifts `b`), the outputs `y` `[…, n]` and
//! `ℓ` `[…]`, the log-determinant of the map that was applied.
//!
//! With `s = softplus(u)`, `u = asinh(a) + c` or, without the soft clamp, `u = a + c`, where `c = ln(e − 1)` makes `s = 1`
//! at `a = 0`:
//!
//! * forward: `y = s x + b`, `ℓ = Σ_j ln s_j`;
//! * inverse: `y = (x − b) / s`, `ℓ = −Σ_j ln s_j`.
//!
//! Backward with `σ = softplus'(u) = 1 − e^(−s)` and `u' = 1/√(1 + a²)` (1 without clamp):
//!
//! * forward: `dx = s dy`, `db = dy`, `da = (x dy + dℓ/s) σ u'`;
//! * inverse: `dx = dy/s`, `db = −dy/s`, `da = −(y dy + dℓ)/s · σ u'`.
//!
//! Ranges: `u` is kept above [`LOWEST`], so that `s`, `1/s` and `ln s` stay finite for every finite `a`; below it the
//! gradient of `a` is zero. With the soft clamp no finite `a` above −10³⁴ comes near. A large `s` times a large `x` may
//! overflow as the formula does. NaN in `a` gives NaN in `y` and `ℓ`; an infinite `a` counts as the limit.
//!
//! Source: Dinh et al. 2017 (arXiv:1605.08803, §3.1); the soft clamp is the peer's.

use crate::device::Kernel;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::{Launch, vector};
use crate::device::gpu::{self, Program, ROWS, groups_for};
use crate::error::Result;
use crate::math::{SHIFTED_SOFTPLUS_OFFSET, softplus};
use crate::ops::flow_lanes::{
    self, Direction, Elements, Gradients, check_rows, read_strided, softplus_with_derivative, write_strided,
};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Tensor;

/// Lower end of `u`: `softplus(−80) = 1.8·10⁻³⁵` and its reciprocal are normal numbers.
const LOWEST: f32 = -80.0;
/// Rows per chunk of work.
const CHUNK: usize = 256;

/// The operation `coupling_affine`.
pub struct CouplingAffine;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    /// 1 for the inverse map.
    inverse: u32,
    /// 1 for the soft clamp by asinh.
    clamp: u32,
    rows: u32,
    /// Elements of a row of `x`.
    n: u32,
    gradients: Gradients,
}

static FORWARD: Kernel = Kernel { name: "coupling_affine", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "coupling_affine_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "coupling_affine",
    formula: "y = softplus(asinh(a) + ln(e−1)) x + b, ℓ = Σ ln softplus(…), or the inverse",
    keeps: Keeps::INPUTS,
    kernels: &[&FORWARD, &BACKWARD],
};

impl CouplingAffine {
    /// The attributes of a direction, with the soft clamp of the scale or without.
    pub fn attributes(direction: Direction, clamp: bool) -> Attributes {
        Attributes::new(Arguments {
            inverse: direction.word(),
            clamp: u32::from(clamp),
            rows: 0,
            n: 0,
            gradients: Gradients::default(),
        })
    }
}

fn arguments(attributes: &Attributes, x: &Tensor) -> Arguments {
    Arguments { rows: x.shape().rows() as u32, n: x.shape().last() as u32, ..attributes.get() }
}

impl Operation for CouplingAffine {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        check_rows("coupling_affine", inputs, 2)?;
        let x = inputs[0].shape;
        Ok(Products::new(&[x, x.without_last()], &[]))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        flow_lanes::forward(call, &FORWARD, &arguments(call.attributes, call.inputs[0]))
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        flow_lanes::backward(call, &BACKWARD, |gradients| Arguments {
            gradients,
            ..arguments(call.attributes, call.inputs[0])
        })
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let (x, raw, arguments) = (&inputs[0], &inputs[1], attributes.get::<Arguments>());
        let n = x.shape.last();
        let (mut y, mut log_det) = (Vec::new(), Vec::new());
        for (x, raw) in x.rows().zip(raw.rows()) {
            let mut sum = 0.0;
            for j in 0..n {
                let (a, b) = (raw[j], raw[n + j]);
                let bent = if arguments.clamp == 1 { a.asinh() } else { a };
                let u = bent + SHIFTED_SOFTPLUS_OFFSET;
                let s = softplus(if u < f64::from(LOWEST) { f64::from(LOWEST) } else { u });
                y.push(if arguments.inverse == 1 { (x[j] - b) / s } else { s * x[j] + b });
                sum += s.ln();
            }
            log_det.push(if arguments.inverse == 1 { -sum } else { sum });
        }
        vec![Array64::new(x.shape, y), Array64::new(x.shape.without_last(), log_det)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for direction in [Direction::Forward, Direction::Inverse] {
            for clamp in [true, false] {
                let mut case = |rows: usize, n: usize, range: f64| {
                    let inputs = vec![Input::real([rows, n]), Input::between([rows, 2 * n], -range, range)];
                    let label = format!("{direction:?}, clamp {clamp}, [{rows}, {n}], raw within {range}");
                    cases.push(Case::new(label, inputs, CouplingAffine::attributes(direction, clamp)));
                };
                case(0, 3, 2.0);
                case(1, 1, 2.0);
                case(3, 0, 2.0);
                case(5, 3, 6.0);
                case(259, 5, 2.0);
            }
            let inputs = vec![Input::real([7, 3]), Input::between([7, 6], -1e4, 1e4)];
            let attributes = CouplingAffine::attributes(direction, true);
            cases.push(Case::new(format!("{direction:?}, extreme raw values"), inputs, attributes));
        }
        cases
    }
}

/// One vector of elements: what forward and backward both need.
pub(super) struct Scale<L: Lanes> {
    pub(super) s: L::F,
    /// `ds/da`.
    pub(super) slope: L::F,
}

impl<L: Lanes> Scale<L> {
    #[inline(always)]
    pub(super) fn new(l: L, a: L::F, clamp: bool) -> Self {
        if clamp {
            return Scale::clamped(l, a);
        }
        let u = l.add(a, l.splat(SHIFTED_SOFTPLUS_OFFSET as f32));
        let below = l.lt(u, l.splat(LOWEST));
        let (s, sigmoid) = softplus_with_derivative(l, l.select(below, l.splat(LOWEST), u));
        Scale { s, slope: l.select(below, l.zero(), sigmoid) }
    }

    /// `e^(asinh a) = a + √(1 + a²)` leaves one logarithm: `s = ln(1 + t)` with `t = (e − 1)(a + √(1 + a²))`, which for negative `a`
    /// is `(e − 1) / (|a| + √(1 + a²))`.
    #[inline(always)]
    fn clamped(l: L, a: L::F) -> Self {
        /// `e − 1`.
        const UNIT: f32 = 1.718_281_8;
        /// `e^LOWEST`.
        const LEAST: f32 = 1.804_851_4e-35;
        let (one, magnitude) = (l.splat(1.0), l.abs(a));
        let root = vector::hypotenuse(l, a, 1.0);
        let sum = l.add(magnitude, root);
        let t = l.select(l.lt(a, l.zero()), l.div(l.splat(UNIT), sum), l.mul(l.splat(UNIT), sum));
        // Finite for every finite a.
        let t = l.select(l.lt(magnitude, l.splat(f32::INFINITY)), l.min(l.splat(f32::MAX), t), t);
        let below = l.lt(t, l.splat(LEAST));
        let t = l.select(below, l.splat(LEAST), t);
        let sigmoid = l.select(l.lt(l.splat(1e30), t), one, l.div(t, l.add(one, t)));
        let slope = l.select(below, l.zero(), l.div(sigmoid, root));
        Scale { s: vector::log1p(l, t), slope }
    }
}

struct ForwardRows<'a> {
    arguments: Arguments,
    x: &'a [f32],
    raw: &'a [f32],
    y: &'a mut [f32],
    log_det: &'a mut [f32],
}

impl lanes::Kernel for ForwardRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Arguments { inverse, clamp, n, .. } = self.arguments;
        let (n, inverse) = (n as usize, inverse == 1);
        self.log_det.fill(0.0);
        let mut elements = Elements::of_width(n);
        for start in (0..self.x.len()).step_by(L::WIDTH) {
            let count = L::WIDTH.min(self.x.len() - start);
            let x = l.read(&self.x[start..start + count]);
            // Scale and shift lie n apart in the row of `raw`.
            let places = elements.take(count);
            let place = |lane: usize| places[lane].0 * 2 * n + places[lane].1;
            let a = read_strided(l, self.raw, count, place);
            let b = read_strided(l, self.raw, count, |lane| place(lane) + n);
            let Scale { s, .. } = Scale::new(l, a, clamp == 1);
            let y = if inverse { l.div(l.sub(x, b), s) } else { l.fma(s, x, b) };
            l.write(&mut self.y[start..start + count], y);
            let log = vector::log(l, s);
            let mut logs = [0.0; 16];
            l.write(&mut logs[..L::WIDTH], if inverse { l.neg(log) } else { log });
            for ((row, _), log) in places[..count].iter().zip(&logs) {
                self.log_det[*row] += log;
            }
        }
    }
}

fn forward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (rows, n, isa) = (arguments.rows as usize, arguments.n as usize, launch.isa);
    let (x, raw, y, log_det) = (launch.input(0), launch.input(1), launch.output(0), launch.output(1));
    launch.threads.for_each_rows(rows, CHUNK, [(y, n), (log_det, 1)], |chunk, [y, log_det]| {
        let first = chunk * CHUNK;
        let x = &x[first * n..][..y.len()];
        let raw = &raw[first * 2 * n..][..2 * y.len()];
        isa.run(ForwardRows { arguments, x, raw, y, log_det });
    });
}

struct BackwardRows<'a> {
    arguments: Arguments,
    x: &'a [f32],
    raw: &'a [f32],
    /// Empty where the loss does not depend on the output.
    dy: &'a [f32],
    dlog_det: &'a [f32],
    dx: &'a mut [f32],
    draw: &'a mut [f32],
}

impl lanes::Kernel for BackwardRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Arguments { inverse, clamp, n, gradients, .. } = self.arguments;
        let accumulate = gradients.accumulate;
        let (n, inverse) = (n as usize, inverse == 1);
        let mut elements = Elements::of_width(n);
        for start in (0..self.x.len()).step_by(L::WIDTH) {
            let count = L::WIDTH.min(self.x.len() - start);
            let x = l.read(&self.x[start..start + count]);
            // Scale and shift lie n apart in the row of `raw`.
            let places = elements.take(count);
            let place = |lane: usize| places[lane].0 * 2 * n + places[lane].1;
            let a = read_strided(l, self.raw, count, place);
            let b = read_strided(l, self.raw, count, |lane| place(lane) + n);
            let dy = match self.dy {
                [] => l.zero(),
                dy => l.read(&dy[start..start + count]),
            };
            let dlog_det = match self.dlog_det {
                [] => l.zero(),
                d => read_strided(l, d, count, |lane| places[lane].0),
            };
            let Scale { s, slope } = Scale::new(l, a, clamp == 1);
            let reciprocal = l.div(l.splat(1.0), s);
            let (dx, da, db) = if inverse {
                let dx = l.mul(dy, reciprocal);
                let y = l.mul(l.sub(x, b), reciprocal);
                let ds = l.neg(l.mul(l.fma(y, dy, dlog_det), l.mul(reciprocal, slope)));
                (dx, ds, l.neg(dx))
            } else {
                let ds = l.fma(dlog_det, l.mul(reciprocal, slope), l.mul(l.mul(x, dy), slope));
                (l.mul(s, dy), ds, dy)
            };
            let to = &mut self.dx[start..start + count];
            let dx = if accumulate[0] == 1 { l.add(l.read(to), dx) } else { dx };
            l.write(to, dx);
            let add = accumulate[1] == 1;
            write_strided(l, self.draw, count, add, da, place);
            write_strided(l, self.draw, count, add, db, |lane| place(lane) + n);
        }
    }
}

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (rows, n, isa) = (arguments.rows as usize, arguments.n as usize, launch.isa);
    let (x, raw, dy, dlog_det) = (launch.input(0), launch.input(1), launch.input(2), launch.input(3));
    let (dx, draw) = (launch.output(0), launch.output(1));
    launch.threads.for_each_rows(rows, CHUNK, [(dx, n), (draw, 2 * n)], |chunk, [dx, draw]| {
        let elements = chunk * CHUNK * n..chunk * CHUNK * n + dx.len();
        isa.run(BackwardRows {
            arguments,
            x: &x[elements.clone()],
            raw: &raw[2 * elements.start..2 * elements.end],
            dy: if arguments.gradients.from_y == 1 { &dy[elements] } else { &[] },
            dlog_det: if arguments.gradients.from_log_det == 1 { &dlog_det[chunk * CHUNK..] } else { &[] },
            dx,
            draw,
        });
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let rows = launch.arguments::<Arguments>().rows as usize;
    launch.run(Program::new("coupling_affine", "forward"), &[], rows.div_ceil(ROWS))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("coupling_affine", "backward"), &[n as u32], groups_for(n))
}
