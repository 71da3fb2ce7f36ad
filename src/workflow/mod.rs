//! Floor 9: workflows. Fit, resume, sample, diagnose: what most users need, in a few lines.

mod basic;
mod callback;
mod checkpoint;
mod fit;
mod history;
mod trainer;

pub use basic::{BasicWorkflow, Validation, WorkflowBuilder};
pub use callback::{Callback, Control, EpochRecord, StepRecord};
pub use checkpoint::Checkpoint;
pub use fit::Fit;
pub use history::{Event, History};
pub use trainer::Trainer;
