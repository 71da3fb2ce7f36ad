//! Floor 7: records of named arrays and data sets.

mod concatenate;
mod record;

pub use record::{Column, Entry, Record, check_offsets};
