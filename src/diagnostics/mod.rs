//! Floor 9: numbers, pictures, report.
