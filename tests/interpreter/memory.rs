//! Global memory: separate buffers, so that an access can miss all of them.

use super::order::{Order, Thread};
use super::shadow::{Kind, Shadow};

/// The address of a buffer is its number times this.
const STRIDE: u64 = 1 << 40;
/// What fresh memory holds: a NaN.
const FRESH: u32 = 0x7fc0_dead;

/// A range that a launch may touch: its address, its bytes, and whether it may be written.
pub type Slice = (u64, u64, bool);

struct Buffer {
    bytes: Vec<u8>,
    /// The traces of the launch that touched it last.
    shadow: Option<Shadow>,
}

/// The memory of a device.
#[derive(Default)]
pub struct Memory {
    buffers: Vec<Option<Buffer>>,
    pub(super) launch: u32,
}

impl Memory {
    /// A device without buffers.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// A fresh buffer. Its content is a NaN, so that a read of what nobody wrote shows.
    pub fn allocate(&mut self, bytes: usize) -> u64 {
        let content = FRESH.to_le_bytes().into_iter().cycle().take(bytes).collect();
        self.buffers.push(Some(Buffer { bytes: content, shadow: None }));
        self.buffers.len() as u64 * STRIDE
    }

    /// Frees a buffer by its first address.
    pub fn free(&mut self, address: u64) -> Result<(), String> {
        let (number, offset) = self.find(address, 0)?;
        if offset != 0 {
            return Err(format!("address {address:#x} is not the start of a buffer"));
        }
        self.buffers[number] = None;
        Ok(())
    }

    /// Writes from the host.
    pub fn write(&mut self, address: u64, from: &[u8]) -> Result<(), String> {
        let (number, offset) = self.find(address, from.len())?;
        if let Some(buffer) = &mut self.buffers[number] {
            buffer.bytes[offset..offset + from.len()].copy_from_slice(from);
        }
        Ok(())
    }

    /// Reads to the host.
    pub fn read(&self, address: u64, to: &mut [u8]) -> Result<(), String> {
        let (number, offset) = self.find(address, to.len())?;
        if let Some(buffer) = &self.buffers[number] {
            to.copy_from_slice(&buffer.bytes[offset..offset + to.len()]);
        }
        Ok(())
    }

    /// Copies within the device.
    pub fn copy(&mut self, from: u64, to: u64, bytes: usize) -> Result<(), String> {
        let mut content = vec![0; bytes];
        self.read(from, &mut content)?;
        self.write(to, &content)
    }

    /// The buffer and the offset of an address at which so many bytes lie.
    #[inline(always)]
    fn find(&self, address: u64, bytes: usize) -> Result<(usize, usize), String> {
        let (number, offset) = ((address / STRIDE) as usize, (address % STRIDE) as usize);
        match self.buffers.get(number.wrapping_sub(1)) {
            Some(Some(buffer)) if offset + bytes <= buffer.bytes.len() => Ok((number - 1, offset)),
            found => Err(miss(address, bytes, found.map(|found| found.as_ref().map(|buffer| buffer.bytes.len())))),
        }
    }

    /// The bytes that a thread touches, after all checks but that of its slices.
    #[inline(always)]
    pub(super) fn touch(
        &mut self,
        address: u64,
        bytes: usize,
        kind: Kind,
        granule: usize,
        by: Thread,
        order: &Order,
    ) -> Result<&mut [u8], String> {
        let (number, offset) = self.find(address, bytes)?;
        let launch = self.launch;
        let Some(buffer) = &mut self.buffers[number] else { return Err(miss(address, bytes, Some(None))) };
        let shadow = match &mut buffer.shadow {
            Some(shadow) if shadow.granule == granule => shadow,
            place => place.insert(Shadow::new(buffer.bytes.len(), granule, false)),
        };
        shadow.stamp = launch;
        shadow.touch(offset, bytes, kind, by, order).map_err(|fault| fault.sentence(kind, address, by.lane))?;
        Ok(&mut buffer.bytes[offset..offset + bytes])
    }
}

/// The sentence for an address without memory. Each case knows the buffer's length, if there is or was one.
#[cold]
fn miss(address: u64, bytes: usize, buffer: Option<Option<usize>>) -> String {
    let offset = address % STRIDE;
    match buffer {
        _ if address == 0 => "the address is null".to_owned(),
        None => format!("address {address:#x} belongs to no buffer"),
        Some(None) => format!("address {address:#x} belongs to a buffer that was freed"),
        Some(Some(length)) => {
            format!("out of bounds: {bytes} bytes at byte {offset} of a buffer of {length} (address {address:#x})")
        }
    }
}

/// Whether the slices allow an access.
pub fn allowed(slices: &[Slice], address: u64, bytes: usize, writes: bool) -> Result<(), String> {
    let inside = |(start, length, _): &&Slice| address >= *start && address + bytes as u64 <= start + length;
    match slices.iter().find(|slice| inside(slice) && (slice.2 || !writes)) {
        Some(_) => Ok(()),
        None if slices.iter().any(|slice| inside(&slice)) => {
            Err(format!("address {address:#x} lies in a slice that this launch may only read"))
        }
        None => Err(format!("out of bounds: {bytes} bytes at {address:#x} lie in no slice of this launch")),
    }
}
