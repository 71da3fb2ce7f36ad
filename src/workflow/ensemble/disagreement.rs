//! How far members disagree, seen in their draws.

use crate::data::Record;
use crate::diagnostics::Draws;
use crate::error::Result;
use crate::io::VariableInfo;

/// How far the members of an ensemble disagree, for each data set and variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Disagreement {
    /// Names of the scalar variables.
    pub names: Vec<String>,
    /// The variance of the members' posterior means divided by the variance of all draws, `[datasets][variables]`: 0 when the members
    /// agree, 1 when each is certain of something else.
    pub values: Vec<Vec<f64>>,
}

impl Disagreement {
    /// Of draws of the members, name → `[datasets, draws, dim]` each.
    pub(super) fn of(parts: &[(String, Record)], parameters: &[VariableInfo]) -> Result<Self> {
        let keys: Vec<&str> = parameters.iter().map(|p| p.name.as_str()).collect();
        let of_members = parts.iter().map(|(_, part)| Draws::from_record_keys(part, &keys));
        let draws_of = of_members.collect::<Result<Vec<_>>>()?;
        let names = draws_of.first().map(Draws::names).unwrap_or_default();
        let mut values = Vec::new();
        for dataset in 0..draws_of.first().map_or(0, Draws::datasets) {
            let of = |variable: usize| {
                let each = draws_of.iter().map(|draws| moments(draws.of(dataset, variable)));
                let (means, variances): (Vec<f64>, Vec<f64>) = each.unzip();
                let within = variances.iter().sum::<f64>() / variances.len() as f64;
                let between = moments(&means).1;
                if between > 0.0 { between / (between + within) } else { 0.0 }
            };
            values.push((0..names.len()).map(of).collect());
        }
        Ok(Disagreement { names, values })
    }

    /// The mean over the data sets for each variable.
    pub fn means(&self) -> Vec<f64> {
        let rows = self.values.len().max(1) as f64;
        (0..self.names.len()).map(|v| self.values.iter().map(|row| row[v]).sum::<f64>() / rows).collect()
    }
}

/// Mean and variance of draws.
pub(super) fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}
