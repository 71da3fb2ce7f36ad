//! Kernels that change weights and have no gradient: the optimizer's one pass over the flat parameters.

mod adam;
mod moving_average;
mod square_norms;

pub use adam::{AdamArguments, adam};
pub use moving_average::moving_average;
pub use square_norms::square_norms;

use crate::device::Kernel;

/// All kernels of this kind.
pub static KERNELS: &[&Kernel] = &[&adam::KERNEL, &moving_average::KERNEL, &square_norms::KERNEL];
