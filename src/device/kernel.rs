//! A kernel: one launchable function, under one name on every device.

use super::{cpu, gpu};
use crate::error::Result;

/// A launchable function. The name is that of the operation's file: `coupling_affine` or `coupling_affine_backward`.
pub struct Kernel {
    /// The name, the same on every device.
    pub name: &'static str,
    /// The function on the CPU.
    pub cpu: fn(&mut cpu::Launch<'_>),
    /// Which programs run on a GPU, and on how much.
    pub gpu: fn(&gpu::Launch<'_>) -> Result<()>,
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "kernel {}", self.name)
    }
}
