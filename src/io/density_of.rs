//! Which way round a continuous model was trained.

use serde::{Deserialize, Serialize};

/// What a continuous model is the density of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DensityOf {
    /// Parameters given data: a posterior.
    Parameters,
    /// Data given parameters: a likelihood.
    Data,
}

impl DensityOf {
    /// The word for a model of it.
    pub fn name(self) -> &'static str {
        match self {
            DensityOf::Parameters => "posterior",
            DensityOf::Data => "likelihood",
        }
    }
}
