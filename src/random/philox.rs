//! Philox 4×32 with ten rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
//!
//! A number is a pure function of a key and a counter: the same on every device, whatever the number of threads and
//! whatever was drawn before. A [`Key`] names what the numbers are for; a [`Stream`] walks through them with the traits
//! of the crate `rand`, so that every distribution of `rand_distr` works on it.

use std::convert::Infallible;

use rand::TryRng;

/// The constants of a round.
pub const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// What is added to the key from round to round.
pub const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
/// The number of rounds.
pub const ROUNDS: usize = 10;

/// Four 32-bit words from a 64-bit key and a 128-bit counter.
pub fn philox4x32(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    let [mut k0, mut k1] = key;
    let [mut c0, mut c1, mut c2, mut c3] = counter;
    for _ in 0..ROUNDS {
        let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0);
        let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2);
        (c0, c1, c2, c3) = ((p1 >> 32) as u32 ^ c1 ^ k0, p1 as u32, (p0 >> 32) as u32 ^ c3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// [`philox4x32`] of several counters with one key: word `w` of counter `i` stands at `[w][i]`.
#[inline(always)]
pub fn philox4x32_many<const N: usize>(key: [u32; 2], counters: [[u32; N]; 4]) -> [[u32; N]; 4] {
    let [mut k0, mut k1] = key;
    let [mut c0, mut c1, mut c2, mut c3] = counters;
    for _ in 0..ROUNDS {
        for i in 0..N {
            let p0 = u64::from(MULTIPLIERS[0]) * u64::from(c0[i]);
            let p1 = u64::from(MULTIPLIERS[1]) * u64::from(c2[i]);
            c0[i] = (p1 >> 32) as u32 ^ c1[i] ^ k0;
            c2[i] = (p0 >> 32) as u32 ^ c3[i] ^ k1;
            c1[i] = p1 as u32;
            c3[i] = p0 as u32;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [c0, c1, c2, c3]
}

/// The name of a family of random numbers: a seed, and the path of purposes and indices below it.
///
/// `Key::new(7).fork("simulate").at(12)` is the stream of the thirteenth simulation under seed 7. Forking by a different
/// text or index gives an unrelated stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    words: [u32; 2],
}

impl Key {
    /// The root key of a seed.
    pub fn new(seed: u64) -> Self {
        Key { words: [seed as u32, (seed >> 32) as u32] }.mix([0x5eed, 0, 0, 0])
    }

    /// The key for a purpose, such as `"simulate"`, `"dropout"` or the name of a parameter.
    pub fn fork(self, purpose: &str) -> Self {
        purpose.as_bytes().chunks(8).fold(self.mix([1, purpose.len() as u32, 0, 0]), |key, chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let word = u64::from_le_bytes(bytes);
            key.mix([2, word as u32, (word >> 32) as u32, 0])
        })
    }

    /// The key of an index: a data set, a draw, a step.
    pub fn at(self, index: u64) -> Self {
        self.mix([3, index as u32, (index >> 32) as u32, 0])
    }

    /// The two words that kernels take.
    pub fn words(self) -> [u32; 2] {
        self.words
    }

    /// A generator that walks through the numbers of this key from the beginning.
    pub fn stream(self) -> Stream {
        Stream { key: self, block: 0, words: [0; 4], used: 4 }
    }

    fn mix(self, counter: [u32; 4]) -> Self {
        let [a, b, ..] = philox4x32(self.words, counter);
        Key { words: [a, b] }
    }
}

/// A sequential generator over the numbers of one [`Key`]; implements the traits of `rand`.
#[derive(Debug, Clone)]
pub struct Stream {
    key: Key,
    block: u64,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The key this generator walks through.
    pub fn key(&self) -> Key {
        self.key
    }

    fn word(&mut self) -> u32 {
        if self.used == 4 {
            // The last counter word is non-zero: key derivation uses counters with zero there.
            self.words = philox4x32(self.key.words, [self.block as u32, (self.block >> 32) as u32, 0, 1]);
            self.block += 1;
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let low = self.word();
        Ok(u64::from(low) | u64::from(self.word()) << 32)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for chunk in out.chunks_mut(4) {
            chunk.copy_from_slice(&self.word().to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Known answers of the reference implementation (Random123, kat_vectors).
    #[test]
    fn known_answers() {
        assert_eq!(philox4x32([0; 2], [0; 4]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(philox4x32([u32::MAX; 2], [u32::MAX; 4]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
        assert_eq!(
            philox4x32([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn keys_name_unrelated_streams() {
        let root = Key::new(1);
        let keys = [
            root,
            root.fork("a"),
            root.fork("b"),
            root.fork("ab"),
            root.at(0),
            root.at(1),
            Key::new(2),
            root.fork("a").at(0),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|b| a != b && a.stream().random::<u64>() != b.stream().random::<u64>()));
        }
    }

    #[test]
    fn moments_of_normal_draws() {
        let mut stream = Key::new(3).stream();
        let draws: Vec<f64> = (0..100_000).map(|_| StandardNormal.sample(&mut stream)).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.015 && (variance - 1.0).abs() < 0.02, "mean {mean}, variance {variance}");
    }
}
