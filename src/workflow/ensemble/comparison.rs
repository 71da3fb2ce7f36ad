//! Ensembles of classifiers of models.

use super::EnsembleWorkflow;
use crate::approximators::ModelComparisonApproximator;
use crate::data::Record;
use crate::error::Result;
use crate::workflow::builder::WorkflowBuilder;
use crate::workflow::comparison::{ComparisonWorkflow, ModelPredictions};

impl EnsembleWorkflow<ModelComparisonApproximator> {
    /// `size` untrained members that compare the same models with the same networks; the seeds follow that of the comparison.
    pub fn of_comparison(comparison: &ComparisonWorkflow, size: usize) -> Result<Self> {
        EnsembleWorkflow::of_size(WorkflowBuilder::of(comparison.workflow()), size)
    }

    /// Posterior model probabilities of observed data sets: the means of the members', with equal weights.
    pub fn predict(&self, observed: &Record) -> Result<ModelPredictions> {
        self.predict_weighted(observed, &self.members.equal())
    }

    /// As [`predict`](Self::predict) with a weight for each member.
    pub fn predict_weighted(&self, observed: &Record, weights: &[f64]) -> Result<ModelPredictions> {
        let first = self.first().predict(observed)?;
        let values = self.members.mean(weights, |member| Ok(member.predict(observed)?.rows.concat()))?;
        let rows = values.chunks(first.models.len().max(1)).map(<[f64]>::to_vec).collect();
        Ok(ModelPredictions { rows, ..first })
    }

    /// Posterior model probabilities of each member, with its name.
    pub fn predict_members(&self, observed: &Record) -> Result<Vec<(String, ModelPredictions)>> {
        self.members.each(|_, member| member.predict(observed))
    }
}
