//! Floor 7: transforms between data and network space.
