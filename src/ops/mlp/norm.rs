//! RMS normalisation of a tile `[features, stride]`: each lane is a row.

use crate::device::cpu::lanes::{Kernel, Lanes};

/// Divides each row by the root of its mean square plus ε: `values` become `x r` with `r = 1 / √(mean(x²) + ε)`.
pub(super) struct Normalise<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) epsilon: f32,
    /// `r` of each row, `[stride]`.
    pub(super) inverse: &'a mut [f32],
}

impl Kernel for Normalise<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Normalise { values, stride, epsilon, inverse } = self;
        let features = l.splat((values.len() / stride.max(1)) as f32);
        for (lane, inverse) in inverse[..stride].chunks_mut(L::WIDTH).enumerate() {
            let first = lane * L::WIDTH;
            let mut sum = l.zero();
            for feature in values.chunks_exact(stride) {
                let x = l.read(&feature[first..first + L::WIDTH]);
                sum = l.fma(x, x, sum);
            }
            let root = l.sqrt(l.add(l.div(sum, features), l.splat(epsilon)));
            let r = l.div(l.splat(1.0), root);
            l.write(inverse, r);
            for feature in values.chunks_exact_mut(stride) {
                let x = &mut feature[first..first + L::WIDTH];
                l.write(x, l.mul(l.read(x), r));
            }
        }
    }
}

/// Multiplies each feature by its gain.
pub(super) struct Gain<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) gain: &'a [f32],
}

impl Kernel for Gain<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Gain { values, stride, gain } = self;
        for (values, gain) in values.chunks_exact_mut(stride).zip(gain) {
            let gain = l.splat(*gain);
            for values in values.chunks_mut(L::WIDTH) {
                l.write(values, l.mul(l.read(values), gain));
            }
        }
    }
}

/// From the gradient `g` of the normalised and scaled features to that of the features before: with `x̂ = x r` and `d = g γ`,
/// `g ← r (d − x̂ mean(d x̂))`, and `products ← g x̂`, whose sums over rows are the gradient of the gain.
pub(super) struct Backward<'a> {
    pub(super) gradient: &'a mut [f32],
    pub(super) normalised: &'a [f32],
    pub(super) inverse: &'a [f32],
    pub(super) gain: &'a [f32],
    pub(super) stride: usize,
    pub(super) products: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Backward { gradient, normalised, inverse, gain, stride, products } = self;
        let features = l.splat(gain.len() as f32);
        for (lane, inverse) in inverse[..stride].chunks(L::WIDTH).enumerate() {
            let part = lane * L::WIDTH..(lane + 1) * L::WIDTH;
            let mut sum = l.zero();
            for (index, gain) in gain.iter().enumerate() {
                let part = index * stride + part.start..index * stride + part.end;
                let product = l.mul(l.read(&gradient[part.clone()]), l.read(&normalised[part.clone()]));
                l.write(&mut products[part], product);
                sum = l.fma(product, l.splat(*gain), sum);
            }
            let (mean, r) = (l.div(sum, features), l.read(inverse));
            for (index, gain) in gain.iter().enumerate() {
                let part = index * stride + part.start..index * stride + part.end;
                let d = l.mul(l.read(&gradient[part.clone()]), l.splat(*gain));
                let x = l.read(&normalised[part.clone()]);
                l.write(&mut gradient[part], l.mul(l.fnma(x, mean, d), r));
            }
        }
    }
}
