//! Floor 9: fit, resume, sample, diagnose.
