//! Noise that makes a posterior robust against misspecified simulators.

use rand::RngExt;
use rand_distr::{Cauchy, Distribution, StandardNormal};

use crate::codecs::{Array, Values};
use crate::data::{Augmentations, Column};
use crate::error::{Error, Result};
use crate::random::Stream;

/// Spike-and-slab noise on training data (noisy neural posterior estimation; Ward et al. 2022, arXiv:2210.06564).
///
/// ```text
/// x ← x + b · Cauchy(0, slab) + (1 − b) · Normal(0, spike²),   b ~ Bernoulli(½) for each number
/// ```
///
/// A scale that is not given is a multiple of the standard deviation of the batch, 0.01 for the spike and 0.25 for the slab. The
/// original method has data that are standardised before, and one scale for all dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Nnpe {
    /// Standard deviation of the spike: one number, or one for each entry of the last axis if `per_dimension`.
    pub spike_scale: Option<Vec<f64>>,
    /// Scale of the slab, likewise.
    pub slab_scale: Option<Vec<f64>>,
    /// Whether each entry of the last axis has scales of its own.
    pub per_dimension: bool,
}

impl Default for Nnpe {
    fn default() -> Self {
        Nnpe { spike_scale: None, slab_scale: None, per_dimension: true }
    }
}

/// Default scales in standard deviations of the batch.
const SPIKE: f64 = 0.01;
const SLAB: f64 = 0.25;

impl Nnpe {
    /// A column with noise. Sets and series of any sizes; a column of single numbers has one dimension.
    ///
    /// Fails when the values are not finite or a scale does not fit.
    pub fn apply(&self, column: Column, rng: &mut Stream) -> Result<Column> {
        let shape = column.array.shape().to_vec();
        let has_axis = shape.len() > 1 || column.shared && shape.len() == 1;
        let dimensions = if self.per_dimension && has_axis { shape[shape.len() - 1] } else { 1 };
        let dtype = column.array.dtype();
        let mut values = column.array.to_f64();
        if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::value("NNPE", format!("{bad} is among the data; remove values that are not finite")));
        }
        let deviations = deviations(&values, dimensions);
        let spike = scales("spike_scale", &self.spike_scale, SPIKE, &deviations)?;
        let slab = scales("slab_scale", &self.slab_scale, SLAB, &deviations)?;
        let standard = Cauchy::new(0.0, 1.0).map_err(|e| Error::value("NNPE", e.to_string()))?;
        for (i, value) in values.iter_mut().enumerate() {
            let dimension = i % dimensions.max(1);
            *value += match rng.random::<bool>() {
                true => slab[dimension] * standard.sample(rng),
                false => spike[dimension] * Distribution::<f64>::sample(&StandardNormal, rng),
            };
        }
        let values = match dtype {
            crate::codecs::Dtype::F32 => Values::F32(values.into_iter().map(|value| value as f32).collect()),
            _ => Values::F64(values),
        };
        Ok(Column { array: Array::new(shape, values)?, ..column })
    }
}

impl Augmentations {
    /// Adds spike-and-slab noise to the column of one key.
    pub fn nnpe(self, key: impl Into<String>, noise: Nnpe) -> Self {
        self.of(key, move |column, rng| noise.apply(column, rng))
    }
}

/// Population standard deviation of each dimension.
fn deviations(values: &[f64], dimensions: usize) -> Vec<f64> {
    let of = |dimension: usize| {
        let column = || values.iter().skip(dimension).step_by(dimensions);
        let count = column().count().max(1) as f64;
        let mean = column().sum::<f64>() / count;
        (column().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt()
    };
    (0..dimensions).map(of).collect()
}

fn scales(name: &str, given: &Option<Vec<f64>>, factor: f64, deviations: &[f64]) -> Result<Vec<f64>> {
    let Some(given) = given else { return Ok(deviations.iter().map(|deviation| factor * deviation).collect()) };
    if given.len() != deviations.len() {
        let message = format!("{} numbers were given; give {}, one for each dimension", given.len(), deviations.len());
        return Err(Error::argument(name, message));
    }
    match given.iter().find(|scale| !(scale.is_finite() && **scale >= 0.0)) {
        Some(bad) => Err(Error::argument(name, format!("{bad} was given; give scales of 0 or more"))),
        None => Ok(given.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    fn noise(nnpe: &Nnpe, values: Vec<f64>, columns: usize) -> Result<Vec<f64>> {
        let column = Column::dense(Array::f64([values.len() / columns, columns], values.clone())?);
        let noisy = nnpe.apply(column, &mut Key::new(3).stream())?.array.to_f64();
        Ok(noisy.iter().zip(&values).map(|(noisy, value)| noisy - value).collect())
    }

    /// Half of the noise is a normal, half a Cauchy: its quartiles are at plus and minus the scale.
    #[test]
    fn noise_has_the_stated_law() {
        let count = 40_000;
        let nnpe = Nnpe { spike_scale: Some(vec![0.0]), slab_scale: Some(vec![2.0]), per_dimension: false };
        let differences = noise(&nnpe, vec![1.0; count], 1).unwrap();
        let share = |of: &dyn Fn(f64) -> bool| differences.iter().filter(|d| of(**d)).count() as f64 / count as f64;
        assert!((share(&|d| d == 0.0) - 0.5).abs() < 0.0125);
        assert!((share(&|d| d != 0.0 && d.abs() < 2.0) - 0.25).abs() < 0.011);
        let nnpe = Nnpe { spike_scale: Some(vec![3.0]), slab_scale: Some(vec![0.0]), per_dimension: false };
        let differences = noise(&nnpe, vec![1.0; count], 1).unwrap();
        let variance = differences.iter().map(|d| d * d).sum::<f64>() / count as f64;
        assert!((variance - 4.5).abs() < 0.2, "{variance}");
    }

    #[test]
    fn default_scales_follow_each_dimension() {
        let values: Vec<f64> = (0..2000).map(|i| if i % 2 == 0 { 5.0 } else { (i % 20) as f64 }).collect();
        let differences = noise(&Nnpe::default(), values, 2).unwrap();
        assert!(differences.iter().step_by(2).all(|d| *d == 0.0), "a constant dimension gets no noise");
        assert!(differences.iter().skip(1).step_by(2).all(|d| *d != 0.0));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let two = Nnpe { slab_scale: Some(vec![1.0]), ..Nnpe::default() };
        let message = |nnpe: &Nnpe, values: Vec<f64>| noise(nnpe, values, 2).unwrap_err().to_string();
        assert!(message(&two, vec![0.0; 4]).contains("give 2"));
        assert!(message(&Nnpe::default(), vec![0.0, f64::NAN]).contains("not finite"));
        let negative = Nnpe { spike_scale: Some(vec![1.0, -1.0]), ..Nnpe::default() };
        assert!(message(&negative, vec![0.0; 4]).contains("-1"));
    }
}
