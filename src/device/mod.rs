//! Floor 2: devices own memory and run kernels; they know no gradient, no layer and no name of a network.
//!
//! A [`Device`] is chosen at run time and shared by cloning. Memory comes from a pool: what is dropped is kept and given
//! out again, so that a loop whose largest step was seen takes nothing more from the system. A [`Kernel`] is launched
//! with one plain block of arguments, slices to read and slices to write; the block is the same on every device.

mod buffer;
pub mod cpu;
mod kernel;

use std::sync::Arc;

pub use buffer::{Buffer, Slice};
use buffer::{Memory, Pool};
use cpu::{Cpu, Isa};
pub use kernel::Kernel;

use crate::error::{Error, Result};

/// A device: where tensors live and kernels run. Cloning gives another handle to the same device.
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Cpu,
    pool: Arc<Pool>,
}

/// What a device is, for people: `ferroflow devices` prints it.
#[derive(Debug, Clone)]
pub struct Description {
    /// How the device is chosen on the command line: `cpu`.
    pub name: String,
    /// The hardware as it names itself.
    pub hardware: String,
    /// Instruction set or driver that runs the kernels.
    pub kernels: String,
    /// Number of threads that kernels use.
    pub threads: usize,
}

impl Device {
    /// The CPU with one thread and the widest instruction set it has. Starts no thread.
    pub fn cpu() -> Self {
        Device::from_backend(Cpu::single())
    }

    /// The CPU with a number of threads, this one included. Results do not depend on the number.
    pub fn cpu_with_threads(threads: usize) -> Result<Self> {
        Ok(Device::from_backend(Cpu::new(threads, Isa::default())?))
    }

    /// The CPU with a number of threads and an instruction set of one's choice, for tests and comparisons.
    pub fn cpu_with(threads: usize, isa: Isa) -> Result<Self> {
        Ok(Device::from_backend(Cpu::new(threads, isa)?))
    }

    /// The device of a name as the command line takes it: `cpu`.
    pub fn named(name: &str, threads: usize) -> Result<Self> {
        match name {
            "cpu" => Device::cpu_with_threads(threads),
            _ => Err(Error::argument(
                "device",
                format!(
                    "'{name}' is not a device of this build; choose one that `ferroflow devices` lists, such as cpu"
                ),
            )),
        }
    }

    fn from_backend(backend: Cpu) -> Self {
        Device { inner: Arc::new(Inner { backend, pool: Arc::default() }) }
    }

    /// What this device is.
    pub fn describe(&self) -> Description {
        self.inner.backend.describe()
    }

    /// Memory for `words` 32-bit words. The contents are whatever was there before.
    pub fn allocate(&self, words: usize) -> Result<Buffer> {
        self.inner.pool.take(words, |words| Ok(Memory::Cpu(cpu::Words::new(words)?)))
    }

    /// Bytes taken from the system so far, in use or waiting in the pool.
    pub fn allocated_bytes(&self) -> usize {
        self.inner.pool.allocated_bytes()
    }

    /// Copies words from the host into a slice of device memory of the same length.
    pub fn upload(&self, words: &[u32], to: Slice) -> Result<()> {
        to.expect_length("upload", words.len())?;
        self.inner.backend.upload(words, to)
    }

    /// Copies a slice of device memory to the host; waits until it is complete.
    pub fn download(&self, from: Slice, words: &mut [u32]) -> Result<()> {
        from.expect_length("download", words.len())?;
        self.inner.backend.download(from, words)
    }

    /// Sets every word of a slice.
    pub fn fill(&self, to: Slice, word: u32) -> Result<()> {
        self.inner.backend.fill(to, word)
    }

    /// Copies between slices of equal length on the device; they must not overlap.
    pub fn copy(&self, from: Slice, to: Slice) -> Result<()> {
        to.expect_length("copy", from.words())?;
        self.inner.backend.copy(from, to)
    }

    /// Runs a kernel. `inputs` are read, `outputs` are written (or read and written, as the kernel says). An output must
    /// not overlap any other slice of the launch.
    pub fn launch<A: bytemuck::Pod>(
        &self,
        kernel: &'static Kernel,
        arguments: &A,
        inputs: &[Slice],
        outputs: &[Slice],
    ) -> Result<()> {
        self.inner.backend.launch(kernel, bytemuck::bytes_of(arguments), inputs, outputs)
    }

    /// True when both handles mean the same device.
    pub fn same_as(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let d = self.describe();
        write!(f, "{} ({}, {}, {} threads)", d.name, d.hardware, d.kernels, d.threads)
    }
}
