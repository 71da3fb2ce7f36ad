//! The CPU as a device.

pub mod lanes;
pub mod matrix;
pub mod scratch;
pub mod threads;
pub mod vector;
