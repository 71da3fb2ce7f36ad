//! The GPUs of this machine.

use super::super::Description;
use crate::error::{Error, Result};

fn all() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    // What computes in software comes last: it is right, but slow.
    adapters.sort_by_key(|adapter| match adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    });
    adapters
}

/// The GPU of a number.
pub(super) fn find(index: usize) -> Result<wgpu::Adapter> {
    let mut adapters = all();
    let count = adapters.len();
    if index < count {
        return Ok(adapters.swap_remove(index));
    }
    let message = match count {
        0 => "there is no GPU with a driver for Vulkan, Metal or DirectX 12; install its driver (on Linux the package \
              mesa-vulkan-drivers, which also computes in software), or choose cpu"
            .to_string(),
        1 => format!("there is no GPU {index}; the only one is wgpu"),
        _ => format!("there is no GPU {index}; choose wgpu:0 to wgpu:{}, which `ferroflow devices` lists", count - 1),
    };
    Err(Error::device(format!("wgpu:{index}"), message))
}

/// What the GPUs are.
pub(in crate::device) fn adapters() -> Vec<Description> {
    let described = |(index, adapter): (usize, &wgpu::Adapter)| {
        let name = if index == 0 { "wgpu".to_string() } else { format!("wgpu:{index}") };
        describe(name, &adapter.get_info(), &adapter.limits())
    };
    all().iter().enumerate().map(described).collect()
}

pub(super) fn describe(name: String, info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> Description {
    let kind = match info.device_type {
        wgpu::DeviceType::Cpu => " (software)",
        wgpu::DeviceType::IntegratedGpu => " (integrated)",
        _ => "",
    };
    let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
    Description {
        name,
        hardware: format!("{}{kind}", info.name),
        kernels: format!("{:?}, {}", info.backend, driver.trim()),
        threads: 0,
        limits: format!(
            "largest tensor {} MiB, {} KiB of workgroup memory",
            limits.max_buffer_size.min(limits.max_storage_buffer_binding_size) >> 20,
            limits.max_compute_workgroup_storage_size >> 10,
        ),
    }
}
