//! Floor 6: summary networks and inference networks.

mod choice;
pub mod inference;
pub mod summary;

pub use choice::{InferenceChoice, SummaryChoice};
pub use inference::CouplingFlow;
pub use summary::{
    ConvolutionalNetwork, DeepSet, FusionNetwork, FusionTransformer, SetTransformer, TimeSeriesNetwork,
    TimeSeriesTransformer,
};
