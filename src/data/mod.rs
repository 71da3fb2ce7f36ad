//! Floor 7: records of named arrays and data sets.
//!
//! A [`Dataset`] gives the batch of a training step: simulated on the spot ([`OnlineDataset`]), cut from memory
//! ([`OfflineDataset`]) or read from a folder of files ([`DiskDataset`]); [`Prefetch`] makes the next ones while the present one trains.

mod concatenate;
mod dataset;
mod disk;
pub mod io;
mod nnpe;
mod offline;
mod online;
mod prefetch;
mod record;
mod remembered;
mod shards;
mod shuffle;

pub use dataset::{Augmentations, Dataset};
pub use disk::DiskDataset;
pub use nnpe::Nnpe;
pub use offline::OfflineDataset;
pub use online::OnlineDataset;
pub use prefetch::Prefetch;
pub use record::{Column, Entry, Record, check_offsets};
pub use remembered::RememberedDataset;
pub use shards::{Shard, Shards};
pub use shuffle::WindowShuffle;
