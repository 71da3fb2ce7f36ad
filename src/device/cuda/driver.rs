//! What is asked of a driver.

use crate::device::Description;
use crate::device::gpu::Program;
use crate::error::Result;

/// A part of the memory of a GPU that a program is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operand {
    /// Where it starts; null if it is empty.
    pub address: u64,
    /// Its size.
    pub words: usize,
    /// Whether the program may write there; else it only reads.
    pub written: bool,
}

/// A program to run, in [`GROUP`](crate::device::gpu::GROUP) threads in each of a number of groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// What runs.
    pub program: Program,
    /// Number of groups.
    pub groups: usize,
    /// The block of arguments.
    pub arguments: Vec<u32>,
    /// What it reads and writes.
    pub operands: Vec<Operand>,
}

/// Memory and launches of a GPU. Calls take effect one after the other.
pub trait Driver: Send + Sync {
    /// What the GPU is.
    fn describe(&self) -> Description;

    /// Memory of a number of bytes; its address is a multiple of 256.
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Gives memory back when all that was started before is done.
    fn free(&self, address: u64);

    /// Copies from the host. The bytes may change as soon as the call returns.
    fn upload(&self, bytes: &[u8], to: u64) -> Result<()>;

    /// Copies to the host and waits until that is done.
    fn download(&self, from: u64, bytes: &mut [u8]) -> Result<()>;

    /// Copies within the memory of the GPU.
    fn copy(&self, from: u64, to: u64, bytes: usize) -> Result<()>;

    /// Starts programs, each after the one before is done. A training step comes as one call, with the programs of the step
    /// before.
    fn run(&self, launches: &[Launch]) -> Result<()>;

    /// Waits until everything is done.
    fn synchronise(&self) -> Result<()>;
}
