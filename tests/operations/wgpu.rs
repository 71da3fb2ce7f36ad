//! The table on a WebGPU device: Mesa's software Vulkan where there is no GPU.

use ferroflow::device::Device;

use crate::gpu;

fn device() -> Device {
    Device::wgpu(0).expect("a Vulkan driver; Debian's package mesa-vulkan-drivers computes in software")
}

fn device_of_three_groups() -> Device {
    Device::wgpu_with_groups(0, 3).unwrap()
}

gpu::suites!(device(), device_of_three_groups());
