//! Sums over the rows of a tile.

use crate::device::cpu::lanes::{Kernel, Lanes};

/// Adds the sum of the first `count` numbers of each feature, `[features, stride]`, to its total: always in eight partial sums, so
/// that all instruction sets add in the same order.
pub(in crate::ops) struct Totals<'a> {
    pub(in crate::ops) values: &'a [f32],
    pub(in crate::ops) stride: usize,
    pub(in crate::ops) count: usize,
    pub(in crate::ops) to: &'a mut [f32],
}

impl Kernel for Totals<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        const PARTIAL: usize = 8;
        let Totals { values, stride, count, to } = self;
        for (total, feature) in to.iter_mut().zip(values.chunks_exact(stride)) {
            let mut sums = [0.0f32; PARTIAL];
            let whole = feature[..count].chunks_exact(PARTIAL);
            for (sum, rest) in sums.iter_mut().zip(whole.remainder()) {
                *sum = *rest;
            }
            for values in whole {
                for (sum, value) in sums.iter_mut().zip(values) {
                    *sum += value;
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            *total += ((a + e) + (c + g)) + ((b + f) + (d + h));
        }
    }
}
