//! Copies or adds one tensor to another: how gradients that need no computation reach their sink.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::ops::operation::Sink;
use crate::tensor::Tensor;

/// `to = from`, or `to += from`.
pub(super) static KERNEL: Kernel = Kernel { name: "accumulate", cpu, gpu };

/// Elements per chunk of work.
const CHUNK: usize = 16384;

/// Writes or adds a tensor to a sink with as many elements.
pub fn accumulate(from: &Tensor, sink: Sink) -> Result<()> {
    from.device().launch(&KERNEL, &sink.flag(), &[from.slice()], &[sink.tensor.slice()])
}

fn cpu(launch: &mut Launch) {
    let (add, from, to): (u32, _, _) = (launch.arguments(), launch.input(0), launch.output(0));
    launch.threads.for_each_chunk(to, CHUNK, |index, to| {
        let from = &from[index * CHUNK..][..to.len()];
        match add {
            1 => to.iter_mut().zip(from).for_each(|(to, from)| *to += from),
            _ => to.copy_from_slice(from),
        }
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let n = launch.outputs[0].words();
    launch.run(Program::new("accumulate", "forward"), &[n as u32], groups_for(n))
}
