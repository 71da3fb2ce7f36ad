//! Device memory that returns to a pool when the last handle to it is dropped.

use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::cpu::Words;
use crate::error::{Error, Result};

/// Smallest allocation: one cache line and one alignment unit of every device, in 32-bit words.
const SMALLEST: usize = 64;
/// Size classes per doubling: 4 wastes at most a quarter.
const CLASSES_PER_DOUBLING: usize = 4;
const CLASSES: usize = 160;

/// The memory behind a buffer, of one of the devices.
#[derive(Debug)]
pub(super) enum Memory {
    Cpu(Words),
    #[cfg(feature = "wgpu")]
    Wgpu(super::wgpu::Words),
    #[cfg(feature = "cuda")]
    Cuda(super::cuda::Words),
}

#[derive(Debug)]
struct Allocation {
    memory: Memory,
    class: usize,
}

/// A handle to device memory, counted in 32-bit words. Cloning shares the memory.
#[derive(Debug)]
pub struct Buffer {
    allocation: ManuallyDrop<Arc<Allocation>>,
    pool: Arc<Pool>,
    words: usize,
}

impl Buffer {
    /// Number of usable 32-bit words.
    pub fn words(&self) -> usize {
        self.words
    }

    /// All words of the buffer.
    pub fn all(&self) -> Slice<'_> {
        Slice { buffer: self, offset: 0, words: self.words }
    }

    /// A part of the buffer; `None` if it is not inside.
    pub fn slice(&self, offset: usize, words: usize) -> Option<Slice<'_>> {
        (offset.checked_add(words)? <= self.words).then_some(Slice { buffer: self, offset, words })
    }

    /// Whether another handle is to the same memory.
    pub fn is_same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.allocation, &other.allocation)
    }

    pub(super) fn memory(&self) -> &Memory {
        &self.allocation.memory
    }

    pub(super) fn is_from(&self, pool: &Arc<Pool>) -> bool {
        Arc::ptr_eq(&self.pool, pool)
    }

    pub(super) fn shares_memory_with(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.allocation, &other.allocation)
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Buffer { allocation: self.allocation.clone(), pool: self.pool.clone(), words: self.words }
    }
}

impl Drop for Buffer {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: the field is not used again; this is the only place that takes it out.
        let mut allocation = unsafe { ManuallyDrop::take(&mut self.allocation) };
        if Arc::get_mut(&mut allocation).is_some() {
            self.pool.give(allocation);
        }
    }
}

/// A part of a buffer, for reading or writing by a kernel.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    pub(super) buffer: &'a Buffer,
    pub(super) offset: usize,
    pub(super) words: usize,
}

impl Slice<'_> {
    /// Number of 32-bit words.
    pub fn words(&self) -> usize {
        self.words
    }

    /// No word of the same buffer: an operand that a kernel does not look at.
    pub fn nothing(self) -> Self {
        Slice { words: 0, ..self }
    }

    pub(super) fn expect_length(&self, operation: &str, words: usize) -> Result<()> {
        if self.words == words {
            return Ok(());
        }
        Err(Error::shape(
            operation,
            format!("{words} words for a slice of {}; give slices of equal length", self.words),
        ))
    }

    pub(super) fn overlaps(&self, other: &Slice<'_>) -> bool {
        self.buffer.shares_memory_with(other.buffer)
            && self.offset < other.offset + other.words
            && other.offset < self.offset + self.words
            && self.words > 0
            && other.words > 0
    }
}

/// Memory that waits to be used again, by size class.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<Vec<Vec<Arc<Allocation>>>>,
    allocated: AtomicUsize,
}

impl Pool {
    /// The smallest waiting allocation that is large enough, or a new one. Serving a request from any larger class
    /// means that a step whose sizes are all below those of an earlier step finds everything it needs.
    pub(super) fn take(
        self: &Arc<Self>,
        words: usize,
        allocate: impl FnOnce(usize) -> Result<Memory>,
    ) -> Result<Buffer> {
        let class = class_of(words);
        let waiting = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            if free.is_empty() {
                free.resize_with(CLASSES, Vec::new);
            }
            free.iter_mut().skip(class).find_map(Vec::pop)
        };
        let allocation = match waiting {
            Some(allocation) => allocation,
            None => {
                let memory = allocate(size_of_class(class))?;
                self.allocated.fetch_add(size_of_class(class) * 4, Ordering::Relaxed);
                Arc::new(Allocation { memory, class })
            }
        };
        Ok(Buffer { allocation: ManuallyDrop::new(allocation), pool: self.clone(), words })
    }

    fn give(&self, allocation: Arc<Allocation>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = free.get_mut(allocation.class) {
            list.push(allocation);
        }
    }

    pub(super) fn allocated_bytes(&self) -> usize {
        self.allocated.load(Ordering::Relaxed)
    }
}

fn size_of_class(class: usize) -> usize {
    let (doublings, quarter) = (class / CLASSES_PER_DOUBLING, class % CLASSES_PER_DOUBLING);
    let base = SMALLEST << doublings;
    base + base / CLASSES_PER_DOUBLING * quarter
}

fn class_of(words: usize) -> usize {
    if words <= SMALLEST {
        return 0;
    }
    let doublings = ((words - 1) / SMALLEST).ilog2() as usize;
    let base = SMALLEST << doublings;
    let quarters = (words - base).div_ceil(base / CLASSES_PER_DOUBLING);
    (doublings * CLASSES_PER_DOUBLING + quarters).min(CLASSES - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn classes_fit() {
        for words in (0..5000).chain([1 << 20, (1 << 20) + 1]) {
            let class = class_of(words);
            assert!(size_of_class(class) >= words);
            assert!(class == 0 || size_of_class(class - 1) < words);
        }
    }

    #[test]
    fn dropped_memory_is_used_again() {
        let device = Device::cpu();
        let first = device.allocate(1000).unwrap();
        let held = device.allocated_bytes();
        drop(first.clone());
        let second = device.allocate(1000).unwrap();
        assert!(device.allocated_bytes() > held, "a shared buffer must not be given out again");
        let held = device.allocated_bytes();
        drop((first, second));
        let _smaller = (device.allocate(900).unwrap(), device.allocate(10).unwrap());
        assert_eq!(device.allocated_bytes(), held);
    }
}
