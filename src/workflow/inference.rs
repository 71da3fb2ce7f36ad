//! Draws and densities of a trained workflow.

use super::basic::{BasicWorkflow, Workflow};
use super::blocks::DrawBlocks;
use crate::adapters::Strictness;
use crate::approximators::{Approximator, Batch};
use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::io::VariableInfo;
use crate::random::Key;

impl BasicWorkflow {
    /// Posterior draws for each observed data set: name → `[datasets, draws, dim]`. Parameters among the observed columns
    /// are ignored.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        self.sample_from(observed, draws, 0, self.seed)
    }

    /// As [`sample`](Self::sample), with the number of the first draw and a seed of its own. Draw `k` of data set `i` is a
    /// function of the seed, `i` and `k` alone.
    pub fn sample_from(&self, observed: &Record, draws: usize, first_draw: u64, seed: u64) -> Result<Record> {
        self.sample_watched(observed, draws, first_draw, seed, &mut |_| {})
    }

    /// As [`sample_from`](Self::sample_from); `watch` is told now and then how many draws, of all data sets together, are
    /// done. Beside the result little memory is needed: the draws are made in blocks.
    pub fn sample_watched(
        &self,
        observed: &Record,
        draws: usize,
        first_draw: u64,
        seed: u64,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Record> {
        let built = self.approximator()?;
        if draws == 0 {
            return Err(Error::argument("draws", "0 was given; ask for at least 1"));
        }
        if first_draw.checked_add(draws as u64).is_none() {
            return Err(Error::argument(
                "first_draw",
                format!("{first_draw} and {draws} more draws exceed 2^64; use a smaller number"),
            ));
        }
        for VariableInfo { name, .. } in &self.variables.1 {
            observed.column(name)?;
        }
        let datasets = observed.datasets()?.unwrap_or(1);
        if datasets == 0 {
            return Err(Error::value("data", "there is no data set; give at least one"));
        }
        let key = Key::new(seed).fork("sample");
        let width = built.dimensions().inference_variables;
        let mut blocks = DrawBlocks::new(datasets, draws);
        while let Some(block) = blocks.next_block() {
            let part = match block.datasets.len() == datasets {
                true => self.adapted(observed, false)?,
                false => self.adapted(&observed.select(&block.datasets.clone().collect::<Vec<_>>())?, false)?,
            };
            let (count, first) = (block.draws.len(), first_draw + block.draws.start as u64);
            let values = built.sample_block(&part, block.datasets.start, count, first, key)?;
            let array = Array::new([part.datasets, count, width], Values::F64(values))?;
            let mut record = Record::new();
            record.insert("inference_variables", Column::dense(array));
            blocks.put(&block, self.adapter.inverse(&record, Strictness::Lenient)?)?;
            watch(block.datasets.start * draws + block.datasets.len() * block.draws.end);
        }
        blocks.finish()
    }

    /// Log posterior density of each data set's parameters on their original scale, `[datasets]`.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        let built = self.approximator()?;
        for VariableInfo { name, .. } in &self.variables.0 {
            data.column(name)?;
        }
        let (adapted, log_det) = self.adapter.forward_with_log_det(data, Strictness::Lenient)?;
        let mut log_prob = built.log_prob(&Batch::from_record(&adapted)?)?;
        if let Some(correction) = log_det.get("inference_variables")? {
            log_prob.iter_mut().zip(correction).for_each(|(l, c)| *l += c);
        }
        Ok(log_prob)
    }
}

impl<A: Approximator> Workflow<A> {
    /// The canonical variables of observed data, with the parameters or without them.
    pub(super) fn adapted(&self, data: &Record, with_parameters: bool) -> Result<Batch> {
        for VariableInfo { name, .. } in &self.variables.1 {
            data.column(name)?;
        }
        let mut data = data.clone();
        if !with_parameters {
            for VariableInfo { name, .. } in &self.variables.0 {
                data.remove(name);
            }
        }
        let batch = Batch::from_record(&self.adapter.forward(&data, Strictness::Lenient)?)?;
        match batch.datasets {
            0 => Err(Error::value("data", "there is no data set; give at least one")),
            _ => Ok(batch),
        }
    }
}
