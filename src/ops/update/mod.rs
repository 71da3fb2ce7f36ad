//! Kernels that change weights and have no gradient: the optimizers' passes over the flat parameters.

mod adam;
mod clipping;
mod moving_average;
mod muon;
mod square_norms;

pub use adam::{AdamArguments, adam};
pub use clipping::{ClippingArguments, clipping};
pub use moving_average::moving_average;
pub use muon::{MuonArguments, muon};
pub use square_norms::square_norms;

use crate::device::Kernel;

/// All kernels of this kind.
pub static KERNELS: &[&Kernel] =
    &[&adam::KERNEL, &clipping::KERNEL, &moving_average::KERNEL, &muon::KERNEL, &square_norms::KERNEL];
