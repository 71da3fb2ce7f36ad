//! One step of Adam or AdamW over all weights (Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019,
//! arXiv:1711.05101), in one pass:
//!
//! ```text
//! g ← clip · g;   θ ← θ − decay · θ
//! m ← m + (1 − β₁)(g − m);   v ← v + (1 − β₂)(g² − v);   θ ← θ − α m / (√v + ε)
//! ```
//!
//! `α = lr √(1 − β₂ᵗ) / (1 − β₁ᵗ)` comes from the host, `decay = lr · weight decay` too; `clip` is one number per segment.

use crate::device::Kernel;
use crate::device::cpu::Launch;
use crate::device::cpu::lanes::{self, Lanes};
use crate::device::gpu::{self, Program, groups_for};
use crate::error::Result;
use crate::tensor::Tensor;

pub(super) static KERNEL: Kernel = Kernel { name: "adam", cpu, gpu };

/// The numbers of one step.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct AdamArguments {
    /// `α`.
    pub rate: f32,
    /// `1 − β₁`.
    pub first: f32,
    /// `1 − β₂`.
    pub second: f32,
    /// `ε`.
    pub epsilon: f32,
    /// Learning rate times weight decay.
    pub decay: f32,
}

/// Updates the weights and both moments. `offsets` are the starts of the segments that `clip` belongs to; segments that
/// `others` marks by 1, or whose `clip` is NaN, are left alone.
pub fn adam(
    arguments: AdamArguments,
    gradients: &Tensor,
    offsets: &Tensor,
    [clip, others]: [&Tensor; 2],
    [weights, first, second]: [&Tensor; 3],
) -> Result<()> {
    let inputs = [gradients.slice(), offsets.slice(), clip.slice(), others.slice()];
    gradients.device().launch(&KERNEL, &arguments, &inputs, &[weights.slice(), first.slice(), second.slice()])
}

/// A segment; a plain loop, which the compiler turns into the vectors of the instruction set.
struct Segment<'a> {
    arguments: AdamArguments,
    clip: f32,
    gradients: &'a [f32],
    weights: &'a mut [f32],
    m: &'a mut [f32],
    v: &'a mut [f32],
}

impl lanes::Kernel for Segment<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let AdamArguments { rate, first, second, epsilon, decay } = self.arguments;
        let moments = self.m.iter_mut().zip(self.v);
        for ((w, &g), (m, v)) in self.weights.iter_mut().zip(self.gradients).zip(moments) {
            let g = self.clip * g;
            *m += first * (g - *m);
            *v += second * (g * g - *v);
            *w -= decay * *w;
            *w -= rate * *m / (v.sqrt() + epsilon);
        }
    }
}

fn cpu(launch: &mut Launch) {
    let (arguments, isa) = (launch.arguments(), launch.isa);
    let (gradients, offsets, clip, others) = (launch.input(0), launch.indices(1), launch.input(2), launch.indices(3));
    let outputs = [launch.output(0), launch.output(1), launch.output(2)];
    let range = |segment: usize| offsets[segment] as usize..offsets[segment + 1] as usize;
    launch.threads.for_each_range(clip.len(), range, outputs, 0, |segment, [weights, m, v], _| {
        if others[segment] == 0 && !clip[segment].is_nan() {
            let (clip, gradients) = (clip[segment], &gradients[range(segment)]);
            isa.run(Segment { arguments, clip, gradients, weights, m, v });
        }
    });
}

fn gpu(launch: &gpu::Launch) -> Result<()> {
    let (segments, n) = (launch.inputs[2].words(), launch.outputs[0].words());
    let groups = if segments == 0 { 0 } else { groups_for(n) };
    launch.run(Program::new("adam", "forward"), &[segments as u32, n as u32], groups)
}
