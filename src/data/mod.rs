//! Floor 7: records of named arrays and data sets.
//!
//! A [`Dataset`] gives the batch of a training step: simulated on the spot ([`OnlineDataset`]) or cut from memory
//! ([`OfflineDataset`]); [`Prefetch`] makes the next ones while the present one trains.

mod concatenate;
mod dataset;
pub mod io;
mod offline;
mod online;
mod prefetch;
mod record;

pub use dataset::{Augmentations, Dataset};
pub use offline::OfflineDataset;
pub use online::OnlineDataset;
pub use prefetch::Prefetch;
pub use record::{Column, Entry, Record, check_offsets};
