//! The maps of a coupling's targets for a tile of rows, `[features, stride]`: forward, inverse, and the gradients of forward.

use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::{Isa, vector};
use crate::ops::coupling_affine::Scale;
use crate::ops::coupling_spline::{self, Block, MOST_BINS, Point};
use crate::ops::flow_lanes::MOST_LANES;
use crate::ops::flow_plan::{AFFINE, CLAMPED_AFFINE, SPLINE};

/// Which map.
#[derive(Clone, Copy)]
pub(super) struct Map {
    /// The word of a [`CouplingKind`](super::CouplingKind).
    pub(super) kind: u32,
    pub(super) spline: coupling_spline::Arguments,
}

/// The targets of a coupling: `x` `[n, stride]` is replaced.
pub(super) struct Target<'a> {
    pub(super) n: usize,
    pub(super) rows: usize,
    pub(super) stride: usize,
    pub(super) inverse: bool,
    /// What the network gave, `[n · parameters, stride]`.
    pub(super) raw: &'a [f32],
    pub(super) x: &'a mut [f32],
    pub(super) log_det: &'a mut [f32],
}

/// The way back from the results of [`Map::forward`] to its targets: the gradient `[n, stride]` is replaced.
pub(super) struct TargetGradient<'a> {
    pub(super) n: usize,
    pub(super) rows: usize,
    pub(super) stride: usize,
    pub(super) raw: &'a [f32],
    /// The targets as they were before.
    pub(super) x: &'a [f32],
    pub(super) gradient: &'a mut [f32],
    /// The gradient of the log-determinant, `[stride]`.
    pub(super) log_det: &'a [f32],
    /// That of `raw`.
    pub(super) to_raw: &'a mut [f32],
}

impl Map {
    /// Maps targets and adds to their log-determinants.
    pub(super) fn forward(self, isa: Isa, target: Target) {
        match self.kind {
            AFFINE => isa.run(AffineMap { target, clamp: false }),
            CLAMPED_AFFINE => isa.run(AffineMap { target, clamp: true }),
            _ => {
                debug_assert_eq!(self.kind, SPLINE);
                isa.run(SplineMap { target, arguments: self.spline });
            }
        }
    }

    /// Gradients of the forward map.
    pub(super) fn backward(self, isa: Isa, target: TargetGradient) {
        match self.kind {
            AFFINE => isa.run(AffineGradient { target, clamp: false }),
            CLAMPED_AFFINE => isa.run(AffineGradient { target, clamp: true }),
            _ => isa.run(SplineGradient { target, arguments: self.spline }),
        }
    }
}

struct AffineMap<'a> {
    target: Target<'a>,
    clamp: bool,
}

impl lanes::Kernel for AffineMap<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Target { n, rows, stride, inverse, raw, x, log_det } = self.target;
        for start in (0..rows).step_by(L::WIDTH) {
            let part = |feature: usize| feature * stride + start..feature * stride + start + L::WIDTH;
            let mut sum = l.read(&log_det[part(0)]);
            for j in 0..n {
                let (a, b) = (l.read(&raw[part(j)]), l.read(&raw[part(n + j)]));
                let value = l.read(&x[part(j)]);
                let Scale { s, .. } = Scale::new(l, a, self.clamp);
                let log = vector::log(l, s);
                let (value, log) =
                    if inverse { (l.div(l.sub(value, b), s), l.neg(log)) } else { (l.fma(s, value, b), log) };
                l.write(&mut x[part(j)], value);
                sum = l.add(sum, log);
            }
            l.write(&mut log_det[part(0)], sum);
        }
    }
}

struct SplineMap<'a> {
    target: Target<'a>,
    arguments: coupling_spline::Arguments,
}

impl lanes::Kernel for SplineMap<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Target { n, rows, stride, inverse, raw, x, log_det } = self.target;
        let parameters = 3 * self.arguments.bins as usize + 3;
        let mut block: Block = [[0.0; MOST_LANES]; 3 * MOST_BINS + 3];
        for start in (0..rows).step_by(L::WIDTH) {
            let part = |feature: usize| feature * stride + start..feature * stride + start + L::WIDTH;
            let mut sum = l.read(&log_det[part(0)]);
            for j in 0..n {
                for (k, row) in block[..parameters].iter_mut().enumerate() {
                    l.write(row, l.read(&raw[part(j * parameters + k)]));
                }
                let point = Point::new(l, &self.arguments, l.read(&x[part(j)]), &mut block);
                let (value, log) = point.value(l, inverse);
                l.write(&mut x[part(j)], value);
                sum = l.add(sum, log);
            }
            l.write(&mut log_det[part(0)], sum);
        }
    }
}

struct AffineGradient<'a> {
    target: TargetGradient<'a>,
    clamp: bool,
}

impl lanes::Kernel for AffineGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let TargetGradient { n, rows, stride, raw, x, gradient, log_det, to_raw } = self.target;
        for start in (0..rows).step_by(L::WIDTH) {
            let part = |feature: usize| feature * stride + start..feature * stride + start + L::WIDTH;
            let of_log_det = l.read(&log_det[part(0)]);
            for j in 0..n {
                let (value, of_value) = (l.read(&x[part(j)]), l.read(&gradient[part(j)]));
                let Scale { s, slope } = Scale::new(l, l.read(&raw[part(j)]), self.clamp);
                let reciprocal = l.div(l.splat(1.0), s);
                let of_scale = l.fma(of_log_det, l.mul(reciprocal, slope), l.mul(l.mul(value, of_value), slope));
                l.write(&mut to_raw[part(j)], of_scale);
                l.write(&mut to_raw[part(n + j)], of_value);
                l.write(&mut gradient[part(j)], l.mul(s, of_value));
            }
        }
    }
}

struct SplineGradient<'a> {
    target: TargetGradient<'a>,
    arguments: coupling_spline::Arguments,
}

impl lanes::Kernel for SplineGradient<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let TargetGradient { n, rows, stride, raw, x, gradient, log_det, to_raw } = self.target;
        let parameters = 3 * self.arguments.bins as usize + 3;
        let mut block: Block = [[0.0; MOST_LANES]; 3 * MOST_BINS + 3];
        for start in (0..rows).step_by(L::WIDTH) {
            let part = |feature: usize| feature * stride + start..feature * stride + start + L::WIDTH;
            let of_log_det = l.read(&log_det[part(0)]);
            for j in 0..n {
                for (k, row) in block[..parameters].iter_mut().enumerate() {
                    l.write(row, l.read(&raw[part(j * parameters + k)]));
                }
                let point = Point::new(l, &self.arguments, l.read(&x[part(j)]), &mut block);
                let of_value = l.read(&gradient[part(j)]);
                let of_target = point.gradients(l, &self.arguments, &mut block, of_value, of_log_det);
                l.write(&mut gradient[part(j)], of_target);
                for (k, row) in block[..parameters].iter().enumerate() {
                    l.write(&mut to_raw[part(j * parameters + k)], l.read(row));
                }
            }
        }
    }
}
