//! Floor 4: optimizers, clipping, learning-rate schedules, moving averages of weights.

mod adam;
mod average;
mod schedule;

pub use adam::{Adam, AdamState, Clipping, MOST_STARTED, Matrices, Optimizer, SMALLEST_SIDE, StepReport};
pub use average::MovingAverage;
pub use schedule::Schedule;
