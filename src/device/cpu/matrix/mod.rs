//! The product of two matrices, with bias and activation.
//!
//! [`product`] computes `z = A·B + bias`, `y = f(z)` and stores y into C or adds it to C. What is promised:
//!
//! * each element of z is one chain of fused multiply-adds over k in ascending order, starting from the bias (or
//!   from 0): `z ← fma(a[i, k], b[k, j], z)`, whatever the sizes and strides;
//! * with [`Epilogue::accumulate`] y is added to C at the end, `c ← c + y`, as if y had been stored and then added.
//!
//! So a row's result does not depend on the other rows, on its place, on the tiles, on the number of threads, nor on the
//! instruction set. k is never split over threads. After the largest sizes were seen, no call allocates.
//!
//! How it is done: B is copied into panels of two vectors' width (a last narrow panel has one), so that the kernel reads
//! it in order; the kernel in `tile` holds a tile of C in registers and walks along k, broadcasting elements of A from
//! where they lie (rows or columns contiguous; other strides are copied first). Long products are cut along k into blocks
//! that fit the second-level cache; between blocks the partial sums rest in memory, which does not change them.
//! The activation runs over the rows of a chunk while they are in the first-level cache.
#![allow(unsafe_code)]

mod across;
mod chunk;
mod pack;
mod packed;
mod product;
mod small;
#[cfg(test)]
mod tests;
mod tile;
mod transpose;
mod view;

pub use across::{ACROSS, AcrossProduct, BeginRows};
pub use pack::PackPanel;
pub use packed::{Begin, PackedProduct, pack, packed_length};
pub use product::{Epilogue, product};
pub use small::{SmallProduct, Zeros};
pub use transpose::Transpose;
pub use view::{Output, View};
