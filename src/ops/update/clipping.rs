//! The norm of all gradients, and what the gradients of each segment are multiplied by before a step:
//!
//! ```text
//! ‖g‖ = √Σ_i s[i];   clip[i] = 1,  L / max(‖g‖, L)  or  L / max(√s[i], L)
//! ```
//!
//! from the sums of squares `s` of the segments ([`square_norms`](super::square_norms)) and a limit `L`. The loss and the norm are
//! left in a row of a table that the host reads when it likes. Where one of them is not finite every factor is NaN: that step is not
//! taken.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::gpu::{self, Program};
use crate::error::Result;
use crate::tensor::Tensor;

pub(super) static KERNEL: Kernel = Kernel { name: "clipping", cpu, gpu };

/// How gradients are limited, by its number.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct ClippingArguments {
    /// 0 for not at all, 1 for all together, 2 for each segment on its own.
    pub kind: u32,
    /// `L`.
    pub limit: f32,
    /// The row of the table.
    pub slot: u32,
}

/// Writes the factors of all segments to `clip`, and the loss and the norm to a row of `reports` `[rows, 2]`.
pub fn clipping(
    arguments: ClippingArguments,
    sums: &Tensor,
    loss: &Tensor,
    clip: &Tensor,
    reports: &Tensor,
) -> Result<()> {
    let inputs = [sums.slice(), loss.slice()];
    sums.device().launch(&KERNEL, &arguments, &inputs, &[clip.slice(), reports.slice()])
}

fn cpu(launch: &mut Launch) {
    let ClippingArguments { kind, limit, slot } = launch.arguments();
    let (sums, loss, clip, reports) = (launch.input(0), launch.input(1)[0], launch.output(0), launch.output(1));
    let norm = sums.iter().map(|&s| f64::from(s)).sum::<f64>().sqrt();
    let limit = f64::from(limit);
    let factor = |norm: f64| (limit / norm.max(limit)) as f32;
    for (factor_of, &sum) in clip.iter_mut().zip(sums) {
        *factor_of = match kind {
            _ if !norm.is_finite() || !loss.is_finite() => f32::NAN,
            0 => 1.0,
            1 => factor(norm),
            _ => factor(f64::from(sum).sqrt()),
        };
    }
    let row = 2 * slot as usize;
    reports[row..row + 2].copy_from_slice(&[loss, norm as f32]);
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    launch.run(Program::new("clipping", "forward"), &[launch.inputs[0].words() as u32], 1)
}
