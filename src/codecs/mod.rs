//! Floor 1: files as plain bytes and arrays. `npz`, `safetensors`, atomic writing.

mod array;

pub use array::{Array, Dtype, Values};
