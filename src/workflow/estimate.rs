//! Workflows of estimates: means, quantiles and parametric posteriors in one pass.

use std::collections::BTreeMap;

use super::basic::Workflow;
use super::builder::WorkflowBuilder;
use crate::adapters::Strictness;
use crate::approximators::{Batch, ScoringRuleApproximator};
use crate::codecs::Array;
use crate::data::{Column, Entry, Record};
use crate::error::Result;
use crate::io::VariableInfo;
use crate::networks::ScoringRuleNetwork;
use crate::networks::scoring::{HeadValues, Transformation};
use crate::random::Key;

/// The workflow of estimates.
///
/// ```no_run
/// # fn main() -> ferroflow::Result<()> {
/// use ferroflow::prelude::*;
/// let mut workflow = PointWorkflow::new(LinearRegression::default())
///     .adapter(linear_regression_adapter())
///     .summary_network(DeepSet::default())
///     .inference_network(PointNetwork::default())
///     .build()?;
/// workflow.fit_online(Fit { epochs: 15, ..Fit::default() })?;
/// let observed = workflow.simulate(3)?;
/// let estimates = workflow.estimate(&observed)?; // variable → rule: beta/mean, beta/quantiles, …
/// # Ok(())
/// # }
/// ```
pub type PointWorkflow = Workflow<ScoringRuleApproximator>;

impl WorkflowBuilder<ScoringRuleApproximator> {
    /// The scoring rules and the network of their heads; means and quantiles by default.
    pub fn inference_network(mut self, network: impl Into<ScoringRuleNetwork>) -> Self {
        self.approximator.inference_network = network.into();
        self
    }
}

impl Workflow<ScoringRuleApproximator> {
    /// The estimates for each observed data set: variable → rule → head, `[datasets, …, dim]`; a head that is the only one of its rule
    /// and called `value` stands for its rule. Quantiles are `[datasets, levels, dim]`.
    ///
    /// Estimates are made where the adapter has taken the parameters and mapped back value by value: quantiles and medians are those
    /// of the parameters themselves; the mean of a constrained parameter is the image of a mean, a value in the middle rather
    /// than the mean. Heads that are no places, such as the Cholesky factor of a precision, belong to all parameters together: they
    /// stand under `inference_variables`, as they are.
    pub fn estimate(&self, observed: &Record) -> Result<Record> {
        self.estimate_heads(observed, |_| true)
    }

    /// As [`estimate`](Self::estimate), some heads only.
    pub(super) fn estimate_heads(&self, observed: &Record, wanted: impl Fn(&HeadValues) -> bool) -> Result<Record> {
        let batch = self.adapted(observed, false)?;
        let heads = self.approximator()?.estimate(&batch)?;
        let mut found: BTreeMap<String, Record> = BTreeMap::new();
        let mut order: Vec<String> = self.variables.0.iter().map(|info| info.name.clone()).collect();
        for head in heads.iter().filter(|head| wanted(head)) {
            let alone = head.head == "value" && heads.iter().filter(|other| other.rule == head.rule).count() == 1;
            for (variable, column) in self.in_data_space(head, batch.datasets)? {
                if !order.contains(&variable) {
                    order.push(variable.clone());
                }
                let group = found.entry(variable).or_default();
                if alone {
                    group.insert(head.rule.as_str(), column);
                    continue;
                }
                let mut rule = match group.iter().find(|(name, _)| *name == head.rule) {
                    Some((_, Entry::Group(rule))) => rule.clone(),
                    _ => Record::new(),
                };
                rule.insert(head.head.as_str(), column);
                group.insert_group(head.rule.as_str(), rule);
            }
        }
        let mut estimates = Record::new();
        for variable in order {
            if let Some(group) = found.remove(&variable) {
                estimates.insert_group(variable, group);
            }
        }
        Ok(estimates)
    }

    /// Draws from the distributions among the rules, each as often as the others on average: name → `[datasets, draws, dim]`.
    pub fn sample(&self, observed: &Record, draws: usize) -> Result<Record> {
        self.sample_from(observed, draws, self.seed())
    }

    /// As [`sample`](Self::sample) with a seed of its own.
    pub fn sample_from(&self, observed: &Record, draws: usize, seed: u64) -> Result<Record> {
        let built = self.approximator()?;
        let batch = self.adapted(observed, false)?;
        let d = built.dimensions().inference_variables;
        let values = built.sample_mixture(&batch, draws, Key::new(seed).fork("sample"))?;
        let mut record = Record::new();
        record.insert("inference_variables", Column::dense(Array::f64([batch.datasets, draws, d], values)?));
        self.adapter.inverse(&record, Strictness::Lenient)
    }

    /// Log-density of each data set's parameters on their original scale, `[datasets]`, in the equal mixture of the distributions
    /// among the rules.
    pub fn log_prob(&self, data: &Record) -> Result<Vec<f64>> {
        let built = self.approximator()?;
        for VariableInfo { name, .. } in &self.variables.0 {
            data.column(name)?;
        }
        let (adapted, log_det) = self.adapter.forward_with_log_det(data, Strictness::Lenient)?;
        let mut log_prob = built.log_prob_mixture(&Batch::from_record(&adapted)?)?;
        if let Some(correction) = log_det.get("inference_variables")? {
            log_prob.iter_mut().zip(correction).for_each(|(l, c)| *l += c);
        }
        Ok(log_prob)
    }

    /// The estimates of a head as arrays of the user's variables.
    fn in_data_space(&self, head: &HeadValues, datasets: usize) -> Result<Vec<(String, Column)>> {
        let shape = [&[datasets], &head.shape[..]].concat();
        let array = Array::f64(shape, head.values.clone())?;
        if head.transformation != Transformation::LocationScale {
            return Ok(vec![("inference_variables".to_string(), Column::dense(array))]);
        }
        let levels: usize = head.shape[..head.shape.len() - 1].iter().product();
        let width = head.shape.last().copied().unwrap_or(1);
        let mut record = Record::new();
        record.insert("inference_variables", Column::dense(array.reshape([datasets, levels, width])?));
        let back = self.adapter.inverse(&record, Strictness::Lenient)?;
        let mut columns = Vec::new();
        for (name, column) in back.columns() {
            let dim = &column.array.shape()[2..];
            let shape = [&[datasets], &head.shape[..head.shape.len() - 1], dim].concat();
            columns.push((name.to_string(), Column::dense(column.array.clone().reshape(shape)?)));
        }
        Ok(columns)
    }
}
