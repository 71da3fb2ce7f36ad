//! Floor 2: devices own memory and run kernels; they know no gradient, no layer and no name of a network.
//!
//! A [`Device`] is chosen at run time and shared by cloning. Memory comes from a pool: what is dropped is kept and given
//! out again, so that a loop whose largest step was seen takes nothing more from the system. A [`Kernel`] is launched
//! with one plain block of arguments, slices to read and slices to write; the block is the same on every device.

mod buffer;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod gpu;
mod kernel;
#[cfg(any(test, feature = "wgpu"))]
mod shaders;
#[cfg(any(test, feature = "wgpu", feature = "cuda"))]
mod sources;
#[cfg(feature = "wgpu")]
mod wgpu;

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
    backend: Backend,
    pool: Arc<Pool>,
    precision: Precision,
}

enum Backend {
    Cpu(Cpu),
    #[cfg(feature = "wgpu")]
    Wgpu(Box<wgpu::Wgpu>),
    #[cfg(feature = "cuda")]
    Cuda(cuda::Cuda),
}

/// How products of matrices are computed. Everything else is f32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Precision {
    /// Multiply-adds of f32.
    #[default]
    F32,
    /// On tensor cores, each factor as the sum of two numbers with ten bits behind the point: as good as f32 up to a few units in
    /// the last place. CUDA only; not in fused flows.
    Tf32x3,
    /// On tensor cores, with ten bits behind the point: relative errors of a few in ten thousand. CUDA only; not in fused flows.
    Tf32,
}

impl std::str::FromStr for Precision {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "f32" => Ok(Precision::F32),
            "tf32x3" => Ok(Precision::Tf32x3),
            "tf32" => Ok(Precision::Tf32),
            _ => {
                Err(Error::argument("precision", format!("'{name}' was given; choose f32, or on cuda tf32x3 or tf32")))
            }
        }
    }
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
    /// Number of threads that kernels use; 0 on a GPU.
    pub threads: usize,
    /// What bounds the size of a problem, in words for people; empty on the CPU.
    pub limits: String,
}

impl Device {
    /// The CPU with one thread and the widest instruction set it has. Starts no thread.
    pub fn cpu() -> Self {
        Device::from_backend(Backend::Cpu(Cpu::single()))
    }

    /// The CPU with a number of threads, this one included. Results do not depend on the number.
    pub fn cpu_with_threads(threads: usize) -> Result<Self> {
        Ok(Device::from_backend(Backend::Cpu(Cpu::new(threads, Isa::default())?)))
    }

    /// The CPU with a number of threads and an instruction set of one's choice, for tests and comparisons.
    pub fn cpu_with(threads: usize, isa: Isa) -> Result<Self> {
        Ok(Device::from_backend(Backend::Cpu(Cpu::new(threads, isa)?)))
    }

    /// The GPU of a number that [`devices`] lists, through Vulkan, Metal or DirectX 12 as the system has them.
    ///
    /// # Errors
    /// There is no such GPU, or its driver does not offer what the shaders need.
    #[cfg(feature = "wgpu")]
    pub fn wgpu(index: usize) -> Result<Self> {
        Ok(Device::from_backend(Backend::Wgpu(Box::new(wgpu::Wgpu::open(index, None)?))))
    }

    /// A GPU that starts no more than so many groups at a time, for tests.
    #[cfg(feature = "wgpu")]
    pub fn wgpu_with_groups(index: usize, groups: u32) -> Result<Self> {
        Ok(Device::from_backend(Backend::Wgpu(Box::new(wgpu::Wgpu::open(index, Some(groups))?))))
    }

    /// The NVIDIA GPU of a number that [`devices`] lists, through CUDA's driver.
    ///
    /// # Errors
    /// There is no driver, or one that is too old, or no such GPU.
    #[cfg(feature = "cuda")]
    pub fn cuda(index: usize) -> Result<Self> {
        Ok(Device::cuda_with(cuda::open(index)?, None))
    }

    /// As [`cuda`](Self::cuda), with no more than so many groups at a time, for tests.
    #[cfg(feature = "cuda")]
    pub fn cuda_with_groups(index: usize, groups: usize) -> Result<Self> {
        Ok(Device::cuda_with(cuda::open(index)?, Some(groups)))
    }

    /// A GPU whose driver is given, which starts no more than so many groups at a time, for tests.
    #[cfg(feature = "cuda")]
    pub fn cuda_with(driver: Arc<dyn cuda::Driver>, groups: Option<usize>) -> Self {
        Device::from_backend(Backend::Cuda(cuda::Cuda::new(driver, groups)))
    }

    /// The device of a name as the command line takes it: `cpu`, `cuda`, `wgpu`, for the second GPU `wgpu:1`, and behind it the
    /// precision of products unless that is f32: `cuda@tf32`.
    pub fn named(name: &str, threads: usize) -> Result<Self> {
        if let Some((name, precision)) = name.split_once('@') {
            return Device::named(name, threads)?.with_precision(precision.parse()?);
        }
        let (kind, index) = name.split_once(':').unwrap_or((name, "0"));
        match (kind, index.parse::<usize>()) {
            ("cpu", _) if name == "cpu" => Device::cpu_with_threads(threads),
            #[cfg(feature = "wgpu")]
            ("wgpu", Ok(index)) => Device::wgpu(index),
            #[cfg(feature = "cuda")]
            ("cuda", Ok(index)) => Device::cuda(index),
            (kind, Ok(_)) if ["cuda", "wgpu"].contains(&kind) => Err(Error::argument(
                "device",
                format!("{kind} is not part of this build; build with `--features {kind}`, or choose cpu"),
            )),
            _ => Err(Error::argument(
                "device",
                format!(
                    "'{name}' is not a device of this build; choose one that `ferroflow devices` lists, such as cpu"
                ),
            )),
        }
    }

    fn from_backend(backend: Backend) -> Self {
        Device { inner: Arc::new(Inner { backend, pool: Arc::default(), precision: Precision::F32 }) }
    }

    /// The same device with products of another precision; to be chosen before anything lies on it.
    ///
    /// # Errors
    /// The device has only f32, or is in use.
    pub fn with_precision(self, precision: Precision) -> Result<Self> {
        let name = self.describe().name;
        if precision != Precision::F32 && !self.is_cuda() {
            return Err(Error::device(name, "products are computed in f32 alone; leave the precision out"));
        }
        match Arc::into_inner(self.inner) {
            Some(inner) => Ok(Device { inner: Arc::new(Inner { precision, ..inner }) }),
            None => Err(Error::device(name, "is in use; choose the precision before anything else")),
        }
    }

    /// How products of matrices are computed.
    pub fn precision(&self) -> Precision {
        self.inner.precision
    }

    fn is_cuda(&self) -> bool {
        match &self.inner.backend {
            #[cfg(feature = "cuda")]
            Backend::Cuda(_) => true,
            _ => false,
        }
    }

    /// What this device is.
    pub fn describe(&self) -> Description {
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.describe(),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.describe(),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.describe(),
        }
    }

    /// Memory for `words` 32-bit words. The contents are whatever was there before.
    pub fn allocate(&self, words: usize) -> Result<Buffer> {
        self.inner.pool.take(words, |words| match &self.inner.backend {
            Backend::Cpu(_) => Ok(Memory::Cpu(cpu::Words::new(words)?)),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => Ok(Memory::Wgpu(wgpu.allocate(words)?)),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => Ok(Memory::Cuda(cuda.allocate(words)?)),
        })
    }

    /// Bytes taken from the system so far, in use or waiting in the pool.
    pub fn allocated_bytes(&self) -> usize {
        self.inner.pool.allocated_bytes()
    }

    /// Copies words from the host into a slice of device memory of the same length.
    pub fn upload(&self, words: &[u32], to: Slice) -> Result<()> {
        to.expect_length("upload", words.len())?;
        self.expect_own("upload", &[to])?;
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.upload(words, to),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.upload(words, to),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.upload(words, to),
        }
    }

    /// Copies a slice of device memory to the host; waits until it is complete.
    pub fn download(&self, from: Slice, words: &mut [u32]) -> Result<()> {
        from.expect_length("download", words.len())?;
        self.expect_own("download", &[from])?;
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.download(from, words),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.download(from, words),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.download(from, words),
        }
    }

    /// True for a device that computes while the host goes on: what is launched is done later, and reading waits for it.
    pub fn computes_behind(&self) -> bool {
        !matches!(self.inner.backend, Backend::Cpu(_))
    }

    /// Hands over everything that was launched, without waiting.
    pub fn flush(&self) -> Result<()> {
        match &self.inner.backend {
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.flush(),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.flush(),
            _ => Ok(()),
        }
    }

    /// Waits until everything that was launched is done.
    pub fn synchronise(&self) -> Result<()> {
        match &self.inner.backend {
            Backend::Cpu(_) => Ok(()),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.synchronise(),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.synchronise(),
        }
    }

    /// Sets every word of a slice.
    pub fn fill(&self, to: Slice, word: u32) -> Result<()> {
        self.expect_own("fill", &[to])?;
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.fill(to, word),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _ => self.dispatch(gpu::FILL, &[word, to.words as u32], &[], &[to], gpu::groups_for(to.words)),
        }
    }

    /// Copies between slices of equal length on the device; they must not overlap.
    pub fn copy(&self, from: Slice, to: Slice) -> Result<()> {
        to.expect_length("copy", from.words())?;
        self.expect_own("copy", &[from, to])?;
        check_disjoint("copy", &[from], &[to])?;
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.copy(from, to),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.copy(from, to),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.copy(from, to),
        }
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
        self.expect_own(kernel.name, inputs)?;
        self.expect_own(kernel.name, outputs)?;
        check_disjoint(kernel.name, inputs, outputs)?;
        let arguments = bytemuck::bytes_of(arguments);
        match &self.inner.backend {
            Backend::Cpu(cpu) => cpu.launch(kernel, arguments, inputs, outputs),
            #[cfg(any(feature = "wgpu", feature = "cuda"))]
            _ => (kernel.gpu)(&gpu::Launch { device: self, arguments, inputs, outputs }),
        }
    }

    /// Runs a program of a GPU.
    fn dispatch(
        &self,
        program: gpu::Program,
        arguments: &[u32],
        inputs: &[Slice],
        outputs: &[Slice],
        groups: usize,
    ) -> Result<()> {
        match &self.inner.backend {
            #[cfg(feature = "wgpu")]
            Backend::Wgpu(wgpu) => wgpu.dispatch(program, arguments, inputs, outputs, groups),
            #[cfg(feature = "cuda")]
            Backend::Cuda(cuda) => cuda.dispatch(program, arguments, inputs, outputs, groups),
            Backend::Cpu(_) => Err(Error::device(
                "cpu",
                format!(
                    "{} is a program of GPUs ({} arguments, {} slices, {groups} groups)",
                    program.entry,
                    arguments.len(),
                    inputs.len() + outputs.len()
                ),
            )),
        }
    }

    /// A device reads and writes its own memory only.
    fn expect_own(&self, operation: &str, slices: &[Slice]) -> Result<()> {
        match slices.iter().all(|slice| slice.buffer.is_from(&self.inner.pool)) {
            true => Ok(()),
            false => Err(Error::device(
                self.describe().name,
                format!("{operation}: a tensor lies on another device; move it, or compute where it is"),
            )),
        }
    }

    /// True when both handles mean the same device.
    pub fn same_as(&self, other: &Device) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

/// All devices of this machine that networks can compute on, the CPU with a number of threads first.
pub fn devices(threads: usize) -> Result<Vec<Description>> {
    let cpu = [Device::cpu_with_threads(threads)?.describe()].into_iter();
    #[cfg(feature = "cuda")]
    let cpu = cpu.chain(cuda::devices());
    #[cfg(feature = "wgpu")]
    let cpu = cpu.chain(wgpu::adapters());
    Ok(cpu.collect())
}

fn check_disjoint(name: &str, inputs: &[Slice], outputs: &[Slice]) -> Result<()> {
    for (index, output) in outputs.iter().enumerate() {
        if inputs.iter().chain(&outputs[..index]).any(|other| output.overlaps(other)) {
            return Err(Error::device(
                "launch",
                format!("{name}: output {index} overlaps another slice; write to memory of its own"),
            ));
        }
    }
    Ok(())
}

impl std::fmt::Debug for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let d = self.describe();
        write!(f, "{} ({}, {}, {} threads)", d.name, d.hardware, d.kernels, d.threads)
    }
}
