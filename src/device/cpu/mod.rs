//! The CPU as a device: SIMD lanes chosen at run time, vector functions, the packed matrix product, chunked threads.

pub mod lanes;
mod launch;
mod memory;
pub mod scratch;
mod stub;
pub mod threads;

pub use lanes::Isa;
pub(super) use launch::Cpu;
pub use launch::Launch;
pub(super) use memory::Words;
pub use stub::{Epilogue, View, elementary, matrix, vector};
pub use threads::Threads;
