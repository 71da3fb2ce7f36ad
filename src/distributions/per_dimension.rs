//! A number for all dimensions, or one for each.

use serde::{Deserialize, Serialize};

use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::{Builder, Parameters, Weight};

/// One number for all dimensions, or one for each: in files `0.5` or `[0.5, 1.0]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PerDimension {
    /// The same number everywhere.
    All(f64),
    /// As many numbers as there are dimensions.
    Each(Vec<f64>),
}

impl From<f64> for PerDimension {
    fn from(value: f64) -> Self {
        PerDimension::All(value)
    }
}

impl From<Vec<f64>> for PerDimension {
    fn from(values: Vec<f64>) -> Self {
        PerDimension::Each(values)
    }
}

/// Numbers that are constants or weights.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    start: Vec<f64>,
    weight: Option<Weight>,
}

impl Numbers {
    /// The numbers for `dimension` dimensions; `valid` says which are allowed, and `expected` says it in words.
    pub(super) fn build(
        values: &PerDimension,
        name: &str,
        dimension: usize,
        trainable: Option<&Builder>,
        (valid, expected): (fn(f64) -> bool, &str),
    ) -> Result<Self> {
        let start = match values {
            PerDimension::All(value) => vec![*value; dimension],
            PerDimension::Each(values) if values.len() == dimension => values.clone(),
            PerDimension::Each(values) => {
                let message =
                    format!("{} numbers for {dimension} dimensions; give one for all, or one for each", values.len());
                return Err(Error::argument(name, message));
            }
        };
        match start.iter().find(|&&value| !valid(value)) {
            Some(value) => Err(Error::argument(name, format!("{value} was given; {expected} is expected"))),
            None => {
                let weight = trainable.map(|builder| builder.trainable_values(name, &start));
                Ok(Numbers { start, weight })
            }
        }
    }

    /// Any finite number.
    pub(super) const FINITE: (fn(f64) -> bool, &'static str) = (f64::is_finite, "a finite number");
    /// A positive number.
    pub(super) const POSITIVE: (fn(f64) -> bool, &'static str) =
        (|value| value > 0.0 && value.is_finite(), "a finite number above 0");

    /// Whether all numbers are this one and stay so.
    pub(super) fn are_always(&self, value: f64) -> bool {
        self.weight.is_none() && self.start.iter().all(|&v| v == value)
    }

    /// The numbers as a variable `[D]`.
    pub(super) fn var<'t>(&self, pass: &Pass<'t>) -> Var<'t> {
        match self.weight {
            Some(weight) => pass.weight(weight),
            None => {
                let values: Vec<f32> = self.start.iter().map(|&v| v as f32).collect();
                pass.tape().values([values.len()], &values)
            }
        }
    }

    /// The numbers on the host.
    pub(super) fn host(&self, parameters: &Parameters) -> Result<Vec<f64>> {
        match self.weight {
            Some(weight) => Ok(parameters.tensor(weight)?.values()?.into_iter().map(f64::from).collect()),
            None => Ok(self.start.clone()),
        }
    }
}
