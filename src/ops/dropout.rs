//! Inverted dropout (Srivastava et al. 2014): `y = x / (1 − p)` with probability `1 − p`, else 0.
//!
//! Whether element `i` is kept is a pure function of the key, so that backward, `dx = dy / (1 − p)` or 0, makes the same mask
//! again and every device the same decisions: with `w` the word `i mod 4` of Philox 4×32 for the counter
//! `[⌊i/4⌋ low, ⌊i/4⌋ high, 0, 2]`, the element is kept if `w ≥ ⌊p 2³²⌋`. A dropped element is 0 even if it was NaN.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::ops::operation::{Attributes, Backward, Forward, Keeps, Operation, Products, Row, Spec};
use crate::ops::reference::{Array64, Case, Input};
use crate::random::{Key, philox4x32, philox4x32_many};

/// Elements per chunk of work; a multiple of what is worked on together.
const CHUNK: usize = 4096;

/// The operation `dropout`.
pub struct Dropout;

/// Which share is dropped, and by which random numbers.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct Drops {
    /// Words below are dropped.
    pub(super) threshold: u32,
    /// `1 / (1 − p)`.
    pub(super) scale: f32,
    /// The words of the Philox key.
    pub(super) key: [u32; 2],
}

impl Drops {
    /// For a probability below 1, which callers have checked.
    pub(super) fn new(probability: f64, key: Key) -> Self {
        let threshold = (probability.clamp(0.0, 1.0) * 4_294_967_296.0) as u32;
        Drops { threshold, scale: (1.0 / (1.0 - probability)) as f32, key: key.words() }
    }

    /// Nothing is dropped.
    pub(super) const NONE: Drops = Drops { threshold: 0, scale: 1.0, key: [0; 2] };
}

#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Arguments {
    drops: Drops,
    /// 1 when the kernel adds to its output.
    accumulate: u32,
}

static KERNEL: Kernel = Kernel { name: "dropout", cpu, gpu };
static ROW: Row = Row {
    name: "dropout",
    formula: "y = x m / (1 - p), m random of 0 and 1",
    keeps: Keeps::NOTHING,
    kernels: &[&KERNEL],
};

impl Dropout {
    /// The attributes of a probability in `[0, 1)` and a key.
    pub fn attributes(probability: f64, key: Key) -> Attributes {
        Attributes::new(Arguments { drops: Drops::new(probability, key), accumulate: 0 })
    }
}

impl Operation for Dropout {
    fn row(&self) -> &'static Row {
        &ROW
    }

    fn infer(&self, inputs: &[Spec], _: &Attributes) -> Result<Products> {
        Ok(Products::one(inputs[0].shape))
    }

    fn forward(&self, call: &Forward) -> Result<()> {
        let arguments: Arguments = call.attributes.get();
        call.device.launch(&KERNEL, &arguments, &[call.inputs[0].slice()], &[call.products[0].slice()])
    }

    fn backward(&self, call: &Backward) -> Result<()> {
        let Some(sink) = call.sink(0) else { return Ok(()) };
        let arguments = Arguments { accumulate: sink.flag(), ..call.attributes.get() };
        call.device.launch(&KERNEL, &arguments, &[call.gradient()?.slice()], &[sink.tensor.slice()])
    }

    fn reference(&self, inputs: &[Array64], attributes: &Attributes) -> Vec<Array64> {
        let Arguments { drops, .. } = attributes.get();
        let kept = |i: usize| words(&drops, i / 4)[i % 4] >= drops.threshold;
        let share = 1.0 - f64::from(drops.threshold) / 4_294_967_296.0;
        let f = |(i, x): (usize, &f64)| if kept(i) { x / share } else { 0.0 };
        vec![Array64::new(inputs[0].shape, inputs[0].values.iter().enumerate().map(f).collect())]
    }

    fn cases(&self) -> Vec<Case> {
        let case = |n: usize, p: f64| {
            let attributes = Dropout::attributes(p, Key::new(1).at(n as u64));
            Case::new(format!("{p} of {n}"), vec![Input::real([n])], attributes)
        };
        vec![case(0, 0.5), case(1, 0.5), case(7, 0.3), case(9, 0.0), case(33_001, 0.05), case(4097, 0.9)]
    }
}

/// The random words of the elements `4 block .. 4 block + 4`.
fn words(drops: &Drops, block: usize) -> [u32; 4] {
    philox4x32(drops.key, [block as u32, (block as u64 >> 32) as u32, 0, 2])
}

/// Counters whose words are made together, one in each lane.
const TOGETHER: usize = 16;

/// The words of the blocks `first .. first + TOGETHER`: word `w` of block `b` at `[w][b]`.
#[inline(always)]
fn many_words(key: [u32; 2], first: u64) -> [[u32; TOGETHER]; 4] {
    let low = std::array::from_fn(|block| first.wrapping_add(block as u64) as u32);
    let high = std::array::from_fn(|block| (first.wrapping_add(block as u64) >> 32) as u32);
    philox4x32_many(key, [low, high, [0; TOGETHER], [2; TOGETHER]])
}

/// A chunk of elements; plain loops, which the compiler turns into the vectors of the instruction set.
struct Elements<'a> {
    drops: Drops,
    accumulate: u32,
    /// Number of the first block of four elements.
    first: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl lanes::Kernel for Elements<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Elements { drops, accumulate, first, x, y } = self;
        for (index, (y, x)) in y.chunks_mut(4 * TOGETHER).zip(x.chunks(4 * TOGETHER)).enumerate() {
            let words = many_words(drops.key, (first + index * TOGETHER) as u64);
            let mut factors = [0.0f32; 4 * TOGETHER];
            let mut kept = [false; 4 * TOGETHER];
            for block in 0..TOGETHER {
                for word in 0..4 {
                    kept[4 * block + word] = words[word][block] >= drops.threshold;
                }
            }
            for ((factor, x), kept) in factors.iter_mut().zip(x).zip(kept) {
                *factor = if kept { x * drops.scale } else { 0.0 };
            }
            if accumulate == 1 {
                y.iter_mut().zip(factors).for_each(|(y, value)| *y += value);
            } else {
                y.iter_mut().zip(factors).for_each(|(y, value)| *y = value);
            }
        }
    }
}

fn cpu(launch: &mut Launch) {
    let Arguments { drops, accumulate } = launch.arguments();
    let (x, y, isa) = (launch.input(0), launch.output(0), launch.isa);
    launch.threads.for_each_chunk(y, CHUNK, |index, y| {
        let x = &x[index * CHUNK..][..y.len()];
        isa.run(Elements { drops, accumulate, first: index * CHUNK / 4, x, y });
    });
}

/// A thread makes the words of four elements.
fn gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("dropout", "forward"), &[n as u32], groups_for(n.div_ceil(4)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::tensor::Tensor;

    /// The words that are made together are those of the generator.
    #[test]
    fn words_made_together() {
        let drops = Drops::new(0.3, Key::new(9));
        for first in [0, 5, (1 << 32) - 3] {
            let together = many_words(drops.key, first as u64);
            for block in 0..TOGETHER {
                assert_eq!(std::array::from_fn(|word| together[word][block]), words(&drops, first + block));
            }
        }
    }

    #[test]
    fn keeps_the_announced_share_and_the_mean() {
        let device = Device::cpu();
        let tape = crate::autodiff::Tape::new(&device);
        for p in [0.05, 0.5, 0.9] {
            let ones = tape.constant(Tensor::full(&device, [100_000].into(), 1.0).unwrap());
            let y = ones.dropout(p, Key::new(5)).value().unwrap().values().unwrap();
            let share = y.iter().filter(|&&y| y == 0.0).count() as f64 / 1e5;
            let tolerance = 4.0 * (p * (1.0 - p) / 1e5f64).sqrt();
            assert!((share - p).abs() < tolerance, "{share} for {p}");
            assert!(y.iter().all(|&y| y == 0.0 || (f64::from(y) * (1.0 - p) - 1.0).abs() < 1e-6));
        }
    }

    #[test]
    fn probability_one_is_refused() {
        let device = Device::cpu();
        let tape = crate::autodiff::Tape::new(&device);
        let x = tape.values([2], &[1.0, 2.0]);
        assert!(x.dropout(1.0, Key::new(1)).value().unwrap_err().to_string().contains("below 1"));
    }
}
