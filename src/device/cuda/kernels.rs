//! The programs of CUDA devices.

use crate::device::sources::{Sources, sources};

/// The files of `kernels/`.
pub(super) static KERNELS: Sources = sources!("kernels", "ptx", "common/product_tensor", "fused_flow_shared");
