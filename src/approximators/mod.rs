//! Floor 8: approximators.
