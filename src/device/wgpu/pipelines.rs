//! Shaders made ready for the GPU, when they are first needed.

use std::collections::HashMap;

use super::faults::Faults;
use super::memory::Words;
use super::record::{Operand, UNIFORM_BYTES};
use crate::device::gpu::Program;
use crate::device::shaders::SHADERS;
use crate::error::{Error, Result};

/// A program with the layout of what it is given.
#[derive(Clone)]
pub(super) struct Pipeline {
    pub(super) pipeline: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    /// Slices to read and slices to write.
    pub(super) shape: (usize, usize),
}

/// All programs that were needed so far.
pub(super) struct Pipelines {
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    layouts: HashMap<(usize, usize), (wgpu::BindGroupLayout, wgpu::PipelineLayout)>,
    ready: HashMap<Program, Pipeline>,
    empty: Words,
    device: wgpu::Device,
}

impl Pipelines {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        Pipelines {
            modules: HashMap::new(),
            layouts: HashMap::new(),
            ready: HashMap::new(),
            empty: Words::new(device, 4),
            device: device.clone(),
        }
    }

    /// What stands for an empty slice to read.
    pub(super) fn empty(&self) -> Operand {
        Operand::whole(self.empty.clone(), 4)
    }

    /// What stands for an empty slice to write, of its own because a buffer is bound for reading or for writing.
    pub(super) fn empty_output(&self) -> Operand {
        Operand::whole(Words::new(&self.device, 4), 4)
    }

    /// A program that takes so many slices to read and to write.
    pub(super) fn get(&mut self, faults: &Faults, program: Program, reads: usize, writes: usize) -> Result<Pipeline> {
        if let Some(pipeline) = self.ready.get(&program) {
            return match pipeline.shape == (reads, writes) {
                true => Ok(pipeline.clone()),
                false => Err(Error::device(
                    "wgpu",
                    format!(
                        "{}: {reads} slices to read and {writes} to write, before {:?}",
                        program.file, pipeline.shape
                    ),
                )),
            };
        }
        let module = match self.modules.get(program.file) {
            Some(module) => module.clone(),
            None => {
                let source = SHADERS.text(program.file).ok_or_else(|| {
                    Error::device("wgpu", format!("{} has no shader; choose the device cpu", program.file))
                })?;
                let module = faults.scope(wgpu::ErrorFilter::Validation, || {
                    Ok(self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
                        label: Some(program.file),
                        source: wgpu::ShaderSource::Wgsl(source.into()),
                    }))
                })?;
                self.modules.insert(program.file, module.clone());
                module
            }
        };
        let device = &self.device;
        let (layout, whole) =
            self.layouts.entry((reads, writes)).or_insert_with(|| layout_of(device, reads, writes)).clone();
        let pipeline = faults.scope(wgpu::ErrorFilter::Validation, || {
            Ok(device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(program.entry),
                layout: Some(&whole),
                module: &module,
                entry_point: Some(program.entry),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            }))
        })?;
        let pipeline = Pipeline { pipeline, layout, shape: (reads, writes) };
        self.ready.insert(program, pipeline.clone());
        Ok(pipeline)
    }
}

/// Binding 0 is the block of arguments; then come the slices to read, then those to write.
fn layout_of(device: &wgpu::Device, reads: usize, writes: usize) -> (wgpu::BindGroupLayout, wgpu::PipelineLayout) {
    let entry = |binding: usize, ty: wgpu::BindingType| wgpu::BindGroupLayoutEntry {
        binding: binding as u32,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty,
        count: None,
    };
    let uniform = wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: true,
        min_binding_size: std::num::NonZeroU64::new(UNIFORM_BYTES),
    };
    let storage = |read_only: bool| wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Storage { read_only },
        has_dynamic_offset: false,
        min_binding_size: None,
    };
    let mut entries = vec![entry(0, uniform)];
    entries.extend((0..reads + writes).map(|i| entry(i + 1, storage(i < reads))));
    let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let whole = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    (layout, whole)
}
