//! Memory of a GPU.

use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// Words of memory. Cloning gives another handle.
#[derive(Debug, Clone)]
pub(in crate::device) struct Words {
    buffer: wgpu::Buffer,
    number: u64,
}

impl Words {
    /// Memory of a number of bytes, which is a multiple of four.
    pub(super) fn new(device: &wgpu::Device, bytes: u64) -> Self {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes.max(4),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Words { buffer, number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    pub(super) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// A number that no other memory has.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}
