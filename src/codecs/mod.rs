//! Floor 1: files as plain bytes and arrays.
//!
//! [`npz`] is NumPy's archive of arrays, [`safetensors`] the format of weights, [`atomic_write`] the one way by which
//! files come into being: complete or not at all. Whatever a file contains, reading it gives arrays or a sentence.

mod array;
mod atomic;
mod elements;
mod npy;
pub mod npz;
pub mod safetensors;

#[cfg(test)]
mod tests;

pub use array::{Array, Dtype, Form, Values};
pub use atomic::atomic_write;
