//! The maps of a coupling's targets, for a tile `[n, stride]`.

use crate::device::cpu::lanes::{self, Lanes};
use crate::device::cpu::vector;
use crate::ops::coupling_affine::Scale;
use crate::ops::coupling_spline::{self, Block, MOST_BINS, Point};
use crate::ops::flow_lanes::MOST_LANES;

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

pub(super) struct AffineMap<'a> {
    pub(super) target: Target<'a>,
    pub(super) clamp: bool,
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

pub(super) struct SplineMap<'a> {
    pub(super) target: Target<'a>,
    pub(super) arguments: coupling_spline::Arguments,
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
