//! The networks that files and the command line can name, and those that a user brings along.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::inference::{BuiltInferenceNetwork, CouplingFlow, InferenceNetwork};
use super::summary::{
    BuiltSummaryNetwork, ConvolutionalNetwork, DeepSet, Elements, FusionNetwork, FusionTransformer, SetTransformer,
    SummaryNetwork, TimeSeriesNetwork, TimeSeriesTransformer,
};
use crate::error::{Error, Result, nearest};
use crate::nn::Mlp;
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
    /// A convolutional network of images.
    ConvolutionalNetwork(ConvolutionalNetwork),
    /// A deep set.
    DeepSet(DeepSet),
    /// A network of its own for each of several inputs.
    FusionNetwork(FusionNetwork),
    /// A fusion transformer of series.
    FusionTransformer(FusionTransformer),
    /// A perceptron of vectors.
    Mlp(Mlp),
    /// A set transformer.
    SetTransformer(SetTransformer),
    /// Convolution and recurrence over series.
    TimeSeriesNetwork(TimeSeriesNetwork),
    /// A transformer of series.
    TimeSeriesTransformer(TimeSeriesTransformer),
    /// A network of the user's own; see [`InferenceChoice::Custom`].
    #[serde(skip)]
    Custom(Arc<dyn SummaryNetwork>),
}

impl InferenceChoice {
    /// The names that files and the command line take.
    pub const NAMES: &[&str] = &["coupling-flow"];

    /// The network of a name with its default configuration; the error for an unknown name lists the names there are.
    pub fn named(name: &str) -> Result<Self> {
        named("inference network", name, Self::NAMES)
    }

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

    /// Sets the probability of dropout everywhere; networks of the user's own stay as they are.
    pub fn set_dropout(&mut self, probability: f64) {
        match self {
            InferenceChoice::CouplingFlow(network) => network.subnet.dropout = probability,
            InferenceChoice::Custom(_) => {}
        }
    }

    /// The probability of dropout; none for networks of the user's own.
    pub fn dropout(&self) -> Option<f64> {
        match self {
            InferenceChoice::CouplingFlow(network) => Some(network.subnet.dropout),
            InferenceChoice::Custom(_) => None,
        }
    }

    fn network(&self) -> &dyn InferenceNetwork {
        match self {
            InferenceChoice::CouplingFlow(network) => network,
            InferenceChoice::Custom(network) => &**network,
        }
    }
}

impl SummaryChoice {
    /// The names that files and the command line take.
    pub const NAMES: &[&str] = &[
        "convolutional-network",
        "deep-set",
        "fusion-transformer",
        "set-transformer",
        "time-series-network",
        "time-series-transformer",
    ];

    /// The network of a name with its default configuration; the error for an unknown name lists the names there are.
    pub fn named(name: &str) -> Result<Self> {
        named("summary network", name, Self::NAMES)
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.network().name()
    }

    /// Gives the network weights for inputs by their names in alphabetical order; most networks read one.
    pub fn build(&self, builder: &Builder, inputs: &[(String, Elements)]) -> Result<Box<dyn BuiltSummaryNetwork>> {
        self.network().build_all(builder, inputs)
    }

    /// Sets the probability of dropout everywhere; networks of the user's own stay as they are.
    pub fn set_dropout(&mut self, probability: f64) {
        match self {
            SummaryChoice::ConvolutionalNetwork(network) => network.dropout = probability,
            SummaryChoice::DeepSet(network) => network.dropout = probability,
            SummaryChoice::FusionNetwork(network) => {
                network.backbones.values_mut().for_each(|backbone| backbone.set_dropout(probability));
                network.head.iter_mut().for_each(|head| head.dropout = probability);
            }
            SummaryChoice::FusionTransformer(network) => network.dropout = probability,
            SummaryChoice::Mlp(network) => network.dropout = probability,
            SummaryChoice::SetTransformer(network) => network.dropout = probability,
            SummaryChoice::TimeSeriesNetwork(network) => network.dropout = probability,
            SummaryChoice::TimeSeriesTransformer(network) => network.dropout = probability,
            SummaryChoice::Custom(_) => {}
        }
    }

    fn network(&self) -> &dyn SummaryNetwork {
        match self {
            SummaryChoice::ConvolutionalNetwork(network) => network,
            SummaryChoice::DeepSet(network) => network,
            SummaryChoice::FusionNetwork(network) => network,
            SummaryChoice::FusionTransformer(network) => network,
            SummaryChoice::Mlp(network) => network,
            SummaryChoice::SetTransformer(network) => network,
            SummaryChoice::TimeSeriesNetwork(network) => network,
            SummaryChoice::TimeSeriesTransformer(network) => network,
            SummaryChoice::Custom(network) => &**network,
        }
    }
}

fn named<T: serde::de::DeserializeOwned>(what: &str, name: &str, names: &[&str]) -> Result<T> {
    let choice =
        names.contains(&name).then(|| serde_json::from_value(serde_json::json!({ "kind": name })).ok()).flatten();
    choice.ok_or_else(|| {
        let hint = nearest(name, names.iter().copied()).map(|n| format!("did you mean {n}? ")).unwrap_or_default();
        Error::argument(what, format!("'{name}' is unknown; {hint}the names are: {}", names.join(", ")))
    })
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

impl From<ConvolutionalNetwork> for SummaryChoice {
    fn from(network: ConvolutionalNetwork) -> Self {
        SummaryChoice::ConvolutionalNetwork(network)
    }
}

impl From<TimeSeriesNetwork> for SummaryChoice {
    fn from(network: TimeSeriesNetwork) -> Self {
        SummaryChoice::TimeSeriesNetwork(network)
    }
}

impl From<DeepSet> for SummaryChoice {
    fn from(network: DeepSet) -> Self {
        SummaryChoice::DeepSet(network)
    }
}

impl From<FusionNetwork> for SummaryChoice {
    fn from(network: FusionNetwork) -> Self {
        SummaryChoice::FusionNetwork(network)
    }
}

impl From<FusionTransformer> for SummaryChoice {
    fn from(network: FusionTransformer) -> Self {
        SummaryChoice::FusionTransformer(network)
    }
}

impl From<Mlp> for SummaryChoice {
    fn from(network: Mlp) -> Self {
        SummaryChoice::Mlp(network)
    }
}

impl From<SetTransformer> for SummaryChoice {
    fn from(network: SetTransformer) -> Self {
        SummaryChoice::SetTransformer(network)
    }
}

impl From<TimeSeriesTransformer> for SummaryChoice {
    fn from(network: TimeSeriesTransformer) -> Self {
        SummaryChoice::TimeSeriesTransformer(network)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_a_network() {
        for name in InferenceChoice::NAMES {
            assert_eq!(InferenceChoice::named(name).unwrap().name(), *name);
        }
        for name in SummaryChoice::NAMES {
            assert_eq!(SummaryChoice::named(name).unwrap().name(), *name);
        }
        let message = SummaryChoice::named("deepset").unwrap_err().to_string();
        assert!(message.contains("did you mean deep-set?"), "{message}");
    }
}
