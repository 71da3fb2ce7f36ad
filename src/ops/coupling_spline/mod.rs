//! The rational-quadratic spline of a coupling layer: each element goes through a monotone spline of its own, linear outside.
//!
//! Shapes: `x` `[…, n]`, `raw` `[…, n · (3K + 3)]` for `K` bins (contiguous for each element), the outputs `y` `[…, n]` and `ℓ`
//! `[…]`, the log-determinant of the map that was applied.
//!
//! The parameters of an element are `u_left, u_bottom, u_W, u_H, K × u_w, K × u_h, (K − 1) × u_d`. With the default domain
//! `(l₀, r₀, b₀, t₀)`, the smallest totals `W_min = max(min_width, K·min_bin_width)` and `H_min`, and `κ = sinh(1)·ln(e − 1)`:
//!
//! * first knot `(X_0, Y_0) = (l₀ + u_left, b₀ + u_bottom)`;
//! * total width `W = (r₀ − l₀ − W_min)·asinh(softplus(u_W + κ)) + W_min`, and the total height `H` likewise;
//! * bin widths `(W − K·min_bin_width)·softmax(u_w) + min_bin_width`, and the heights likewise;
//! * derivatives at the inner knots `softplus(u_d + ln(e − 1))`, at the outer knots `A = H/W`, the slope of the tails.
//!
//! In the bin with lower left corner `(X, Y)`, size `(Δx, Δy)`, derivatives `d₀, d₁`, and with `s = Δy/Δx`, `ξ = (x − X)/Δx`:
//!
//! `y = Y + Δy (sξ² + d₀ξ(1−ξ)) / (s + (d₀+d₁−2s)ξ(1−ξ))`,
//! `y' = s²(d₁ξ² + 2sξ(1−ξ) + d₀(1−ξ)²) / (s + (d₀+d₁−2s)ξ(1−ξ))²`, `ℓ = Σ_j ln y'_j`;
//!
//! outside (`x ≤ X_0` or `x > X_K`) `y = Y_0 + A(x − X_0)`. The inverse solves the quadratic for `ξ`; `ℓ = −Σ_j ln y'_j`.
//!
//! Backward: derivatives of these formulas (`kernel.rs`), for the inverse by implicit differentiation. Values and gradients
//! are finite in both directions for every finite `x` and for raw values of magnitude 10⁴ and more. (The peer's gradient of
//! the inverse is NaN as soon as one element lies outside of the bins.) To that end `u_d + ln(e − 1)` is kept above −30, below
//! which its gradient is zero.
//!
//! Special values: an infinite `x` goes along the tail. NaN in `x`, or in a parameter on which the element's bin depends,
//! gives NaN in `y` and `ℓ`.
//!
//! Source: Durkan et al. 2019, "Neural spline flows" (arXiv:1906.04032); Gregory & Delbourgo 1982. The moving domain is
//! the peer's.

mod kernel;
mod shape;

pub(super) use kernel::{Block, Point};
pub use shape::{Knots, Spline};
pub(super) use shape::{MOST_BINS, forward as forward_at};

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::gpu::{self, Program, ROWS, groups_for};
use crate::error::Result;
use crate::ops::flow_lanes::{self, Direction, Elements, Gradients, MOST_LANES, check_rows};
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::tensor::Tensor;

/// Rows per chunk of work.
const CHUNK: usize = 64;

/// The operation `coupling_spline`.
pub struct CouplingSpline;

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Arguments {
    /// 1 for the inverse map.
    pub(super) inverse: u32,
    pub(super) bins: u32,
    rows: u32,
    /// Elements of a row of `x`.
    n: u32,
    gradients: Gradients,
    /// First knot for parameters of zero.
    left: f32,
    bottom: f32,
    /// Smallest totals, and what the default domain has above them.
    least_width: f32,
    least_height: f32,
    width_span: f32,
    height_span: f32,
    least_bin_width: f32,
    least_bin_height: f32,
}

static FORWARD: Kernel = Kernel { name: "coupling_spline", cpu: forward_cpu, gpu: forward_gpu };
static BACKWARD: Kernel = Kernel { name: "coupling_spline_backward", cpu: backward_cpu, gpu: backward_gpu };
static ROW: Row = Row {
    name: "coupling_spline",
    formula: "y = rational-quadratic spline of x, ℓ = Σ ln y', or the inverse",
    keeps: Keeps::INPUTS,
    kernels: &[&FORWARD, &BACKWARD],
};

impl CouplingSpline {
    /// The attributes of a direction and a spline, which must pass [`Spline::check`].
    pub fn attributes(direction: Direction, spline: &Spline) -> Attributes {
        Attributes::new(arguments_of(direction, spline))
    }
}

/// The arguments of a direction and a spline, without sizes.
pub(super) fn arguments_of(direction: Direction, spline: &Spline) -> Arguments {
    let [left, right, bottom, top] = spline.default_domain;
    let [least_width, least_height] = spline.least_totals();
    Arguments {
        inverse: direction.word(),
        bins: spline.bins.min(MOST_BINS) as u32,
        rows: 0,
        n: 0,
        gradients: Gradients::default(),
        left: left as f32,
        bottom: bottom as f32,
        least_width: least_width as f32,
        least_height: least_height as f32,
        width_span: (right - left - least_width) as f32,
        height_span: (top - bottom - least_height) as f32,
        least_bin_width: spline.min_bin_width as f32,
        least_bin_height: spline.min_bin_height as f32,
    }
}

/// The spline of a block of arguments, in f64.
pub(super) fn spline_of(arguments: &Arguments) -> Spline {
    let [left, bottom, least_width, least_height, width_span, height_span, least_bin_width, least_bin_height] = [
        arguments.left,
        arguments.bottom,
        arguments.least_width,
        arguments.least_height,
        arguments.width_span,
        arguments.height_span,
        arguments.least_bin_width,
        arguments.least_bin_height,
    ]
    .map(f64::from);
    Spline {
        bins: arguments.bins as usize,
        default_domain: [left, left + least_width + width_span, bottom, bottom + least_height + height_span],
        min_width: least_width,
        min_height: least_height,
        min_bin_width: least_bin_width,
        min_bin_height: least_bin_height,
    }
}

fn arguments(attributes: &Attributes, x: &Tensor) -> Arguments {
    Arguments { rows: x.shape().rows() as u32, n: x.shape().last() as u32, ..attributes.get() }
}

impl Operation for CouplingSpline {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], attributes: &Attributes) -> Result<Products> {
        let spline = spline_of(&attributes.get());
        check_rows("coupling_spline", inputs, spline.parameters())?;
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
        let arguments: Arguments = attributes.get();
        let (x, spline) = (&inputs[0], spline_of(&arguments));
        let (mut y, mut log_det) = (Vec::new(), Vec::new());
        for (x, raw) in x.rows().zip(inputs[1].rows()) {
            let mut sum = 0.0;
            for (&x, raw) in x.iter().zip(raw.chunks(spline.parameters())) {
                let knots = spline.knots(raw);
                let (value, log) =
                    if arguments.inverse == 1 { shape::inverse(&knots, x) } else { shape::forward(&knots, x) };
                y.push(value);
                sum += log;
            }
            log_det.push(sum);
        }
        vec![Array64::new(x.shape, y), Array64::new(x.shape.without_last(), log_det)]
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for direction in [Direction::Forward, Direction::Inverse] {
            let mut case = |rows: usize, n: usize, spline: Spline, raw: f64| {
                let parameters = n * spline.parameters();
                let inputs = vec![Input::between([rows, n], -4.0, 4.0), Input::between([rows, parameters], -raw, raw)];
                let label = format!("{direction:?}, {} bins, [{rows}, {n}], raw within {raw}", spline.bins);
                // The raw totals and bins appear in every element: infinite ones are no limit of anything.
                let case = Case::new(label, inputs, CouplingSpline::attributes(direction, &spline)).bound(1e-4);
                cases.push(case.without_special_values());
            };
            let bins = |bins: usize| Spline { bins, ..Spline::default() };
            case(0, 3, bins(4), 1.0);
            case(1, 1, bins(1), 1.0);
            case(3, 0, bins(4), 1.0);
            case(9, 1, bins(2), 1.5);
            case(13, 3, bins(5), 2.0);
            case(35, 2, bins(16), 1.0);
            case(67, 1, bins(3), 4.0);
            let domain = [-5.0, 4.0, -2.0, 3.0];
            let shifted =
                Spline { bins: 6, default_domain: domain, min_bin_width: 0.05, min_bin_height: 0.2, ..bins(6) };
            case(5, 2, shifted, 1.0);
        }
        cases
    }
}

/// Copies the parameters of elements into a block: a transposition.
fn gather(raw: &[f32], parameters: usize, block: &mut Block) {
    for (lane, raw) in raw.chunks(parameters).enumerate() {
        for (row, &value) in block.iter_mut().zip(raw) {
            row[lane] = value;
        }
    }
}

/// The way back, written or added.
fn scatter(block: &Block, parameters: usize, to: &mut [f32], add: bool) {
    for (lane, to) in to.chunks_mut(parameters).enumerate() {
        for (row, to) in block.iter().zip(to) {
            *to = if add { *to + row[lane] } else { row[lane] };
        }
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
        let arguments = self.arguments;
        let inverse = arguments.inverse == 1;
        let mut elements = Elements::of_width(arguments.n as usize);
        let parameters = 3 * arguments.bins as usize + 3;
        let mut block: Block = [[0.0; MOST_LANES]; 3 * MOST_BINS + 3];
        self.log_det.fill(0.0);
        for start in (0..self.x.len()).step_by(L::WIDTH) {
            let end = self.x.len().min(start + L::WIDTH);
            gather(&self.raw[start * parameters..end * parameters], parameters, &mut block);
            let x = l.read(&self.x[start..end]);
            let (y, log) = Point::new(l, &arguments, x, &mut block).value(l, inverse);
            l.write(&mut self.y[start..end], y);
            let mut logs = [0.0; MOST_LANES];
            l.write(&mut logs[..L::WIDTH], log);
            for ((row, _), log) in elements.take(end - start)[..end - start].iter().zip(&logs) {
                self.log_det[*row] += log;
            }
        }
    }
}

fn forward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (rows, n, isa) = (arguments.rows as usize, arguments.n as usize, launch.isa);
    let parameters = 3 * arguments.bins as usize + 3;
    let (x, raw, y, log_det) = (launch.input(0), launch.input(1), launch.output(0), launch.output(1));
    launch.threads.for_each_rows(rows, CHUNK, [(y, n), (log_det, 1)], |chunk, [y, log_det]| {
        let first = chunk * CHUNK * n;
        let x = &x[first..first + y.len()];
        let raw = &raw[first * parameters..][..x.len() * parameters];
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
        let arguments = self.arguments;
        let mut elements = Elements::of_width(arguments.n as usize);
        let parameters = 3 * arguments.bins as usize + 3;
        let mut block: Block = [[0.0; MOST_LANES]; 3 * MOST_BINS + 3];
        for start in (0..self.x.len()).step_by(L::WIDTH) {
            let end = self.x.len().min(start + L::WIDTH);
            let places = start * parameters..end * parameters;
            gather(&self.raw[places.clone()], parameters, &mut block);
            let x = l.read(&self.x[start..end]);
            let dy = match self.dy {
                [] => l.zero(),
                dy => l.read(&dy[start..end]),
            };
            let mut dlog_det = [0.0; MOST_LANES];
            if !self.dlog_det.is_empty() {
                for ((row, _), value) in elements.take(end - start)[..end - start].iter().zip(&mut dlog_det) {
                    *value = self.dlog_det[*row];
                }
            }
            let dlog_det = l.read(&dlog_det[..L::WIDTH]);
            let point = Point::new(l, &arguments, x, &mut block);
            let dx = point.gradients(l, &arguments, &mut block, dy, dlog_det);
            let to = &mut self.dx[start..end];
            let dx = if arguments.gradients.accumulate[0] == 1 { l.add(l.read(to), dx) } else { dx };
            l.write(to, dx);
            scatter(&block, parameters, &mut self.draw[places], arguments.gradients.accumulate[1] == 1);
        }
    }
}

fn backward_cpu(launch: &mut Launch) {
    let arguments: Arguments = launch.arguments();
    let (rows, n, isa) = (arguments.rows as usize, arguments.n as usize, launch.isa);
    let parameters = 3 * arguments.bins as usize + 3;
    let (x, raw, dy, dlog_det) = (launch.input(0), launch.input(1), launch.input(2), launch.input(3));
    let (dx, draw) = (launch.output(0), launch.output(1));
    launch.threads.for_each_rows(rows, CHUNK, [(dx, n), (draw, n * parameters)], |chunk, [dx, draw]| {
        let elements = chunk * CHUNK * n..chunk * CHUNK * n + dx.len();
        isa.run(BackwardRows {
            arguments,
            x: &x[elements.clone()],
            raw: &raw[elements.start * parameters..elements.end * parameters],
            dy: if arguments.gradients.from_y == 1 { &dy[elements] } else { &[] },
            dlog_det: if arguments.gradients.from_log_det == 1 { &dlog_det[chunk * CHUNK..] } else { &[] },
            dx,
            draw,
        });
    });
}

fn forward_gpu(launch: &gpu::Launch) -> Result<()> {
    let rows = launch.arguments::<Arguments>().rows as usize;
    launch.run(Program::new("coupling_spline", "forward"), &[], rows.div_ceil(ROWS))
}

fn backward_gpu(launch: &gpu::Launch) -> Result<()> {
    launch.run(Program::new("coupling_spline", "backward"), &[], groups_for(launch.outputs[0].words()))
}

#[cfg(test)]
mod tests;
