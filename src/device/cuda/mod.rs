//! NVIDIA's GPUs through CUDA's driver, with the programs of `kernels/*.ptx`.
//!
//! A program takes a block of arguments, then the address of each slice to read and of each slice to write; that of an empty slice
//! is null. Everything goes through one stream in the order of the calls; launches are collected and handed over together, when
//! something else is asked for or the host has nothing more for now. What the driver does is behind [`Driver`], so that tests can run
//! the same programs without a GPU.

mod driver;
mod graph;
mod kernels;
mod memory;
mod staging;
mod system;

use std::sync::{Arc, Mutex, PoisonError};

pub use driver::{Driver, Launch, Operand};
pub(super) use memory::Words;
pub(super) use system::{devices, open};

use super::buffer::Memory;
use super::gpu::Program;
use super::{Description, Slice};
use crate::error::Result;

/// Most groups of one launch.
const MOST_GROUPS: usize = i32::MAX as usize;
/// Most launches that wait to be handed over.
const MOST_LAUNCHES: usize = 4096;

/// The text of a file of `kernels/` with its common parts, ready for the assembler, which takes no comments but in ASCII: there are
/// none, but lines are where they were.
pub fn source(file: &str) -> Option<String> {
    let text = kernels::KERNELS.text(file)?;
    Some(text.lines().flat_map(|line| [line.split("//").next().unwrap_or_default().trim_end(), "\n"]).collect())
}

/// A GPU.
pub(super) struct Cuda {
    driver: Arc<dyn Driver>,
    /// Most groups of one launch.
    groups: usize,
    waiting: Mutex<Vec<Launch>>,
}

impl Cuda {
    /// With a driver that starts any number of groups at a time, or no more than are given.
    pub(super) fn new(driver: Arc<dyn Driver>, groups: Option<usize>) -> Self {
        Cuda { driver, groups: groups.unwrap_or(MOST_GROUPS).clamp(1, MOST_GROUPS), waiting: Mutex::default() }
    }

    pub(super) fn describe(&self) -> Description {
        self.driver.describe()
    }

    pub(super) fn allocate(&self, words: usize) -> Result<Words> {
        Words::new(&self.driver, words)
    }

    pub(super) fn upload(&self, words: &[u32], to: Slice) -> Result<()> {
        self.flush()?;
        match address(to) {
            0 => Ok(()),
            to => self.driver.upload(bytemuck::cast_slice(words), to),
        }
    }

    pub(super) fn download(&self, from: Slice, words: &mut [u32]) -> Result<()> {
        self.flush()?;
        match address(from) {
            0 => Ok(()),
            from => self.driver.download(from, bytemuck::cast_slice_mut(words)),
        }
    }

    pub(super) fn copy(&self, from: Slice, to: Slice) -> Result<()> {
        self.flush()?;
        match (address(from), address(to)) {
            (0, _) | (_, 0) => Ok(()),
            (start, end) => self.driver.copy(start, end, from.words * 4),
        }
    }

    pub(super) fn synchronise(&self) -> Result<()> {
        self.flush()?;
        self.driver.synchronise()
    }

    /// Hands all launches over. Those that fail are not tried again.
    pub(super) fn flush(&self) -> Result<()> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.is_empty() {
            return Ok(());
        }
        let run = self.driver.run(&waiting);
        waiting.clear();
        run
    }

    /// A program to run after all that was asked for before.
    pub(super) fn dispatch(
        &self,
        program: Program,
        arguments: &[u32],
        inputs: &[Slice],
        outputs: &[Slice],
        groups: usize,
    ) -> Result<()> {
        if groups == 0 {
            return Ok(());
        }
        let operand = |slice: &Slice, written| Operand { address: address(*slice), words: slice.words, written };
        let mut operands: Vec<Operand> = inputs.iter().map(|slice| operand(slice, false)).collect();
        operands.extend(outputs.iter().map(|slice| operand(slice, true)));
        let launch = Launch { program, groups: groups.min(self.groups), arguments: arguments.to_vec(), operands };
        let full = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.push(launch);
            waiting.len() >= MOST_LAUNCHES
        };
        if full { self.flush() } else { Ok(()) }
    }
}

/// Where a slice starts in the memory of the GPU; null for an empty one.
fn address(slice: Slice) -> u64 {
    match slice.buffer.memory() {
        Memory::Cuda(words) if slice.words > 0 => words.address() + slice.offset as u64 * 4,
        _ => 0,
    }
}
