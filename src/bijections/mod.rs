//! Floor 5: maps with inverse and log-determinant.
