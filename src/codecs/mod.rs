//! Floor 1: files as plain bytes and arrays.
//!
//! [`npz`] is NumPy's archive of arrays, [`safetensors`] the format of weights, [`read_arrays`] reads either, and HDF5 with the feature
//! `hdf5`; [`atomic_write`] the one way by which
//! files come into being: complete or not at all. Whatever a file contains, reading it gives arrays or a sentence.

mod array;
mod atomic;
mod elements;
mod files;
#[cfg(feature = "hdf5")]
pub mod hdf5;
mod npy;
pub mod npz;
pub mod safetensors;

#[cfg(test)]
mod tests;

pub use array::{Array, Dtype, Form, Values};
pub use atomic::atomic_write;
pub use files::{KNOWN_FORMATS, array_forms, holds_arrays, read_arrays};
