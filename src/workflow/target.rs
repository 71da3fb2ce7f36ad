//! Densities of parameters, in the space where the adapter has taken them: what a sampler moves in.

use super::basic::{BasicWorkflow, Workflow};
use super::density::JointDensity;
use crate::adapters::Strictness;
use crate::approximators::{Approximator, ContinuousApproximator};
use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::Result;
use crate::mcmc::{Chains, LogDensity, Nuts};
use crate::random::Key;

/// Relative step of the differences that stand for gradients. They decide where a sampler looks, not what it accepts.
const STEP: f64 = 1e-4;

/// A log-density of parameters seen from network space: `ln p(θ(z)) + ln |det dθ/dz|`, with gradients by central differences.
pub(super) struct Mapped<'a, A: Approximator> {
    pub workflow: &'a Workflow<A>,
    /// `ln p` for rows of parameters.
    pub log_density: &'a dyn Fn(&Record) -> Result<Vec<f64>>,
}

impl<A: Approximator> Mapped<'_, A> {
    /// Values and gradients at points `[count, D]`.
    pub fn evaluate(&self, points: &[f64], d: usize, values: &mut [f64], gradients: &mut [f64]) -> Result<()> {
        let count = points.len() / d;
        let mut around = Vec::with_capacity(points.len() * (2 * d + 1));
        let step = |x: f64| STEP * x.abs().max(1.0);
        for point in points.chunks(d) {
            around.extend_from_slice(point);
            for i in 0..d {
                for sign in [1.0, -1.0] {
                    let start = around.len();
                    around.extend_from_slice(point);
                    around[start + i] += sign * step(point[i]);
                }
            }
        }
        let all = self.log_densities(around, d)?;
        for (at, all) in all.chunks(2 * d + 1).enumerate().take(count) {
            values[at] = all[0];
            for i in 0..d {
                let (up, down) = (all[1 + 2 * i], all[2 + 2 * i]);
                let slope = (up - down) / (2.0 * step(points[at * d + i]));
                // At the edge of the support there is no slope to follow.
                gradients[at * d + i] = if slope.is_finite() { slope } else { 0.0 };
            }
        }
        Ok(())
    }

    fn log_densities(&self, points: Vec<f64>, d: usize) -> Result<Vec<f64>> {
        let rows = points.len() / d;
        let mut record = Record::new();
        record.insert("inference_variables", Column::dense(Array::f64([rows, d], points)?));
        let (back, log_det) = self.workflow.adapter.inverse_with_log_det(&record, Strictness::Lenient)?;
        let mut values = (self.log_density)(&self.workflow.in_shape(&back, rows)?)?;
        for key in log_det.keys() {
            if let Some(part) = log_det.get(key)? {
                values.iter_mut().zip(part).for_each(|(value, part)| *value += part);
            }
        }
        Ok(values)
    }
}

/// Draws of chains as parameters, name → `[datasets, chains · draws, dim]`.
pub(super) fn posterior_draws<A: Approximator>(workflow: &Workflow<A>, all: &[Chains], d: usize) -> Result<Record> {
    let values: Vec<f64> = all.iter().flat_map(Chains::values).collect();
    let draws = values.len() / d / all.len().max(1);
    let mut record = Record::new();
    record.insert("inference_variables", Column::dense(Array::f64([all.len(), draws, d], values)?));
    workflow.adapter.inverse(&record, Strictness::Lenient)
}

impl<A: Approximator> Workflow<A> {
    /// Rows of parameters in the shapes that simulators give them.
    pub(super) fn in_shape(&self, parameters: &Record, rows: usize) -> Result<Record> {
        let mut record = Record::new();
        for info in &self.variables.0 {
            let array = parameters.column(&info.name)?.array.clone();
            let array = if info.axes <= 1 { array.reshape(vec![rows])? } else { array };
            record.insert(info.name.as_str(), Column::dense(array));
        }
        Ok(record)
    }
}

impl BasicWorkflow {
    /// Posterior draws by the No-U-Turn sampler for a joint density, learned or known, with chains that start from amortized draws:
    /// what to do where [`refine`](Self::refine) warns. Name → `[datasets, draws, dim]`, and the chains with their diagnostics.
    pub fn sample_exactly(
        &self,
        observed: &Record,
        density: &dyn JointDensity,
        nuts: &Nuts,
    ) -> Result<(Record, Vec<Chains>)> {
        self.expect_posterior()?;
        let built = self.approximator()?;
        let d = built.dimensions().inference_variables;
        let batch = self.adapted(observed, false)?;
        let key = Key::new(self.seed()).fork("nuts");
        let starts = built.sample(&batch, nuts.chains.max(1), 0, key.fork("starts"))?;
        let mut all = Vec::with_capacity(batch.datasets);
        for dataset in 0..batch.datasets {
            let of_rows = |parameters: &Record| density.log_joint(&self.with_data(parameters, observed, dataset)?);
            let target = Target { mapped: Mapped { workflow: self, log_density: &of_rows }, dimension: d };
            let own = &starts[dataset * nuts.chains.max(1) * d..][..nuts.chains.max(1) * d];
            all.push(nuts.sample(&target, Some(own), key.at(dataset as u64))?);
        }
        Ok((posterior_draws(self, &all, d)?, all))
    }
}

struct Target<'a> {
    mapped: Mapped<'a, ContinuousApproximator>,
    dimension: usize,
}

impl LogDensity for Target<'_> {
    fn dimension(&self) -> usize {
        self.dimension
    }

    fn evaluate(&self, points: &[f64], log_densities: &mut [f64], gradients: &mut [f64]) -> Result<()> {
        self.mapped.evaluate(points, self.dimension, log_densities, gradients)
    }
}
