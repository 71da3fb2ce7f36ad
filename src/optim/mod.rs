//! Floor 4: optimizers, clipping, schedules.
