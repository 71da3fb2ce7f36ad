//! The CPU as a device: SIMD lanes chosen at run time, vector functions, the packed matrix product, chunked threads.

pub mod lanes;
mod launch;
pub mod matrix;
mod memory;
pub mod scratch;
mod share;
pub mod threads;
pub mod vector;

pub use lanes::Isa;
pub(super) use launch::Cpu;
pub use launch::Launch;
pub(super) use memory::Words;
pub use threads::Threads;
