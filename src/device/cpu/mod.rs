//! The CPU as a device.

pub mod lanes;
pub mod scratch;
pub mod threads;
