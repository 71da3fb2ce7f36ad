//! The names that a study needs: `use ferroflow::prelude::*;`.

pub use crate::adapters::{Adapter, Strictness, between, lower, upper};
pub use crate::approximators::{ContinuousApproximator, Variable};
pub use crate::codecs::{Array, Dtype};
pub use crate::data::{Column, Record};
pub use crate::device::Device;
pub use crate::error::{Error, Result};
pub use crate::make_simulator;
pub use crate::networks::{
    ConvolutionalNetwork, CouplingFlow, DeepSet, FusionNetwork, FusionTransformer, PointNetwork, ScoringRule,
    ScoringRuleNetwork, SetTransformer, TimeSeriesNetwork, TimeSeriesTransformer,
};
pub use crate::nn::Mlp;
pub use crate::random::{Key, Stream};
pub use crate::simulators::{Draw, LinearRegression, Simulator, View};
pub use crate::workflow::{
    BasicWorkflow, ComparisonWorkflow, EnsembleWorkflow, Fit, JointWorkflow, LikelihoodWorkflow, PointWorkflow,
    RatioWorkflow, Roles, Validation, linear_regression_adapter,
};
