//! Floor 9: numbers, pictures, report.

pub mod plots;
