//! Floor 9: model files and run folders.
