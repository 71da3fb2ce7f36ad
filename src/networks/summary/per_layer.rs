//! Options that are given once for all layers, or for each.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One value for all layers, or one for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerLayer<T> {
    /// The same for all layers.
    All(T),
    /// The first layer's, the second one's, …
    Each(Vec<T>),
}

impl<T: Copy> PerLayer<T> {
    /// How many layers it speaks of, if it does not speak of all.
    pub fn count(&self) -> Option<usize> {
        match self {
            PerLayer::All(_) => None,
            PerLayer::Each(values) => Some(values.len()),
        }
    }

    /// The value of a layer.
    pub fn get(&self, layer: usize) -> Option<T> {
        match self {
            PerLayer::All(value) => Some(*value),
            PerLayer::Each(values) => values.get(layer).copied(),
        }
    }

    /// The value of each of `layers` layers. Fails, naming the option, when it speaks of another number of layers.
    pub fn of(&self, name: &str, layers: usize) -> Result<Vec<T>> {
        match self {
            PerLayer::All(value) => Ok(vec![*value; layers]),
            PerLayer::Each(values) if values.len() == layers => Ok(values.clone()),
            PerLayer::Each(values) => {
                let message = format!("{} values for {layers} layers; give one for each, or one for all", values.len());
                Err(Error::argument(name, message))
            }
        }
    }
}
