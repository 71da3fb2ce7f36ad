//! How a kernel runs on the CPU: slices of memory, the block of arguments, threads and lanes.

#![allow(unsafe_code)]

use std::sync::{Mutex, PoisonError};

use super::{Isa, Threads, Words};
use crate::device::buffer::Memory;
use crate::device::{Description, Kernel, Slice};
use crate::error::{Error, Result};

/// Most slices that one launch reads, and most that it writes.
const MOST_INPUTS: usize = 16;
const MOST_OUTPUTS: usize = 10;

/// The CPU device: threads, an instruction set, and a lock that orders all accesses to memory.
pub(in crate::device) struct Cpu {
    isa: Isa,
    threads: Threads,
    lock: Mutex<()>,
}

/// What a kernel sees on the CPU.
pub struct Launch<'a> {
    /// The threads among which fixed chunks of the work are shared.
    pub threads: &'a Threads,
    /// The instruction set to use.
    pub isa: Isa,
    arguments: &'a [u8],
    inputs: &'a [&'a [f32]],
    outputs: &'a mut [&'a mut [f32]],
}

impl<'a> Launch<'a> {
    /// The block of arguments; zero if the launch gave a block of another size, which the table's tests exclude.
    pub fn arguments<A: bytemuck::Pod>(&self) -> A {
        bytemuck::try_pod_read_unaligned(self.arguments).unwrap_or_else(|_| A::zeroed())
    }

    /// The slices to read; an absent one is empty.
    pub fn input(&self, index: usize) -> &'a [f32] {
        self.inputs.get(index).copied().unwrap_or(&[])
    }

    /// A slice of indices to read.
    pub fn indices(&self, index: usize) -> &'a [u32] {
        bytemuck::cast_slice(self.input(index))
    }

    /// Takes a slice to write, once; an absent one is empty.
    pub fn output(&mut self, index: usize) -> &'a mut [f32] {
        self.outputs.get_mut(index).map(std::mem::take).unwrap_or(&mut [])
    }
}

impl Cpu {
    pub(in crate::device) fn new(threads: usize, isa: Isa) -> Result<Self> {
        Ok(Cpu { isa, threads: Threads::new(threads)?, lock: Mutex::new(()) })
    }

    pub(in crate::device) fn single() -> Self {
        Cpu { isa: Isa::default(), threads: Threads::single(), lock: Mutex::new(()) }
    }

    pub(in crate::device) fn describe(&self) -> Description {
        Description {
            name: "cpu".into(),
            hardware: processor_name(),
            kernels: self.isa.name().into(),
            threads: self.threads.count(),
            limits: String::new(),
        }
    }

    pub(in crate::device) fn upload(&self, words: &[u32], to: Slice) -> Result<()> {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held, so nothing else reads or writes device memory.
        unsafe { words_mut(to) }.copy_from_slice(words);
        Ok(())
    }

    pub(in crate::device) fn download(&self, from: Slice, words: &mut [u32]) -> Result<()> {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held, so nothing writes device memory.
        words.copy_from_slice(unsafe { self::words(from) });
        Ok(())
    }

    pub(in crate::device) fn fill(&self, to: Slice, word: u32) -> Result<()> {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held, so nothing else reads or writes device memory.
        unsafe { words_mut(to) }.fill(word);
        Ok(())
    }

    pub(in crate::device) fn copy(&self, from: Slice, to: Slice) -> Result<()> {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the lock is held and the slices do not overlap.
        unsafe { words_mut(to).copy_from_slice(words(from)) };
        Ok(())
    }

    pub(in crate::device) fn launch(
        &self,
        kernel: &'static Kernel,
        arguments: &[u8],
        inputs: &[Slice],
        outputs: &[Slice],
    ) -> Result<()> {
        if inputs.len() > MOST_INPUTS || outputs.len() > MOST_OUTPUTS {
            return Err(Error::device(
                "cpu",
                format!(
                    "{}: {} inputs and {} outputs; at most {MOST_INPUTS} and {MOST_OUTPUTS} are possible",
                    kernel.name,
                    inputs.len(),
                    outputs.len()
                ),
            ));
        }
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reads: [&[f32]; MOST_INPUTS] = [&[]; MOST_INPUTS];
        let mut writes: [&mut [f32]; MOST_OUTPUTS] = std::array::from_fn(|_| <&mut [f32]>::default());
        for (read, &slice) in reads.iter_mut().zip(inputs) {
            // SAFETY: the lock is held, and no output of this launch overlaps an input.
            *read = bytemuck::cast_slice(unsafe { words(slice) });
        }
        for (write, &slice) in writes.iter_mut().zip(outputs) {
            // SAFETY: the lock is held, and this slice overlaps no other slice of the launch.
            *write = bytemuck::cast_slice_mut(unsafe { words_mut(slice) });
        }
        (kernel.cpu)(&mut Launch {
            threads: &self.threads,
            isa: self.isa,
            arguments,
            inputs: &reads[..inputs.len()],
            outputs: &mut writes[..outputs.len()],
        });
        Ok(())
    }
}

/// The memory of a slice of this device. [`Device`](crate::device::Device) refuses slices of others before.
fn memory_of<'a>(slice: Slice<'a>) -> Option<&'a Words> {
    match slice.buffer.memory() {
        Memory::Cpu(memory) => Some(memory),
        #[cfg(any(feature = "wgpu", feature = "cuda"))]
        _ => None,
    }
}

/// SAFETY: the caller holds the device's lock and no mutable slice overlaps this one.
unsafe fn words<'a>(slice: Slice) -> &'a [u32] {
    let Some(memory) = memory_of(slice) else { return &[] };
    // SAFETY: `Buffer::slice` checked the range, the memory is initialised (allocated as zeros) and aligned.
    unsafe { std::slice::from_raw_parts(memory.pointer().add(slice.offset), slice.words) }
}

/// SAFETY: the caller holds the device's lock and no other slice in use overlaps this one.
unsafe fn words_mut<'a>(slice: Slice) -> &'a mut [u32] {
    let Some(memory) = memory_of(slice) else { return &mut [] };
    // SAFETY: as in `words`, and exclusive by the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(memory.pointer().add(slice.offset), slice.words) }
}

fn processor_name() -> String {
    let line = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split(':').nth(1)?.trim().to_string())
    });
    line.unwrap_or_else(|| std::env::consts::ARCH.to_string())
}
