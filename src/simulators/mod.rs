//! Floor 7: simulators and their composition.
