//! Dropout inside of the operation: the mask of a tile.

use crate::device::cpu::lanes::{Kernel, Lanes};
use crate::device::cpu::vector;
use crate::random::{Key, philox4x32};

/// Features that share the words of one counter.
const SHARING: usize = 8;
/// Most lanes of a vector.
const MOST_LANES: usize = 16;

/// Which share is dropped, and by which random numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub(in crate::ops) struct Mask {
    /// Half words below are dropped.
    threshold: u32,
    /// The inverse of the share that is kept.
    scale: f32,
    /// The words of the Philox key.
    key: [u32; 2],
}

impl Mask {
    /// Nothing is dropped.
    pub(in crate::ops) const NONE: Mask = Mask { threshold: 0, scale: 1.0, key: [0; 2] };

    /// For a probability below 1, which callers have checked.
    pub(in crate::ops) fn new(probability: f64, key: Key) -> Self {
        let threshold = (probability.clamp(0.0, 1.0) * 65_536.0).round().min(65_535.0);
        Mask { threshold: threshold as u32, scale: (65_536.0 / (65_536.0 - threshold)) as f32, key: key.words() }
    }

    /// Threshold, factor and key, as programs of GPUs take them.
    pub(in crate::ops) fn words(&self) -> [u32; 4] {
        [self.threshold, self.scale.to_bits(), self.key[0], self.key[1]]
    }

    /// Whether anything is dropped.
    pub(in crate::ops) fn is_active(&self) -> bool {
        self.threshold > 0
    }

    /// The factor of a feature of a row, of masks with the same key the one with this number.
    pub(in crate::ops) fn factor(&self, row: usize, feature: usize, number: u32) -> f64 {
        let word = philox4x32(self.key, [row as u32, (feature / SHARING) as u32, number, 4])[feature % SHARING / 2];
        let half = if feature.is_multiple_of(2) { word & 0xffff } else { word >> 16 };
        if half >= self.threshold { 65_536.0 / (65_536.0 - f64::from(self.threshold)) } else { 0.0 }
    }
}

/// Multiplies results and slopes of a tile `[features, stride]` by the mask, dropped ones become 0.
pub(in crate::ops) struct Masked<'a> {
    pub(in crate::ops) mask: Mask,
    /// Number of the mask among those with the same key.
    pub(in crate::ops) number: u32,
    pub(in crate::ops) first_row: usize,
    /// Rows of the tile, a multiple of 16.
    pub(in crate::ops) stride: usize,
    pub(in crate::ops) values: &'a mut [f32],
    /// Empty when they are not needed.
    pub(in crate::ops) slopes: &'a mut [f32],
}

impl Kernel for Masked<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Masked { mask, number, first_row, stride, values, slopes } = self;
        let (scale, half) = (l.splat(mask.scale), l.splat_int(0xffff));
        // The lower half of a word is below the threshold by itself, the upper half when the word is below the shifted one.
        let thresholds = [mask.threshold, mask.threshold << 16].map(|threshold| l.splat_int(threshold as i32));
        for (block, values) in values.chunks_mut(SHARING * stride).enumerate() {
            for start in (0..stride).step_by(L::WIDTH) {
                let rows: [f32; MOST_LANES] =
                    std::array::from_fn(|lane| f32::from_bits((first_row + start + lane) as u32));
                let counter =
                    [l.to_bits(l.read(&rows)), l.splat_int(block as i32), l.splat_int(number as i32), l.splat_int(4)];
                let words = vector::philox4x32(l, mask.key, counter);
                for (feature, values) in values.chunks_exact_mut(stride).enumerate() {
                    let word = words[feature / 2];
                    let dropped = match feature % 2 {
                        0 => l.below(l.and_int(word, half), thresholds[0]),
                        _ => l.below(word, thresholds[1]),
                    };
                    let keep = |values: &mut [f32]| {
                        l.write(values, l.select(dropped, l.zero(), l.mul(l.read(values), scale)));
                    };
                    keep(&mut values[start..start + L::WIDTH]);
                    if !slopes.is_empty() {
                        keep(&mut slopes[(block * SHARING + feature) * stride + start..][..L::WIDTH]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Isa;

    /// The mask of a tile is that of its rows, and drops the announced share.
    #[test]
    fn of_single_features() {
        let mask = Mask::new(0.25, Key::new(3));
        for &isa in Isa::available() {
            for (number, first_row, features, stride) in [(0, 0, 13, 16), (3, 96, 8, 48), (1, 7, 128, 32)] {
                let mut values = vec![1.0; features * stride];
                let mut slopes = vec![f32::NAN; features * stride];
                isa.run(Masked { mask, number, first_row, stride, values: &mut values, slopes: &mut slopes });
                for (at, (value, slope)) in values.iter().zip(&slopes).enumerate() {
                    let factor = mask.factor(first_row + at % stride, at / stride, number) as f32;
                    assert_eq!(*value, factor);
                    assert_eq!(*slope == 0.0, factor == 0.0);
                }
                let dropped = values.iter().filter(|&&value| value == 0.0).count() as f64 / values.len() as f64;
                assert!((dropped - 0.25).abs() < 4.0 * (0.25 * 0.75 / values.len() as f64).sqrt(), "{dropped}");
            }
        }
    }
}
