//! Errors of a GPU, which come later than the call that caused them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Error, Result};

/// The first error of a device since it was opened. A device that failed once computes nothing more that could be trusted.
pub(super) struct Faults {
    name: String,
    device: wgpu::Device,
    first: Arc<Mutex<Option<String>>>,
}

fn note(first: &Mutex<Option<String>>, message: String) {
    first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
}

impl Faults {
    /// Keeps the first error of a device instead of a panic.
    pub(super) fn watch(device: &wgpu::Device, name: &str) -> Self {
        let first = Arc::new(Mutex::new(None));
        let kept = first.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let message = match &error {
                wgpu::Error::OutOfMemory { .. } => "its memory is full; use smaller batches, or choose cpu".to_string(),
                other => format!("an operation failed ({other}); choose cpu, and report this"),
            };
            note(&kept, message);
        }));
        let kept = first.clone();
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                let message = format!("the GPU was lost ({}); start again, or choose cpu", message.trim());
                note(&kept, message);
            }
        });
        Faults { name: name.to_string(), device: device.clone(), first }
    }

    /// The first error, if there was one.
    pub(super) fn check(&self) -> Result<()> {
        match &*self.first.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(message) => Err(Error::device(&self.name, message.clone())),
            None => Ok(()),
        }
    }

    /// Does something whose errors of a kind come back at once.
    pub(super) fn scope<T>(&self, kind: wgpu::ErrorFilter, f: impl FnOnce() -> Result<T>) -> Result<T> {
        let scope = self.device.push_error_scope(kind);
        let done = f();
        match pollster::block_on(scope.pop()) {
            Some(error) => Err(Error::device(&self.name, error.to_string())),
            None => done,
        }
    }
}
