//! Floor 4: all weights of a model in one flat named buffer.
