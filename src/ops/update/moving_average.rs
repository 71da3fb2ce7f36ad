//! Exponential moving average: `a ← a + share · (x − a)`.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::tensor::Tensor;

pub(super) static KERNEL: Kernel = Kernel { name: "moving_average", cpu, gpu };

/// Elements per chunk of work.
const CHUNK: usize = 16384;

/// Moves `average` towards `x` by a share between 0 (stay) and 1 (become `x`).
pub fn moving_average(share: f32, x: &Tensor, average: &Tensor) -> Result<()> {
    x.device().launch(&KERNEL, &share, &[x.slice()], &[average.slice()])
}

fn cpu(launch: &mut Launch) {
    let (share, x, average): (f32, _, _) = (launch.arguments(), launch.input(0), launch.output(0));
    launch.threads.for_each_chunk(average, CHUNK, |index, average| {
        let x = &x[index * CHUNK..][..average.len()];
        average.iter_mut().zip(x).for_each(|(a, x)| *a += share * (x - *a));
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("moving_average", "forward"), &[n as u32], groups_for(n))
}
