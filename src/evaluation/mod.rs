//! Floor 9: trained posteriors held against the truth, and the bench of the field's workloads.

pub mod bench;
mod c2st;
mod exact_regression;
mod sbibm;

pub use c2st::ClassifierTest;
pub use exact_regression::{Agreement, exact_regression};
pub use sbibm::{SBIBM_TASKS, SbibmOptions, SbibmRow, SbibmTask, sbibm, sbibm_table};
