//! Floor 9: model files and run folders.

mod density_of;
mod model_file;
mod run_folder;

pub use density_of::DensityOf;
pub use model_file::{Header, ModelFile, TrainingState, TrainingSummary, VariableInfo, kind_of_model};
pub use run_folder::RunFolder;
