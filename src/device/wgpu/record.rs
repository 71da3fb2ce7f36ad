//! What the GPU is to do, collected and submitted together.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::mpsc;

use super::memory::Words;
use super::pipelines::Pipeline;
use crate::device::gpu::Program;

/// Bytes of a block of arguments: those of the kernel, then a word for each slice that says where it starts in its binding.
pub(super) const UNIFORM_BYTES: u64 = 512;
/// Most launches that are submitted together.
pub(super) const MOST: usize = 512;
/// Bindings start at multiples of this many bytes, which every GPU allows.
const ALIGNMENT: u64 = 256;
/// Most bytes that wait on the host with the commands.
const MOST_STAGED: usize = 16 << 20;
/// Groups of bindings that are kept for the next step.
const KEPT: usize = 8192;

/// A part of a buffer.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    words: Words,
    /// In bytes.
    start: u64,
    pub(super) bytes: u64,
}

impl Operand {
    /// All of a buffer.
    pub(super) fn whole(words: Words, bytes: u64) -> Self {
        Operand { words, start: 0, bytes }
    }

    /// Words of a buffer.
    pub(super) fn part(words: Words, offset: usize, count: usize) -> Self {
        Operand { words, start: offset as u64 * 4, bytes: count as u64 * 4 }
    }

    /// Where the binding starts, its size, and the word at which the operand starts in it.
    fn binding(&self) -> (u64, u64, u32) {
        let start = self.start / ALIGNMENT * ALIGNMENT;
        (start, self.start + self.bytes - start, ((self.start - start) / 4) as u32)
    }
}

/// One thing to do.
enum Command {
    Copy {
        from: Operand,
        to: Operand,
    },
    /// Copies bytes that were collected on the host, from this byte on.
    Upload {
        start: usize,
        to: Operand,
    },
    Dispatch {
        pipeline: Pipeline,
        bindings: wgpu::BindGroup,
        uniform: u32,
        groups: u32,
    },
}

/// The commands that wait, and what they need.
pub(super) struct Recorder {
    device: wgpu::Device,
    queue: wgpu::Queue,
    commands: Vec<Command>,
    /// Blocks of arguments of the commands, one after the other.
    uniforms: Vec<u8>,
    uniform_buffer: wgpu::Buffer,
    /// Bytes that the commands upload.
    staged: Vec<u8>,
    staging: Option<wgpu::Buffer>,
    /// Memory that the host can read.
    landing: Option<wgpu::Buffer>,
    /// Groups of bindings by program and operands.
    bindings: HashMap<(Program, Vec<(u64, u64, u64)>), wgpu::BindGroup>,
}

impl Recorder {
    pub(super) fn new(device: &wgpu::Device, queue: wgpu::Queue) -> Self {
        let uniform_buffer =
            buffer(device, MOST as u64 * UNIFORM_BYTES, wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST);
        Recorder {
            device: device.clone(),
            queue,
            commands: Vec::new(),
            uniforms: Vec::new(),
            uniform_buffer,
            staged: Vec::new(),
            staging: None,
            landing: None,
            bindings: HashMap::new(),
        }
    }

    pub(super) fn copy(&mut self, from: Operand, to: Operand) {
        self.commands.push(Command::Copy { from, to });
    }

    /// Copies bytes from the host. They wait with the commands, unless there are none or the bytes are many.
    pub(super) fn upload(&mut self, bytes: &[u8], to: Operand) {
        if self.commands.is_empty() || bytes.len() > MOST_STAGED {
            self.submit();
            self.queue.write_buffer(to.words.buffer(), to.start, bytes);
            return;
        }
        if self.staged.len() + bytes.len() > MOST_STAGED {
            self.submit();
        }
        self.commands.push(Command::Upload { start: self.staged.len(), to });
        self.staged.extend_from_slice(bytes);
    }

    /// Runs a program on so many groups.
    pub(super) fn dispatch(
        &mut self,
        program: Program,
        pipeline: Pipeline,
        arguments: &[u32],
        operands: &[Operand],
        groups: u32,
    ) {
        if self.uniforms.len() + UNIFORM_BYTES as usize > MOST * UNIFORM_BYTES as usize {
            self.submit();
        }
        let uniform = self.uniforms.len();
        self.uniforms.extend_from_slice(bytemuck::cast_slice(arguments));
        for operand in operands {
            self.uniforms.extend_from_slice(&operand.binding().2.to_le_bytes());
        }
        self.uniforms.resize(uniform + UNIFORM_BYTES as usize, 0);
        let bindings = self.bindings_of(program, &pipeline, operands);
        self.commands.push(Command::Dispatch { pipeline, bindings, uniform: uniform as u32, groups });
    }

    fn bindings_of(&mut self, program: Program, pipeline: &Pipeline, operands: &[Operand]) -> wgpu::BindGroup {
        if self.bindings.len() >= KEPT {
            self.bindings.clear();
        }
        let key = operands.iter().map(|operand| {
            let (start, bytes, _) = operand.binding();
            (operand.words.number(), start, bytes)
        });
        let (device, uniforms) = (&self.device, &self.uniform_buffer);
        let made = self.bindings.entry((program, key.collect())).or_insert_with(|| {
            let resource = |buffer, offset, bytes| {
                wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size: NonZeroU64::new(bytes) })
            };
            let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: resource(uniforms, 0, UNIFORM_BYTES) }];
            for (binding, operand) in (1..).zip(operands) {
                let (start, bytes, _) = operand.binding();
                entries
                    .push(wgpu::BindGroupEntry { binding, resource: resource(operand.words.buffer(), start, bytes) });
            }
            device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &pipeline.layout,
                entries: &entries,
            })
        });
        made.clone()
    }

    /// Gives all commands to the GPU.
    pub(super) fn submit(&mut self) {
        if self.commands.is_empty() {
            return;
        }
        self.queue.write_buffer(&self.uniform_buffer, 0, &self.uniforms);
        if !self.staged.is_empty() {
            let usage = wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
            let staging = at_least(&self.device, &mut self.staging, self.staged.len() as u64, usage);
            self.queue.write_buffer(staging, 0, &self.staged);
        }
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        let mut commands = self.commands.drain(..).peekable();
        while let Some(command) = commands.next() {
            match command {
                Command::Copy { from, to } => encoder.copy_buffer_to_buffer(
                    from.words.buffer(),
                    from.start,
                    to.words.buffer(),
                    to.start,
                    from.bytes,
                ),
                Command::Upload { start, to } => {
                    if let Some(staging) = &self.staging {
                        encoder.copy_buffer_to_buffer(staging, start as u64, to.words.buffer(), to.start, to.bytes);
                    }
                }
                Command::Dispatch { .. } => {
                    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    let mut next = Some(command);
                    while let Some(Command::Dispatch { pipeline, bindings, uniform, groups }) = next {
                        pass.set_pipeline(&pipeline.pipeline);
                        pass.set_bind_group(0, &bindings, &[uniform]);
                        pass.dispatch_workgroups(groups, 1, 1);
                        next = commands.next_if(|command| matches!(command, Command::Dispatch { .. }));
                    }
                }
            }
        }
        drop(commands);
        self.queue.submit([encoder.finish()]);
        self.uniforms.clear();
        self.staged.clear();
    }

    /// Copies words to the host and waits for them.
    pub(super) fn download(&mut self, from: &Operand, bytes: &mut [u8]) -> Result<(), String> {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        self.submit();
        let landing = at_least(&self.device, &mut self.landing, from.bytes, usage);
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(from.words.buffer(), from.start, landing, 0, from.bytes);
        self.queue.submit([encoder.finish()]);
        let part = landing.slice(..from.bytes);
        let (sender, receiver) = mpsc::channel();
        part.map_async(wgpu::MapMode::Read, move |mapped| {
            // Nobody waits any more when the GPU was lost meanwhile.
            let _ = sender.send(mapped);
        });
        let failed = |what: String| format!("results cannot be read back ({what}); start again, or choose cpu");
        self.device.poll(wgpu::PollType::wait_indefinitely()).map_err(|e| failed(e.to_string()))?;
        match receiver.try_recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed("the GPU gave no answer".into())),
        }
        let copied = part.get_mapped_range().map(|mapped| bytes.copy_from_slice(&mapped));
        landing.unmap();
        copied.map_err(|e| failed(e.to_string()))
    }
}

fn buffer(device: &wgpu::Device, size: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
    device.create_buffer(&wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false })
}

/// The buffer, made anew if it is too small.
fn at_least<'a>(
    device: &wgpu::Device,
    kept: &'a mut Option<wgpu::Buffer>,
    bytes: u64,
    usage: wgpu::BufferUsages,
) -> &'a wgpu::Buffer {
    let kept_one = kept.take().filter(|buffer| buffer.size() >= bytes);
    kept.insert(kept_one.unwrap_or_else(|| buffer(device, bytes.next_power_of_two().max(1 << 16), usage)))
}
