//! The CPU as a device: SIMD lanes chosen at run time, vector functions, the packed matrix product, chunked threads.

mod launch;
mod memory;
mod stub;

pub(super) use launch::Cpu;
pub use launch::Launch;
pub(super) use memory::Words;
pub use stub::{Epilogue, Isa, Threads, View, matrix, vector};
