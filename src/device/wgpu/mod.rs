//! GPUs of every maker through WebGPU's interface, with the shaders of `shaders/*.wgsl`.
//!
//! Launches are recorded and submitted together: when something is downloaded, or when many have come together.

mod adapters;
mod faults;
mod memory;
mod pipelines;
mod record;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(super) use adapters::adapters;
pub(super) use memory::Words;

use super::buffer::Memory;
use super::gpu::Program;
use super::{Description, Slice};
use crate::error::{Error, Result};
use faults::Faults;
use pipelines::Pipelines;
use record::{Operand, Recorder};

/// Most operands of a program: so many storage buffers every GPU can bind.
const MOST_OPERANDS: usize = 8;

/// A GPU.
pub(super) struct Wgpu {
    name: String,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    /// Most groups of one dispatch.
    groups: u32,
    device: wgpu::Device,
    faults: Faults,
    state: Mutex<State>,
}

/// What changes while the device is used.
struct State {
    pipelines: Pipelines,
    recorder: Recorder,
}

impl Wgpu {
    /// Opens the GPU of a number. It starts as many groups at a time as it can, or no more than are given.
    pub(super) fn open(index: usize, groups: Option<u32>) -> Result<Self> {
        let adapter = adapters::find(index)?;
        let name = if index == 0 { "wgpu".to_string() } else { format!("wgpu:{index}") };
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("ferroflow"),
            required_limits: adapter.limits(),
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| {
            Error::device(&name, format!("the GPU cannot be opened ({e}); update its driver, or choose cpu"))
        })?;
        let faults = Faults::watch(&device, &name);
        let most = adapter.limits().max_compute_workgroups_per_dimension;
        let state = State { pipelines: Pipelines::new(&device), recorder: Recorder::new(&device, queue) };
        Ok(Wgpu {
            name,
            info: adapter.get_info(),
            limits: adapter.limits(),
            groups: groups.unwrap_or(most).clamp(1, most),
            device,
            faults,
            state: Mutex::new(state),
        })
    }

    pub(super) fn describe(&self) -> Description {
        adapters::describe(self.name.clone(), &self.info, &self.limits)
    }

    pub(super) fn allocate(&self, words: usize) -> Result<Words> {
        let most = self.limits.max_buffer_size.min(self.limits.max_storage_buffer_binding_size);
        let bytes = words as u64 * 4;
        if bytes > most {
            let message = format!(
                "{} MiB are needed in one piece, and this GPU offers {} MiB; use smaller batches, or choose cpu",
                bytes >> 20,
                most >> 20
            );
            return Err(Error::device(&self.name, message));
        }
        self.faults.check()?;
        let allocated = self.faults.scope(wgpu::ErrorFilter::OutOfMemory, || Ok(Words::new(&self.device, bytes)));
        allocated.map_err(|_| {
            let message =
                format!("its memory has no room for another {} MiB; use smaller batches, or choose cpu", bytes >> 20);
            Error::device(&self.name, message)
        })
    }

    pub(super) fn upload(&self, words: &[u32], to: Slice) -> Result<()> {
        let Some(to) = operand(to) else { return Ok(()) };
        self.state().recorder.upload(bytemuck::cast_slice(words), to);
        self.faults.check()
    }

    pub(super) fn download(&self, from: Slice, words: &mut [u32]) -> Result<()> {
        let Some(from) = operand(from) else { return Ok(()) };
        let read = self.state().recorder.download(&from, bytemuck::cast_slice_mut(words));
        self.faults.check()?;
        read.map_err(|message| Error::device(&self.name, message))
    }

    pub(super) fn copy(&self, from: Slice, to: Slice) -> Result<()> {
        let (Some(from), Some(to)) = (operand(from), operand(to)) else { return Ok(()) };
        self.state().recorder.copy(from, to);
        self.faults.check()
    }

    pub(super) fn flush(&self) -> Result<()> {
        self.state().recorder.submit();
        self.faults.check()
    }

    pub(super) fn synchronise(&self) -> Result<()> {
        self.state().recorder.submit();
        let waited = self.device.poll(wgpu::PollType::wait_indefinitely());
        self.faults.check()?;
        let failed = |e: wgpu::PollError| format!("the GPU does not finish ({e}); start again, or choose cpu");
        waited.map(drop).map_err(|e| Error::device(&self.name, failed(e)))
    }

    /// Records a program. A slice to read that shares its buffer with one to write is copied first: WebGPU binds a buffer for
    /// reading or for writing.
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
        if inputs.len() + outputs.len() > MOST_OPERANDS {
            let message = format!(
                "{}: {} operands; every GPU takes {MOST_OPERANDS} and not every one more",
                program.file,
                inputs.len() + outputs.len()
            );
            return Err(Error::device(&self.name, message));
        }
        let mut state = self.state();
        let State { pipelines, recorder } = &mut *state;
        let written = || outputs.iter().filter(|output| output.words > 0);
        let mut operands = Vec::with_capacity(inputs.len() + outputs.len());
        for &input in inputs {
            operands.push(match operand(input) {
                Some(read) if written().any(|output| output.buffer.shares_memory_with(input.buffer)) => {
                    let copy = Operand::whole(Words::new(&self.device, read.bytes), read.bytes);
                    recorder.copy(read, copy.clone());
                    copy
                }
                Some(read) => read,
                None => pipelines.empty(),
            });
        }
        operands.extend(outputs.iter().map(|&output| operand(output).unwrap_or_else(|| pipelines.empty_output())));
        let pipeline = pipelines.get(&self.faults, program, inputs.len(), outputs.len())?;
        let groups = u32::try_from(groups).unwrap_or(u32::MAX).min(self.groups);
        recorder.dispatch(program, pipeline, arguments, &operands, groups);
        drop(state);
        self.faults.check()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A slice as WebGPU takes it; nothing for an empty one.
fn operand(slice: Slice) -> Option<Operand> {
    match slice.buffer.memory() {
        Memory::Wgpu(words) if slice.words > 0 => Some(Operand::part(words.clone(), slice.offset, slice.words)),
        _ => None,
    }
}
