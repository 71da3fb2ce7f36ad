//! What the machine can do: multiply-adds in registers, the matrix product, copies.

use super::BenchOptions;
use super::clock::measure;
use super::flows::normal;
use super::row::{Row, Subject};
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

/// Measures them; the rates of copies count bytes read and written, in `note`.
pub fn ceilings(options: &BenchOptions, take: &mut dyn FnMut(Row) -> Result<()>) -> Result<()> {
    let device = options.device()?;
    let (isa, threads) = (Isa::default(), Threads::new(options.threads)?);
    let subject = |phase, batch, flops| Subject {
        device: &device,
        workload: "ceiling",
        threads: options.threads,
        phase,
        batch,
        variant: "default",
        params: 0,
        flops,
    };
    const ROUNDS: usize = 100_000;
    let times = measure(options.budget, &mut || {
        threads.run(options.threads, &|_| {
            std::hint::black_box(isa.run(Chains(std::hint::black_box(ROUNDS))));
        });
        Ok(())
    })?;
    take(Row::new(&subject("fma-f32", 12, 2 * 12 * isa.width() * ROUNDS * options.threads), &times))?;
    for (m, k, n) in [(256, 256, 256), (1024, 1024, 1024), (256, 128, 128), (16384, 128, 128)] {
        let (a, b) = (normal(m * k, Key::new(1)), normal(k * n, Key::new(2)));
        let mut c = vec![0.0; m * n];
        let times = measure(options.budget, &mut || {
            let (a, b) = (View::row_major(&a, m, k)?, View::row_major(&b, k, n)?);
            product(isa, &threads, a, b, Output::row_major(&mut c, m, n)?, Epilogue::default())
        })?;
        let phase = if k == n && m == k { "matmul-f32" } else { "matmul-f32-bx128x128" };
        take(Row::new(&subject(phase, m, 2 * m * k * n), &times))?;
    }
    for mib in [1, 256] {
        let length = mib << 18;
        let (from, mut to) = (vec![1.0f32; length], vec![0.0f32; length]);
        let times = measure(options.budget, &mut || {
            threads.for_each_chunk(&mut to, length.div_ceil(options.threads), |index, to| {
                let start = index * length.div_ceil(options.threads);
                to.copy_from_slice(&from[start..start + to.len()]);
            });
            Ok(())
        })?;
        let mut row = Row::new(&subject(if mib == 1 { "copy-1MiB" } else { "copy-256MiB" }, length, 0), &times);
        row.note = row.min_s.map(|seconds| format!("{:.1} GB/s", 8.0 * length as f64 / seconds / 1e9));
        take(row)?;
    }
    Ok(())
}
