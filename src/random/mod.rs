//! Floor 1: counter-based random streams.

mod philox;

pub use philox::{Key, Stream, philox4x32, philox4x32_many};
pub(crate) use philox::{MULTIPLIERS, ROUNDS, WEYL};
