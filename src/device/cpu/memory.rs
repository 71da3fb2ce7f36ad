//! Aligned memory of the CPU device.

#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

use crate::error::{Error, Result};

/// Alignment in bytes: a cache line, and the width of the widest lanes.
const ALIGNMENT: usize = 64;

/// Words of memory that are read and written only while the device is locked.
#[derive(Debug)]
pub(in crate::device) struct Words {
    start: NonNull<u32>,
    layout: Layout,
}

// SAFETY: the memory is plain words owned by this value; every access goes through `pointer` under the device's lock.
unsafe impl Send for Words {}
// SAFETY: as above, the lock of the device orders all accesses.
unsafe impl Sync for Words {}

impl Words {
    pub(in crate::device) fn new(words: usize) -> Result<Self> {
        let failure =
            || Error::device("cpu", format!("{words} words of memory are not to be had; use smaller batches"));
        let bytes = words.max(1).checked_mul(4).ok_or_else(failure)?;
        let layout = Layout::from_size_align(bytes, ALIGNMENT).map_err(|_| failure())?;
        // SAFETY: the layout has a size of at least four bytes.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) }.cast()).ok_or_else(failure)?;
        Ok(Words { start, layout })
    }

    pub(super) fn pointer(&self) -> *mut u32 {
        self.start.as_ptr()
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: allocated in `new` with this layout.
        unsafe { dealloc(self.start.as_ptr().cast(), self.layout) }
    }
}
