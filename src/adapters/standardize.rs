//! Standardisation by given moments or by moments learned from the training data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::codecs::Dtype;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns;
use super::constant::{Constant, spread};
use super::elementwise::Elementwise;
use super::keys::{Selection, find};
use super::pass::Context;
use super::scalar_map::ScalarMap;

/// `(x − mean)/std`; back by `u·std + mean`; log-determinant `−Σ ln |std|`.
///
/// With `mean` and `std` given, these are used. Without them they are learned for each column and each position of its
/// last axis, over all other axes (over all elements if there is but one axis, or if the last axis is ragged), and go
/// on being updated with every batch of the training until the adapter is frozen. A position that never varied has
/// std 1. A selection without keys and predicate learns columns of floating-point numbers only, and from the fit on
/// means the columns it has learned. (The peer needs both moments.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standardize {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The mean, if it is not to be learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<Constant>,
    /// The standard deviation, if it is not to be learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<Constant>,
    /// True when what was learned no longer changes.
    #[serde(default)]
    pub frozen: bool,
    /// What was learned, by column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, Moments>,
}

/// Running mean and sum of squared deviations of each position of the last axis.
///
/// Batches are merged pairwise: with `n` numbers of mean `m` and `k` new ones of mean `m′`,
/// `mean = m + (m′ − m) k/(n + k)` and `M₂ = M₂ + M₂′ + (m′ − m)² nk/(n + k)` (Chan, Golub and LeVeque 1979).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moments {
    /// How many numbers each position has seen.
    pub count: u64,
    /// The means.
    pub mean: Vec<f64>,
    /// The sums of squared deviations from the mean.
    pub m2: Vec<f64>,
}

impl Moments {
    /// `√(M₂/count)`, 1 where nothing varied.
    pub fn std(&self) -> Vec<f64> {
        let count = self.count as f64;
        self.m2.iter().map(|&m2| if m2 > 0.0 { (m2 / count).sqrt() } else { 1.0 }).collect()
    }

    /// Merges the rows of an array of `features` positions, row-major.
    pub(super) fn update(&mut self, key: &str, values: &[f64], features: usize) -> Result<()> {
        if self.count == 0 {
            *self = Moments { count: 0, mean: vec![0.0; features], m2: vec![0.0; features] };
        }
        if self.mean.len() != features {
            return Err(Error::shape(
                "standardize",
                format!(
                    "'{key}' has {features} positions in its last axis, but its moments were learned for {}; give data of \
                     that width or fit a new adapter",
                    self.mean.len()
                ),
            ));
        }
        let rows = values.len() / features.max(1);
        if rows == 0 {
            return Ok(());
        }
        let (n, k) = (self.count as f64, rows as f64);
        for j in 0..features {
            let column = || values.iter().skip(j).step_by(features);
            let mean = column().sum::<f64>() / k;
            let m2: f64 = column().map(|x| (x - mean) * (x - mean)).sum();
            let shift = mean - self.mean[j];
            self.mean[j] += shift * k / (n + k);
            self.m2[j] += m2 + shift * shift * n * k / (n + k);
        }
        self.count += rows as u64;
        Ok(())
    }
}

/// Number of positions that have moments of their own.
fn features(column: &Column) -> usize {
    let shape = column.array.shape();
    match shape.len() {
        0 => 1,
        1 if !column.shared => 1,
        rank => shape[rank - 1],
    }
}

impl Standardize {
    fn learns(&self) -> bool {
        self.mean.is_none() && self.std.is_none()
    }

    pub(super) fn check(&self) -> Result<()> {
        let fault = |message: String| Err(Error::argument(format!("standardize {}", self.select), message));
        match (&self.mean, &self.std) {
            (Some(_), None) => fault("mean is given, but std is not; give both, or none to learn both".into()),
            (None, Some(_)) => fault("std is given, but mean is not; give both, or none to learn both".into()),
            (Some(mean), Some(std)) => {
                if let Some(bad) = std.values().iter().find(|s| **s == 0.0 || !s.is_finite()) {
                    return fault(format!("the standard deviation {bad} cannot be divided by; give finite numbers"));
                }
                match mean.values().iter().find(|m| !m.is_finite()) {
                    Some(bad) => fault(format!("the mean {bad} is not finite")),
                    None => Ok(()),
                }
            }
            (None, None) => Ok(()),
        }
    }

    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        if !self.learns() || self.frozen {
            return Ok(());
        }
        for key in self.keys(record, context.strict, false)? {
            let column = find(record, &key)?;
            let values = column.array.to_f64();
            if let Some(i) = values.iter().position(|x| !x.is_finite()) {
                return Err(Error::value(
                    &key,
                    format!(
                        "the value {}{} would spoil the learned mean and standard deviation; replace it with nan_to_num \
                         before standardize, or drop that data set",
                        values[i],
                        columns::place(column, i)
                    ),
                ));
            }
            self.learned.entry(key.clone()).or_default().update(&key, &values, features(column))?;
        }
        Ok(())
    }
}

impl Elementwise for Standardize {
    fn name(&self) -> &'static str {
        "standardize"
    }

    fn keys(&self, record: &Record, strict: bool, inverse: bool) -> Result<Vec<String>> {
        let mut keys = self.select.keys(record, strict && !inverse)?;
        if self.learns() {
            let fitted = !self.learned.is_empty();
            keys.retain(|key| match fitted && (inverse || self.select.include.is_none()) {
                true => self.learned.contains_key(key),
                false => find(record, key)
                    .is_ok_and(|c| self.select.include.is_some() || matches!(c.array.dtype(), Dtype::F64 | Dtype::F32)),
            });
        }
        Ok(keys)
    }

    fn maps(&self, key: &str, shape: &[usize], _peer: bool) -> Result<Vec<ScalarMap>> {
        let standardize = |[mean, std]: [f64; 2]| ScalarMap::Standardize { mean, std };
        if let (Some(mean), Some(std)) = (&self.mean, &self.std) {
            return spread("standardize", key, shape, [mean, std], standardize);
        }
        let moments = self.learned.get(key).filter(|moments| moments.count > 0).ok_or_else(|| {
            Error::key(key, "has no moments yet; fit the adapter on training data first, or give mean and std")
        })?;
        let (mean, std) = (&moments.mean, moments.std());
        if mean.len() == 1 {
            return Ok(vec![standardize([mean[0], std[0]])]);
        }
        spread("standardize", key, shape, [&Constant::vector(mean.as_slice()), &Constant::vector(std)], standardize)
    }
}

impl std::fmt::Display for Standardize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "standardize {}", self.select)?;
        match (&self.mean, &self.std, self.learned.len()) {
            (Some(mean), Some(std), _) => write!(f, " by mean {mean}, std {std}"),
            (_, _, 0) => write!(f, " by moments to be learned"),
            _ => {
                let state = if self.frozen { "frozen" } else { "learning" };
                let learned: Vec<String> =
                    self.learned.iter().map(|(key, moments)| format!("{key} from {}", moments.count)).collect();
                write!(f, " by learned moments ({}; {state})", learned.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_merge_to_the_moments_of_all() {
        let all: Vec<f64> = (0..60).map(|i| 1e6 + (f64::from(i) * 0.7).sin()).collect();
        let (mut merged, mut whole) = (Moments::default(), Moments::default());
        for part in [&all[..4], &all[4..34], &all[34..]] {
            merged.update("x", part, 2).unwrap();
        }
        whole.update("x", &all, 2).unwrap();
        assert_eq!(merged.count, 30);
        for j in 0..2 {
            assert!((merged.mean[j] - whole.mean[j]).abs() < 1e-9);
            assert!((merged.std()[j] / whole.std()[j] - 1.0).abs() < 1e-9);
        }
        assert!(merged.update("x", &all, 3).unwrap_err().to_string().contains("learned for 2"));
    }

    #[test]
    fn what_never_varied_has_unit_deviation() {
        let mut moments = Moments::default();
        moments.update("x", &[3.0, 1.0, 3.0, 2.0], 2).unwrap();
        assert_eq!(moments.std(), [1.0, 0.5]);
    }
}
