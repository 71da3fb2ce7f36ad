//! Sum of squares of each segment of a flat tensor: `s[i] = Σ_{j in segment i} x[j]²`.
//!
//! Segment `i` is `offsets[i] .. offsets[i + 1]`; gaps between weights hold zeros. Squares are added in sixteen interleaved
//! partial sums per segment, then pairwise, so that the result depends on nothing but the segment.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program};
use crate::error::Result;
use crate::tensor::Tensor;

pub(super) static KERNEL: Kernel = Kernel { name: "square_norms", cpu, gpu };

/// Interleaved partial sums.
const PARTIAL: usize = 16;

/// Writes the sum of squares of each segment of `flat` to `sums`; `offsets` has one more element than `sums`.
pub fn square_norms(flat: &Tensor, offsets: &Tensor, sums: &Tensor) -> Result<()> {
    flat.device().launch(&KERNEL, &0u32, &[flat.slice(), offsets.slice()], &[sums.slice()])
}

fn cpu(launch: &mut Launch) {
    let (x, offsets, sums) = (launch.input(0), launch.indices(1), launch.output(0));
    launch.threads.for_each_chunk(sums, 1, |segment, sum| {
        let x = &x[offsets[segment] as usize..offsets[segment + 1] as usize];
        let mut partial = [0.0f32; PARTIAL];
        let chunks = x.chunks_exact(PARTIAL);
        let rest: f32 = chunks.remainder().iter().map(|x| x * x).sum();
        for chunk in chunks {
            partial.iter_mut().zip(chunk).for_each(|(p, x)| *p += x * x);
        }
        let mut width = PARTIAL;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                partial[i] += partial[i + width];
            }
        }
        sum[0] = partial[0] + rest;
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let segments = launch.outputs[0].words();
    launch.run(Program::new("square_norms", "forward"), &[segments as u32], segments)
}
