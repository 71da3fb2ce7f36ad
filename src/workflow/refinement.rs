//! Posterior draws weighted by a likelihood: corrected, with the evidence, and with a warning where they cannot be.

use super::basic::BasicWorkflow;
use super::density::JointDensity;
use crate::adapters::Strictness;
use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::diagnostics::plots::{Figure, pareto_k};
use crate::diagnostics::{Psis, psis};
use crate::error::{Error, Result};
use crate::io::DensityOf;
use crate::random::Key;

/// Draws whose joint density is asked for at once.
const ROWS_AT_ONCE: usize = 4096;

/// Amortized draws with importance weights `w = p(θ) p(x | θ) / q(θ | x)`, smoothed (PSIS).
#[derive(Debug, Clone)]
pub struct Refinement {
    /// The amortized draws, name → `[datasets, draws, dim]`.
    pub draws: Record,
    /// Weights, effective number of draws, `k̂` and evidence of each data set.
    pub weights: Vec<Psis>,
    /// `ln p(θ) + ln p(x | θ)` of each draw, `[datasets][draws]`.
    pub log_joint: Vec<Vec<f64>>,
    /// `ln q(θ | x)` of each draw, `[datasets][draws]`.
    pub log_prob: Vec<Vec<f64>>,
    seed: u64,
}

/// The logarithm of a mean over draws with its Monte Carlo error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMean {
    /// The logarithm of the mean, nats.
    pub value: f64,
    /// Its standard error, nats.
    pub standard_error: f64,
}

impl BasicWorkflow {
    /// Draws as [`sample`](Self::sample) makes them, and `ln q(θ | x)` of each on the parameters' original scale, `[datasets][draws]`.
    pub fn sample_with_log_prob(&self, observed: &Record, draws: usize) -> Result<(Record, Vec<Vec<f64>>)> {
        let built = self.approximator()?;
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        let batch = self.adapted(observed, false)?;
        let (values, mut log_prob) = built.sample_with_log_prob(&batch, draws, Key::new(self.seed).fork("sample"))?;
        let rows = batch.datasets * draws;
        let mut record = Record::new();
        let array = Array::new([rows, built.dimensions().inference_variables], Values::F64(values))?;
        record.insert("inference_variables", Column::dense(array));
        let (back, log_det) = self.adapter.inverse_with_log_det(&record, Strictness::Lenient)?;
        for key in log_det.keys() {
            if let Some(values) = log_det.get(key)? {
                log_prob.iter_mut().zip(values).for_each(|(l, v)| *l -= v);
            }
        }
        let mut draws_of = Record::new();
        for (key, column) in back.columns() {
            let shape = [&[batch.datasets, draws], &column.array.shape()[1..]].concat();
            draws_of.insert(key, Column::dense(column.array.clone().reshape(shape)?));
        }
        Ok((draws_of, log_prob.chunks(draws).map(<[f64]>::to_vec).collect()))
    }

    /// Weighs amortized draws of each observed data set by prior and likelihood, known or learned.
    ///
    /// Where `k̂` of a data set is above its threshold, the draws are too far from the posterior to be corrected, and
    /// [`Psis::sentence`] says so: start a sampler from them ([`sample_exactly`](Self::sample_exactly)).
    ///
    /// # Errors
    /// A model that is known to be a likelihood, no draws, and what the density reports.
    pub fn refine(&self, observed: &Record, draws: usize, density: &dyn JointDensity) -> Result<Refinement> {
        self.expect_posterior()?;
        let (sampled, log_prob) = self.sample_with_log_prob(observed, draws)?;
        let mut log_joint = Vec::with_capacity(log_prob.len());
        let mut weights = Vec::with_capacity(log_prob.len());
        for (dataset, log_q) in log_prob.iter().enumerate() {
            let mut joint = Vec::with_capacity(draws);
            for first in (0..draws).step_by(ROWS_AT_ONCE) {
                let range = first..draws.min(first + ROWS_AT_ONCE);
                let parameters = rows_of(&sampled, dataset, range)?;
                joint.extend(density.log_joint(&self.with_data(&parameters, observed, dataset)?)?);
            }
            if let Some(at) = joint.iter().position(|value| value.is_nan()) {
                let message = format!("is NaN for draw {at} of data set {dataset}; return −∞ outside of the support");
                return Err(Error::value("log_joint", message));
            }
            let log_weights: Vec<f64> = joint.iter().zip(log_q).map(|(p, q)| p - q).collect();
            weights.push(psis(&log_weights)?);
            log_joint.push(joint);
        }
        Ok(Refinement { draws: sampled, weights, log_joint, log_prob, seed: self.seed })
    }

    /// An error for a likelihood, whose draws are data.
    pub(super) fn expect_posterior(&self) -> Result<()> {
        match self.density_of() {
            Some(DensityOf::Data) => {
                let message = "is a likelihood, and draws of a posterior are needed here; give the posterior";
                Err(Error::argument("model", message))
            }
            _ => Ok(()),
        }
    }

    /// Rows of parameters `[rows, dim]`, in the shapes of the simulator, beside as many copies of an observed data set.
    pub(super) fn with_data(&self, parameters: &Record, observed: &Record, dataset: usize) -> Result<Record> {
        let rows = parameters.datasets()?.unwrap_or(0);
        let mut record = observed.select(&vec![dataset; rows])?;
        for (name, column) in self.in_shape(parameters, rows)?.columns() {
            record.insert(name, column.clone());
        }
        Ok(record)
    }
}

impl Refinement {
    /// `draws` draws of the corrected posterior for each data set, chosen among the amortized ones by their weights: name →
    /// `[datasets, draws, dim]`.
    pub fn resample(&self, draws: usize) -> Result<Record> {
        let key = Key::new(self.seed).fork("resample");
        let chosen: Vec<Vec<usize>> =
            self.weights.iter().enumerate().map(|(i, weights)| weights.resample(draws, key.at(i as u64))).collect();
        let mut record = Record::new();
        for (name, column) in self.draws.columns() {
            let shape = column.array.shape();
            let (all, width) = (shape[1], shape[2..].iter().product::<usize>());
            let values = column.array.to_f64();
            let mut out = Vec::with_capacity(chosen.len() * draws * width);
            for (dataset, chosen) in chosen.iter().enumerate() {
                for &draw in chosen {
                    let start = (dataset * all + draw) * width;
                    out.extend_from_slice(&values[start..start + width]);
                }
            }
            let shape = [&[shape[0], draws], &shape[2..]].concat();
            record.insert(name, Column::dense(Array::f64(shape, out)?));
        }
        Ok(record)
    }

    /// `ln p(x)` of each data set, the mean of the smoothed weights, with its error.
    pub fn log_evidence(&self) -> Vec<LogMean> {
        let of =
            |weights: &Psis| LogMean { value: weights.log_mean_weight, standard_error: weights.log_mean_weight_error };
        self.weights.iter().map(of).collect()
    }

    /// `k̂` of each data set over the threshold.
    pub fn figure(&self) -> Result<Figure> {
        let k_hats: Vec<f64> = self.weights.iter().map(|weights| weights.k_hat).collect();
        let threshold = self.weights.iter().map(|weights| weights.threshold).fold(f64::INFINITY, f64::min);
        pareto_k(&k_hats, threshold)
    }

    /// The data sets whose weights cannot be relied on.
    pub fn unreliable(&self) -> Vec<usize> {
        (0..self.weights.len()).filter(|&i| !self.weights[i].is_reliable()).collect()
    }
}

/// Some draws of a data set as rows, `[rows, dim]`.
pub(super) fn rows_of(draws: &Record, dataset: usize, range: std::ops::Range<usize>) -> Result<Record> {
    let mut record = Record::new();
    for (name, column) in draws.columns() {
        let shape = column.array.shape();
        let width = shape[2..].iter().product::<usize>();
        let start = (dataset * shape[1] + range.start) * width;
        let values = column.array.to_f64()[start..start + range.len() * width].to_vec();
        record.insert(name, Column::dense(Array::f64([&[range.len()], &shape[2..]].concat(), values)?));
    }
    Ok(record)
}

/// The logarithm of the mean of exponentials, with the standard error of the mean by the delta method.
pub(super) fn log_mean_exp(values: &[f64]) -> LogMean {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let n = values.len() as f64;
    if largest == f64::NEG_INFINITY {
        return LogMean { value: largest, standard_error: f64::NAN };
    }
    let scaled: Vec<f64> = values.iter().map(|v| (v - largest).exp()).collect();
    let mean = scaled.iter().sum::<f64>() / n;
    let variance = scaled.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    LogMean { value: largest + mean.ln(), standard_error: (variance / n).sqrt() / mean }
}
