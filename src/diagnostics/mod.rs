//! Floor 9: numbers, pictures, report.

pub mod metrics;
pub mod plots;
pub mod report;
pub mod test_quantities;
pub mod variables;

pub use metrics::*;
pub use test_quantities::{QuantityFunction, TestQuantity, prepend_test_quantities};
pub use variables::{Draws, Truths, Variable, check_pair};
