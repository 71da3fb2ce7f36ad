//! The networks that files and the command line can name, and those that a user brings along.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::inference::{BuiltInferenceNetwork, CouplingFlow, InferenceNetwork};
use super::summary::{BuiltSummaryNetwork, DeepSet, SummaryNetwork};
use crate::error::Result;
use crate::parameters::Builder;
use crate::random::Key;

/// An inference network by its configuration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum InferenceChoice {
    /// A normalizing flow of coupling layers.
    CouplingFlow(CouplingFlow),
    /// A network of the user's own. It cannot be named in a file: a model with such a network is loaded by giving the
    /// network again.
    #[serde(skip)]
    Custom(Arc<dyn InferenceNetwork>),
}

/// A summary network by its configuration.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum SummaryChoice {
    /// A deep set.
    DeepSet(DeepSet),
    /// A network of the user's own; see [`InferenceChoice::Custom`].
    #[serde(skip)]
    Custom(Arc<dyn SummaryNetwork>),
}

impl InferenceChoice {
    /// The name.
    pub fn name(&self) -> &str {
        self.network().name()
    }

    /// Gives the network weights for `dimension` variables and `condition` condition features.
    pub fn build(
        &self,
        builder: &Builder,
        dimension: usize,
        condition: usize,
        key: Key,
    ) -> Result<Box<dyn BuiltInferenceNetwork>> {
        self.network().build(builder, dimension, condition, key)
    }

    fn network(&self) -> &dyn InferenceNetwork {
        match self {
            InferenceChoice::CouplingFlow(network) => network,
            InferenceChoice::Custom(network) => &**network,
        }
    }
}

impl SummaryChoice {
    /// The name.
    pub fn name(&self) -> &str {
        self.network().name()
    }

    /// Gives the network weights for elements with `features` features.
    pub fn build(&self, builder: &Builder, features: usize) -> Result<Box<dyn BuiltSummaryNetwork>> {
        self.network().build(builder, features)
    }

    fn network(&self) -> &dyn SummaryNetwork {
        match self {
            SummaryChoice::DeepSet(network) => network,
            SummaryChoice::Custom(network) => &**network,
        }
    }
}

impl Default for InferenceChoice {
    fn default() -> Self {
        InferenceChoice::CouplingFlow(CouplingFlow::default())
    }
}

impl From<CouplingFlow> for InferenceChoice {
    fn from(network: CouplingFlow) -> Self {
        InferenceChoice::CouplingFlow(network)
    }
}

impl From<Arc<dyn InferenceNetwork>> for InferenceChoice {
    fn from(network: Arc<dyn InferenceNetwork>) -> Self {
        InferenceChoice::Custom(network)
    }
}

impl From<DeepSet> for SummaryChoice {
    fn from(network: DeepSet) -> Self {
        SummaryChoice::DeepSet(network)
    }
}

impl From<Arc<dyn SummaryNetwork>> for SummaryChoice {
    fn from(network: Arc<dyn SummaryNetwork>) -> Self {
        SummaryChoice::Custom(network)
    }
}

impl std::fmt::Debug for InferenceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "inference network {}", self.name())
    }
}

impl std::fmt::Debug for SummaryChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "summary network {}", self.name())
    }
}
