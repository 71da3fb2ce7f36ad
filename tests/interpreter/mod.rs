//! Executes PTX without a GPU, and finds what a GPU hides.
//!
//! A module is decoded once into an array of instructions. A register is an array of its 32 lanes, so that one dispatch
//! does the work of a warp. Every lane has its own place in the program, and the lowest place runs first, which brings
//! diverged lanes together again. Blocks run one after the other, their warps from barrier to barrier.
//!
//! These are errors, each a sentence with the line of the PTX text:
//! - an access out of bounds, misaligned, to freed memory, outside the slices of a launch, or writing where it may not;
//! - reading shared memory that nothing has written, or a register that the lane has not set;
//! - a race in shared or global memory, even if the order in which this interpreter happens to run would hide it;
//! - barriers that diverged lanes or only some of the warps reach, shuffles from lanes that take no part, endless loops.
//!
//! A [`Statistics`] of each launch counts instructions, memory sectors and bank conflicts.

mod access;
mod atomic;
mod calls;
mod compare;
mod convert;
mod copies;
mod declaration;
mod decode;
mod decode_arithmetic;
mod decode_control;
mod decode_memory;
mod execute;
mod float;
mod formula;
mod half;
mod header;
mod instruction;
mod integer;
mod launch;
mod matrix;
mod memory;
mod names;
mod order;
mod parse;
mod registers;
mod shadow;
mod statistics;
#[cfg(test)]
mod tests;
mod text;
mod together;
mod traffic;
mod types;
mod warp;
mod words;

pub use launch::launch;
pub use memory::{Memory, Slice};
pub use parse::Module;
pub use statistics::Statistics;
