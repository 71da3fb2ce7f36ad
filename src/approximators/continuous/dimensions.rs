//! Widths of a batch's variables.

use serde::{Deserialize, Serialize};

use crate::approximators::batch::{Batch, Matrix};
use crate::error::{Error, Result};

/// Widths of the canonical variables that a model was built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimensions {
    /// Width of the inference variables.
    pub inference_variables: usize,
    /// Width of the inference conditions; 0 when there are none.
    pub inference_conditions: usize,
    /// Features of the elements of the summary variables; 0 when there are none.
    pub summary_variables: usize,
}

impl Dimensions {
    /// The widths of a batch.
    pub fn of(batch: &Batch) -> Result<Self> {
        let width = |matrix: &Option<Matrix>| matrix.as_ref().map_or(0, |m| m.columns);
        let dimensions = Dimensions {
            inference_variables: width(&batch.inference_variables),
            inference_conditions: width(&batch.inference_conditions),
            summary_variables: batch.summary_variables.as_ref().map_or(0, |sets| sets.elements.columns),
        };
        match dimensions.inference_variables {
            0 => Err(Error::key(
                "inference_variables",
                "is missing or has no column; name the parameters to infer in the adapter",
            )),
            _ => Ok(dimensions),
        }
    }
}
