//! Draws beside the truth, for the metrics of a training.

use super::BuiltContinuousApproximator;
use crate::approximators::batch::{Batch, Matrix};
use crate::approximators::standardizer::Variable;
use crate::codecs::Array;
use crate::error::{Error, Result};
use crate::random::Key;

/// One draw for each data set of a batch and its inference variables, `[datasets, D]` both, standardised.
pub(super) fn compared(built: &BuiltContinuousApproximator, batch: &Batch, key: Key) -> Result<[Array; 2]> {
    let truth = batch
        .inference_variables
        .as_ref()
        .ok_or_else(|| Error::key("inference_variables", "is missing; give the values that draws are compared with"))?;
    let columns = built.dimensions().inference_variables;
    let drawn = Matrix { columns, values: built.sample(batch, 1, 0, key)? };
    let standardised = |matrix: &Matrix| {
        let mut values = Vec::new();
        built.standardizer.forward(Variable::InferenceVariables, "", matrix, &mut values)?;
        Array::f64([matrix.rows(), columns], values.into_iter().map(f64::from).collect())
    };
    Ok([standardised(&drawn)?, standardised(truth)?])
}
