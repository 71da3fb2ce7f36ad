//! What the machine can do: multiply-adds in registers, the matrix product, copies.

use super::BenchOptions;
use super::clock::{Work, measure};
use super::flows::normal;
use super::row::{Row, Subject};
use super::traffic::Traffic;
use crate::device::Device;
use crate::device::cpu::lanes::{Isa, Kernel, Lanes};
use crate::device::cpu::matrix::{Epilogue, Output, View, product};
use crate::device::cpu::threads::Threads;
use crate::error::Result;
use crate::random::Key;

/// Rounds of twelve independent chains of fused multiply-adds, which is what two units with a latency of four to six cycles
/// need: `24 · width · rounds` operations in registers.
pub struct Chains(pub usize);

impl Kernel for Chains {
    type Output = f32;
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> f32 {
        let mut sums = [l.splat(1.0); 12];
        let (a, b) = (l.splat(0.999_999), l.splat(1e-7));
        for _ in 0..self.0 {
            for sum in &mut sums {
                *sum = l.fma(*sum, a, b);
            }
        }
        sums.iter().fold(0.0, |total, &sum| total + l.sum(sum))
    }
}

/// The phase that measures the peak.
pub(super) const PEAK: &str = "fma-f32";
const ROUNDS: usize = 100_000;

/// Measures them for each number of threads; the rates of copies count bytes read and written, in `note`.
pub fn ceilings(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    options.threads.iter().try_for_each(|&threads| with_threads(threads, options, take))
}

/// The peak of multiply-adds alone, whatever phases were asked for.
pub fn peak_of_multiply_adds(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    ceilings(&BenchOptions { only: vec![PEAK.to_string()], budget: 0.3, ..options.clone() }, take)
}

fn with_threads(count: usize, options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let device = Device::cpu_with_threads(count)?;
    let (isa, threads) = (Isa::default(), Threads::new(count)?);
    let mut phase = |phase, batch, flops, bytes, work: Work| -> Result<()> {
        if !options.wants(phase, batch) {
            return Ok(());
        }
        let (workload, variant) = ("ceiling", "default");
        let subject = Subject { device: &device, workload, phase, batch, variant, params: 0, flops, bytes };
        for times in measure(options.budget, &mut [work])? {
            let mut row = Row::new(&subject, count, &times);
            row.note = row
                .min_s
                .filter(|_| bytes > 0 && flops == 0)
                .map(|seconds| format!("{:.1} GB/s", bytes as f64 / seconds / 1e9));
            take(row)?;
        }
        Ok(())
    };
    let flops = 2 * 12 * isa.width() * ROUNDS * count;
    let chains = || {
        threads.run(count, &|_| {
            std::hint::black_box(isa.run(Chains(std::hint::black_box(ROUNDS))));
        });
        Ok(())
    };
    phase(PEAK, 12, flops, 0, Box::new(chains))?;
    for (m, k, n) in [(256, 256, 256), (1024, 1024, 1024), (256, 128, 128), (16384, 128, 128)] {
        let (a, b) = (normal(m * k, Key::new(1)), normal(k * n, Key::new(2)));
        let mut c = vec![0.0; m * n];
        let multiply = || {
            let (a, b) = (View::row_major(&a, m, k)?, View::row_major(&b, k, n)?);
            product(isa, &threads, a, b, Output::row_major(&mut c, m, n)?, Epilogue::default())
        };
        let name = if k == n && m == k { "matmul-f32" } else { "matmul-f32-bx128x128" };
        let bytes = Traffic { weights: k * n, inputs: m * k, outputs: m * n }.forward();
        phase(name, m, 2 * m * k * n, bytes, Box::new(multiply))?;
    }
    for (name, mib) in [("copy-1MiB", 1), ("copy-256MiB", 256)] {
        let length = mib << 18;
        if !options.wants(name, length) {
            continue;
        }
        let (from, mut to) = (vec![1.0f32; length], vec![0.0f32; length]);
        let copy = || {
            threads.for_each_chunk(&mut to, length.div_ceil(count), |index, to| {
                let start = index * length.div_ceil(count);
                to.copy_from_slice(&from[start..start + to.len()]);
            });
            Ok(())
        };
        phase(name, length, 0, 8 * length, Box::new(copy))?;
    }
    Ok(())
}
