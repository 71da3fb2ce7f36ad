//! Floor 9: trained posteriors held against the truth.

mod exact_regression;

pub use exact_regression::{Agreement, exact_regression};
