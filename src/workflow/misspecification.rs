//! Are observed data like the simulations that a model was trained on?

use super::basic::Workflow;
use crate::adapters::Strictness;
use crate::approximators::{Approximator, Batch, Matrix, Typicality};
use crate::codecs::Array;
use crate::data::{Dataset, Record};
use crate::diagnostics::plots::{Figure, HypothesisTestSeries, mmd_hypothesis_test};
use crate::diagnostics::{
    BootstrapComparison, MaximumMeanDiscrepancy, NullSample, binomial_tails, mmd_comparison, null_rows,
};
use crate::error::Result;

/// The p-value up to which a data set is called atypical.
pub const ATYPICAL: f64 = 0.01;
/// Data sets of the training that say what is typical.
const TYPICAL: usize = 1024;
/// So many atypical data sets are unlikely by chance when their probability is at most this: a single one among one is mentioned.
const SURPRISING: f64 = 0.0101;

impl<A: Approximator> Workflow<A> {
    /// How typical each observed data set is of the simulations of the training, as a p-value in the space that the last network
    /// reads ([`Typicality`]), `[datasets]`. `None` for models that were trained on fewer than forty data sets or have no conditions,
    /// and for those of older files.
    pub fn typicality(&self, observed: &Record) -> Result<Option<Vec<f64>>> {
        let Some(typicality) = &self.typicality else { return Ok(None) };
        Ok(Some(typicality.p_values(&self.approximator()?.conditions(&self.adapted(observed, false)?)?)?))
    }

    /// A sentence about observed data sets that are unlike the simulations; `None` where there is nothing to say. Of many data sets
    /// some are atypical by chance, and are not mentioned.
    pub fn warn_atypical(&self, observed: &Record) -> Result<Option<String>> {
        let Some(p_values) = self.typicality(observed)? else { return Ok(None) };
        let count = p_values.len();
        let atypical: Vec<usize> = (0..count).filter(|&i| p_values[i] <= ATYPICAL).collect();
        if atypical.is_empty() || at_least(atypical.len(), count)? > SURPRISING {
            return Ok(None);
        }
        let shown: Vec<String> = atypical.iter().take(10).map(|&i| format!("{i} (p = {:.3})", p_values[i])).collect();
        let more = if atypical.len() > 10 { ", …" } else { "" };
        Ok(Some(format!(
            "{} of {count} observed data sets unlike the simulations of the training: {}{more}; the posterior there is an \
             extrapolation, so check the data and the simulator",
            atypical.len(),
            shown.join(", "),
        )))
    }

    /// Learned summary statistics of data sets, `[datasets, K]`; an error for models without a summary network.
    pub fn summaries(&self, data: &Record) -> Result<Matrix> {
        self.approximator()?.summaries(&self.adapted(data, false)?)
    }

    /// What the last network reads of data sets: conditions beside summaries, `[datasets, C + K]`.
    pub fn conditions(&self, data: &Record) -> Result<Matrix> {
        let batch = self.adapted(data, false)?;
        let values = self.approximator()?.conditions(&batch)?;
        Ok(Matrix {
            columns: values.len() / batch.datasets.max(1),
            values: values.into_iter().map(f64::from).collect(),
        })
    }

    /// Whether observed data sets, all together, come from where reference data sets (simulations) come from: their maximum mean
    /// discrepancy in the space that the last network reads, and its distribution under that hypothesis from `null_samples`
    /// permutations. The level of the test is exact.
    ///
    /// The peer draws null samples from the reference with replacement and compares them with what they were drawn from, so that its
    /// test rejects too often; [`mmd_comparison`] with [`NullSample::Bootstrap`] is that. Unlike there, models without a summary
    /// network are tested on their conditions.
    pub fn summary_space_comparison(
        &self,
        observed: &Record,
        reference: &Record,
        null_samples: usize,
    ) -> Result<BootstrapComparison> {
        let array = |data: &Record| {
            let Matrix { columns, values } = self.conditions(data)?;
            Array::f64([values.len() / columns.max(1), columns], values)
        };
        let (observed, reference) = (array(observed)?, array(reference)?);
        let (m, n) = (observed.shape()[0], reference.shape()[0]);
        let rows = null_rows(m, n, null_samples, NullSample::Permuted, self.key().fork("misspecification"))?;
        mmd_comparison(&observed, &reference, &MaximumMeanDiscrepancy::default(), &rows, NullSample::Permuted)
    }

    /// How the first thousand data sets of a training look to the trained networks. Batches are functions of their number, so that a
    /// training that was interrupted comes to the same.
    pub(super) fn typicality_of(&self, dataset: &dyn Dataset, steps: usize) -> Result<Option<Typicality>> {
        let built = self.approximator()?;
        let mut conditions = Vec::new();
        let mut datasets = 0;
        for step in 0..steps.min(TYPICAL.div_ceil(dataset.batch_size())) as u64 {
            let pass = Strictness::Strict.with_key(self.key().fork("typicality").at(step));
            let batch = Batch::from_record(&self.adapter.forward(&dataset.batch(step)?, pass)?)?;
            conditions.extend(built.conditions(&batch)?);
            datasets += batch.datasets;
        }
        Ok(Typicality::of(&conditions, conditions.len() / datasets.max(1)))
    }
}

/// The picture of a test: the null distribution, the observed distance, and the rejection area of a level such as 0.05.
pub fn mmd_figure(test: &BootstrapComparison, level: f64) -> Result<Figure> {
    mmd_hypothesis_test(&HypothesisTestSeries {
        null: test.null.clone(),
        observed: Some(test.observed),
        critical: test.critical(level),
        level,
        p_value: Some(test.p_value),
    })
}

/// The probability that at least so many of `count` data sets are atypical by chance.
fn at_least(atypical: usize, count: usize) -> Result<f64> {
    Ok(binomial_tails(atypical, count, ATYPICAL)?.1)
}
