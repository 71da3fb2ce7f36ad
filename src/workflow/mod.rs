//! Floor 9: workflows. Fit, resume, sample, diagnose: what most users need, in a few lines.

mod basic;
mod blocks;
mod builder;
mod callback;
mod checkpoint;
mod defaults;
mod diagnose;
mod fit;
mod fitting;
mod history;
mod inference;
mod likelihood;
mod observed;
mod pictures;
mod roles;
mod run;
mod trainer;
mod variables;

pub use basic::{BasicWorkflow, Workflow};
pub use builder::WorkflowBuilder;
pub use callback::{Callback, Control, EpochRecord, StepRecord};
pub use checkpoint::Checkpoint;
pub use defaults::{Defaults, linear_regression_adapter};
pub use diagnose::Diagnosis;
pub use fit::Fit;
pub use fitting::Validation;
pub use history::{Event, History};
pub use likelihood::LikelihoodWorkflow;
pub use roles::Roles;
pub use run::{DiagnosticsOptions, FitOptions, Run, RunConfig, available_threads};
pub use trainer::Trainer;
