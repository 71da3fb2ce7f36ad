//! Random words for many counters, one in each lane.

use crate::device::cpu::lanes::Lanes;
use crate::random::{MULTIPLIERS, ROUNDS, WEYL};

/// [`philox4x32`](crate::random::philox4x32) of a counter in each lane, with one key.
#[inline(always)]
pub fn philox4x32<L: Lanes>(l: L, key: [u32; 2], counter: [L::I; 4]) -> [L::I; 4] {
    let ([mut k0, mut k1], [mut c0, mut c1, mut c2, mut c3]) = (key, counter);
    let (m0, m1) = (l.splat_int(MULTIPLIERS[0] as i32), l.splat_int(MULTIPLIERS[1] as i32));
    for _ in 0..ROUNDS {
        let (high0, low0) = (l.mul_high(c0, m0), l.mul_low(c0, m0));
        let (high1, low1) = (l.mul_high(c2, m1), l.mul_low(c2, m1));
        c0 = l.xor_int(l.xor_int(high1, c1), l.splat_int(k0 as i32));
        c2 = l.xor_int(l.xor_int(high0, c3), l.splat_int(k1 as i32));
        (c1, c3) = (low1, low0);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::lanes::{Isa, Kernel};
    use crate::random;

    struct Words([u32; 2], [[u32; 16]; 4]);

    impl Kernel for Words {
        type Output = [[u32; 16]; 4];
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) -> Self::Output {
            let Words(key, counters) = self;
            let mut words = [[0u32; 16]; 4];
            for lane in (0..16).step_by(L::WIDTH) {
                let counter = counters.map(|counter| l.to_bits(l.read(&counter.map(f32::from_bits)[lane..])));
                for (words, made) in words.iter_mut().zip(philox4x32(l, key, counter)) {
                    let mut values = [0.0; 16];
                    l.write(&mut values[..L::WIDTH], l.with_bits(made));
                    words[lane..lane + L::WIDTH].copy_from_slice(&values.map(f32::to_bits)[..L::WIDTH]);
                }
            }
            words
        }
    }

    #[test]
    fn the_words_of_the_generator() {
        let counters = [7, 1, u32::MAX - 3, 0].map(|first| std::array::from_fn(|i| (i as u32).wrapping_add(first)));
        for &isa in Isa::available() {
            for key in [[0, 0], [u32::MAX, 5]] {
                let words = isa.run(Words(key, counters));
                for lane in 0..16 {
                    let expected = random::philox4x32(key, counters.map(|counter| counter[lane]));
                    assert_eq!(words.map(|words| words[lane]), expected, "{isa}, lane {lane}");
                }
            }
        }
    }
}
