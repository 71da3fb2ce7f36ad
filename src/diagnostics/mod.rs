//! Floor 9: numbers, pictures, report.

pub mod metrics;
pub mod plots;
pub mod report;
pub mod variables;

pub use metrics::*;
pub use variables::{Draws, TestQuantity, Truths, Variable, check_pair, prepend_test_quantities};
