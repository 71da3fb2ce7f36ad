//! Memory of the host that the GPU copies from while the host goes on.
#![allow(unsafe_code)]

use std::ffi::c_void;

use cudarc::driver::{DriverError, result, sys};

/// Bytes of a half.
const HALF: usize = 8 << 20;

/// Two halves: while the copies from one are under way the other is filled.
pub(super) struct Staging {
    start: *mut c_void,
    /// Recorded behind the last copy from each half.
    done: [sys::CUevent; 2],
    half: usize,
    used: usize,
}

// SAFETY: memory and events belong to this alone, and the driver takes its handles from any thread.
unsafe impl Send for Staging {}

impl Staging {
    /// The context of the GPU must be current.
    pub(super) fn new() -> Result<Self, DriverError> {
        let event = || result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING);
        let done = [event()?, event()?];
        // SAFETY: the memory is given back in `drop`.
        let start = unsafe { result::malloc_host(2 * HALF, 0) }?;
        Ok(Staging { start, done, half: 0, used: 0 })
    }

    /// Starts a copy to the GPU; the bytes may change when this returns. The context of the stream must be current.
    pub(super) fn upload(&mut self, bytes: &[u8], to: u64, stream: sys::CUstream) -> Result<(), DriverError> {
        if bytes.len() > HALF {
            // SAFETY: the caller owns the memory behind the address; the driver has read pageable memory when the call returns.
            return unsafe { result::memcpy_htod_async(to, bytes, stream) };
        }
        if self.used + bytes.len() > HALF {
            // SAFETY: the events live as long as this.
            unsafe { result::event::record(self.done[self.half], stream) }?;
            (self.half, self.used) = (1 - self.half, 0);
            // SAFETY: as before. An event that was never recorded is complete.
            unsafe { result::event::synchronize(self.done[self.half]) }?;
        }
        // SAFETY: the place lies within the half, whose earlier copies are complete or lie before it.
        let place = unsafe {
            let place = self.start.cast::<u8>().add(self.half * HALF + self.used);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
            std::slice::from_raw_parts(place, bytes.len())
        };
        self.used += bytes.len().next_multiple_of(64);
        // SAFETY: nothing writes to the place until the event behind this copy is complete.
        unsafe { result::memcpy_htod_async(to, place, stream) }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // SAFETY: made by this, and given back once. What is under way ends first; a device that was lost has nothing to give back.
        unsafe {
            let _ = result::ctx::synchronize();
            let _ = result::free_host(self.start);
            for event in self.done {
                let _ = result::event::destroy(event);
            }
        }
    }
}
