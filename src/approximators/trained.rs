//! A trained head at the conditions of observed data.

use super::batch::Batch;
use super::conditioned::{Conditioned, Head};
use super::conditions::Reading;
use super::standardizer::{Standardizer, Variable};
use super::{BuiltApproximator, Dimensions};
use crate::error::{Error, Result};
use crate::parameters::Parameters;

/// Borrowed parts of a trained approximator, or of one member of an ensemble: what inference needs.
pub(super) struct Trained<'a, H> {
    pub parameters: &'a Parameters,
    pub standardizer: &'a Standardizer,
    pub dimensions: &'a Dimensions,
    pub networks: &'a Conditioned<H>,
}

impl<H: Head> BuiltApproximator<Conditioned<H>> {
    pub(super) fn trained(&self) -> Trained<'_, H> {
        Trained {
            parameters: &self.parameters,
            standardizer: &self.standardizer,
            dimensions: &self.dimensions,
            networks: &self.objective,
        }
    }
}

impl<H: Head> Trained<'_, H> {
    /// See [`BuiltApproximator::conditions`].
    pub fn conditions(&self, batch: &Batch) -> Result<Vec<f32>> {
        self.reading().conditions(batch)
    }

    /// See [`Reading::conditions_of_runs`].
    pub fn conditions_of_runs(&self, batch: &Batch, run: usize) -> Result<Vec<f32>> {
        self.reading().conditions_of_runs(batch, run)
    }

    fn reading(&self) -> Reading<'_> {
        let summary = self.networks.summary.as_deref();
        Reading { parameters: self.parameters, standardizer: self.standardizer, dimensions: self.dimensions, summary }
    }

    /// Standardised targets of a batch that the density of is asked for, `[datasets, D]`.
    pub fn targets(&self, batch: &Batch) -> Result<Vec<f32>> {
        let targets = batch.inference_variables.as_ref().ok_or_else(|| {
            Error::key("inference_variables", "is missing; give the values whose density is asked for")
        })?;
        let mut standardised = Vec::new();
        self.standardizer.forward(Variable::InferenceVariables, "", targets, &mut standardised)?;
        Ok(standardised)
    }
}
