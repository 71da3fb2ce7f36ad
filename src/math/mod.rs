//! Floor 1: scalar functions in f64 with their derivatives.
