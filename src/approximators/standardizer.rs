//! Running standardisation of the canonical variables (Welford 1962; Chan et al. 1979 for batches).
//!
//! Moments are kept in 64-bit floats with 64-bit counts and accumulate over the whole training; elements of ragged sets
//! count once each, padding does not exist. `x̃ = (x − μ)/s` with the population standard deviation `s = √(M₂/n)`, or 1
//! where `M₂` is 0.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::batch::{Batch, Matrix};
use crate::error::{Error, Result};

/// The canonical variables that can be standardised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variable {
    /// What is inferred.
    InferenceVariables,
    /// What the summary network reads.
    SummaryVariables,
    /// What the inference network is given directly.
    InferenceConditions,
}

impl Variable {
    /// All of them.
    pub const ALL: [Variable; 3] =
        [Variable::InferenceVariables, Variable::SummaryVariables, Variable::InferenceConditions];

    /// The canonical key.
    pub fn key(self) -> &'static str {
        match self {
            Variable::InferenceVariables => "inference_variables",
            Variable::SummaryVariables => "summary_variables",
            Variable::InferenceConditions => "inference_conditions",
        }
    }
}

/// Running moments of one variable, per feature.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// Number of rows seen, `n`.
    pub count: u64,
    /// Means, `μ`.
    pub mean: Vec<f64>,
    /// Sums of squared deviations, `M₂`.
    pub m2: Vec<f64>,
}

impl Moments {
    /// Adds the rows of a batch.
    pub fn update(&mut self, rows: &Matrix) -> Result<()> {
        let (d, n) = (rows.columns, rows.rows());
        if self.mean.is_empty() {
            self.mean.resize(d, 0.0);
            self.m2.resize(d, 0.0);
        }
        self.expect_features(d)?;
        if n == 0 {
            return Ok(());
        }
        let total = (self.count + n as u64) as f64;
        for feature in 0..d {
            let column = || rows.values[feature..].iter().step_by(d);
            let mean = column().sum::<f64>() / n as f64;
            let m2: f64 = column().map(|x| (x - mean).powi(2)).sum();
            let delta = mean - self.mean[feature];
            self.mean[feature] += delta * n as f64 / total;
            self.m2[feature] += m2 + delta * delta * self.count as f64 * n as f64 / total;
        }
        self.count += n as u64;
        Ok(())
    }

    /// The standard deviation of a feature, `s`.
    pub fn deviation(&self, feature: usize) -> f64 {
        match self.m2.get(feature) {
            Some(&m2) if m2 > 0.0 && self.count > 0 => (m2 / self.count as f64).sqrt(),
            _ => 1.0,
        }
    }

    /// `Σ ln s`: the forward map's log-determinant is its negative.
    pub fn log_scale(&self) -> f64 {
        (0..self.mean.len()).map(|feature| self.deviation(feature).ln()).sum()
    }

    /// Appends `(x − μ)/s` in 32 bits to a vector that is cleared first.
    pub fn forward(&self, rows: &Matrix, out: &mut Vec<f32>) -> Result<()> {
        self.expect_features(rows.columns)?;
        out.clear();
        for row in rows.values.chunks(rows.columns.max(1)) {
            out.extend(row.iter().enumerate().map(|(j, x)| ((x - self.mean[j]) / self.deviation(j)) as f32));
        }
        Ok(())
    }

    /// `x̃ s + μ` for a value of a feature.
    pub fn inverse(&self, feature: usize, value: f64) -> f64 {
        value * self.deviation(feature) + self.mean.get(feature).copied().unwrap_or(0.0)
    }

    fn expect_features(&self, features: usize) -> Result<()> {
        if self.mean.len() == features {
            return Ok(());
        }
        let message = format!(
            "{features} features were given, the model was made for {}; give the variables it was trained with",
            self.mean.len()
        );
        Err(Error::shape("standardisation", message))
    }
}

/// Running standardisation of the chosen variables; the others pass unchanged.
///
/// The inputs of a fusion network have moments of their own, by name; everything else has an empty name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Standardizer {
    moments: IndexMap<Variable, Moments>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    inputs: IndexMap<String, Moments>,
}

impl Standardizer {
    /// Standardises the given variables.
    pub fn new(variables: &[Variable]) -> Self {
        let moments = variables.iter().map(|&v| (v, Moments::default())).collect();
        Standardizer { moments, inputs: IndexMap::new() }
    }

    /// Adds a training batch to the moments.
    pub fn update(&mut self, batch: &Batch) -> Result<()> {
        let single = [
            (Variable::InferenceVariables, &batch.inference_variables),
            (Variable::InferenceConditions, &batch.inference_conditions),
        ];
        for (variable, rows) in single {
            if let (Some(moments), Some(rows)) = (self.moments_mut(variable, ""), rows) {
                moments.update(rows)?;
            }
        }
        for sets in &batch.summary_variables {
            if let Some(moments) = self.moments_mut(Variable::SummaryVariables, &sets.name) {
                moments.update(&sets.elements)?;
            }
        }
        Ok(())
    }

    /// The moments of a variable, if it is standardised.
    pub fn moments(&self, variable: Variable, name: &str) -> Option<&Moments> {
        let moments = self.moments.get(&variable)?;
        if name.is_empty() { Some(moments) } else { self.inputs.get(name) }
    }

    /// The moments of a variable, to be replaced by given ones.
    pub fn moments_mut(&mut self, variable: Variable, name: &str) -> Option<&mut Moments> {
        let moments = self.moments.get_mut(&variable)?;
        if name.is_empty() {
            return Some(moments);
        }
        if !self.inputs.contains_key(name) {
            self.inputs.insert(name.to_string(), Moments::default());
        }
        self.inputs.get_mut(name)
    }

    /// The variables that are standardised.
    pub fn variables(&self) -> impl Iterator<Item = Variable> {
        self.moments.keys().copied()
    }

    /// A variable in network space, in 32 bits; `out` is cleared first.
    pub fn forward(&self, variable: Variable, name: &str, rows: &Matrix, out: &mut Vec<f32>) -> Result<()> {
        match self.moments(variable, name) {
            Some(moments) => moments.forward(rows, out),
            None => {
                out.clear();
                out.extend(rows.values.iter().map(|&x| x as f32));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    fn matrix(columns: usize, values: impl IntoIterator<Item = f64>) -> Matrix {
        Matrix { columns, values: values.into_iter().collect() }
    }

    fn ramp(n: usize) -> impl Iterator<Item = f64> {
        (0..n).map(|i| (0.5 * (i + 1) as f64).sin())
    }

    /// The vectors of the specification, §20.1.
    #[test]
    fn two_batches() {
        let mut moments = Moments::default();
        moments.update(&matrix(2, ramp(8))).unwrap();
        let second = matrix(2, ramp(6).map(|x| 2.0 * x + 1.0));
        moments.update(&second).unwrap();
        assert_relative_eq!(moments.mean[0], 1.267914, epsilon = 1e-6);
        assert_relative_eq!(moments.mean[1], 1.131266, epsilon = 1e-6);
        assert_relative_eq!(moments.deviation(0), 1.074806, epsilon = 1e-6);
        assert_relative_eq!(moments.deviation(1), 1.192597, epsilon = 1e-6);
        assert_eq!(moments.count, 7);
        let mut out = Vec::new();
        moments.forward(&second, &mut out).unwrap();
        for (got, expected) in out.iter().zip([0.642849, 1.301090, 1.606872, 1.414836, 0.864370, 0.126593]) {
            assert_relative_eq!(*got, expected, epsilon = 2e-6);
        }
        assert_relative_eq!(-moments.log_scale(), -0.248274, epsilon = 1e-6);
    }

    #[test]
    fn large_offsets_keep_their_digits() {
        let mut moments = Moments::default();
        for _ in 0..100 {
            moments.update(&matrix(1, [1e9 - 1.0, 1e9 + 1.0])).unwrap();
        }
        assert_relative_eq!(moments.deviation(0), 1.0, epsilon = 1e-6);
    }

    #[test]
    fn a_constant_feature_has_deviation_one() {
        let mut moments = Moments::default();
        moments.update(&matrix(1, [3.0, 3.0])).unwrap();
        assert_eq!(moments.deviation(0), 1.0);
        assert!(moments.update(&matrix(2, [1.0, 2.0])).is_err());
    }
}
