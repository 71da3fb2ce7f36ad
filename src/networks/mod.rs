//! Floor 6: summary networks, inference networks and networks of scoring rules.

mod choice;
pub mod inference;
pub mod scoring;
pub mod summary;

pub use choice::{InferenceChoice, SummaryChoice};
pub use inference::CouplingFlow;
pub use scoring::{PointNetwork, ScoringRule, ScoringRuleNetwork};
pub use summary::{
    ConvolutionalNetwork, DeepSet, FusionNetwork, FusionTransformer, SetTransformer, TimeSeriesNetwork,
    TimeSeriesTransformer,
};
