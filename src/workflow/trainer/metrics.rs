//! The metrics of the validation data.

use super::Trainer;
use crate::approximators::{Batch, Trainable};
use crate::codecs::Array;
use crate::data::Record;
use crate::diagnostics::StreamingMetric;
use crate::error::Result;
use crate::random::Key;

/// The value of a metric after an epoch, under its name; none where it could not be computed.
pub(in crate::workflow) type Measured = (&'static str, Option<f64>);

/// Metrics, and how what they compare is drawn.
pub(super) struct Metrics<A> {
    all: Vec<Box<dyn StreamingMetric>>,
    compared: fn(&A, &Batch, Key) -> Result<[Array; 2]>,
}

impl<'a, A: Trainable> Trainer<'a, A> {
    /// Metrics of the validation data after each epoch, of what `compared` gives for a batch: draws and the truth, `[datasets, D]`
    /// both.
    pub(in crate::workflow) fn metrics(
        mut self,
        all: Vec<Box<dyn StreamingMetric>>,
        compared: fn(&A, &Batch, Key) -> Result<[Array; 2]>,
    ) -> Self {
        self.state.history.name_metrics(all.iter().map(|metric| metric.name()));
        self.metrics = Some(Metrics { all, compared });
        self
    }

    /// The values of all metrics on adapted data. A metric that refuses what it is given has no value, and an event says why.
    pub(super) fn measure(&mut self, adapted: &Record) -> Result<Vec<Measured>> {
        let Some(mut metrics) = self.metrics.take() else { return Ok(Vec::new()) };
        let compared = self.compared(metrics.compared, adapted);
        let mut measured = Vec::with_capacity(metrics.all.len());
        let outcome = compared.map(|[draws, truth]| {
            for metric in &mut metrics.all {
                metric.reset();
                if let Err(error) = metric.update(&draws, &truth) {
                    let epoch = self.state.epoch;
                    self.event(format!("after epoch {epoch} {} could not be computed: {error}", metric.name()));
                }
                measured.push((metric.name(), metric.result().filter(|value| value.is_finite())));
            }
        });
        self.metrics = Some(metrics);
        outcome.map(|()| measured)
    }

    /// Draws and truth of all data sets, as many at a time as in a training step.
    fn compared(&self, compared: fn(&A, &Batch, Key) -> Result<[Array; 2]>, adapted: &Record) -> Result<[Array; 2]> {
        let key = self.key.fork("metrics");
        let rows = adapted.datasets()?.unwrap_or(0);
        let mut values = [Vec::new(), Vec::new()];
        for start in (0..rows).step_by(self.fit.batch_size) {
            let part: Vec<usize> = (start..rows.min(start + self.fit.batch_size)).collect();
            let batch = Batch::from_record(&adapted.select(&part)?)?;
            let pair = compared(self.approximator, &batch, key.at(start as u64))?;
            values.iter_mut().zip(pair).for_each(|(values, array)| values.extend(array.to_f64()));
        }
        let [draws, truth] = values.map(|values| Array::f64([rows, values.len() / rows.max(1)], values));
        Ok([draws?, truth?])
    }
}
