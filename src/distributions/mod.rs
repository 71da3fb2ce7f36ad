//! Floor 5: base distributions.
