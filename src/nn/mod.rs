//! Floor 5: layers.
