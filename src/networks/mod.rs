//! Floor 6: summary and inference networks.
