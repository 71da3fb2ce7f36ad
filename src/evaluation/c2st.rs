//! The classifier two-sample test (Lopez-Paz & Oquab 2017, arXiv:1610.06545): how well can a network tell two samples apart?
//!
//! The result is the accuracy on data that the classifier has not seen, averaged over folds: 0.5 when the samples cannot be told
//! apart, 1 when they do not overlap. As the benchmark of Lueckmann et al. (2021, arXiv:2101.04653) defines it: both samples
//! standardised by the moments of the second one, a perceptron with two hidden layers of 10 units per dimension and ReLU,
//! trained by Adam until its loss stands still. Folds are stratified, unlike the peer's.

use rand::seq::SliceRandom;

use crate::autodiff::{Tape, Var};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::nn::{BuiltMlp, Dense, Mlp, Pass};
use crate::optim::{Adam, Clipping, Optimizer, Schedule};
use crate::parameters::{Builder, Initialiser, Parameters};
use crate::random::Key;
use crate::simulators::Pool;

/// Options of the test; the defaults are those of the benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassifierTest {
    /// Hidden units of the two layers per dimension.
    pub units_per_dimension: usize,
    /// Number of folds.
    pub folds: usize,
    /// Rows of a training batch.
    pub batch_size: usize,
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Most epochs of a fold.
    pub most_epochs: usize,
    /// Training ends when the mean loss of an epoch has not fallen by `tolerance` for more than so many epochs.
    pub patience: usize,
    /// See `patience`.
    pub tolerance: f64,
    /// Seed of folds, weights and batches.
    pub seed: u64,
}

impl Default for ClassifierTest {
    fn default() -> Self {
        ClassifierTest {
            units_per_dimension: 10,
            folds: 5,
            batch_size: 200,
            learning_rate: 1e-3,
            most_epochs: 1000,
            patience: 10,
            tolerance: 1e-4,
            seed: 1,
        }
    }
}

impl ClassifierTest {
    /// The accuracy for two samples of points with `dimension` numbers each, row-major. The folds are shared by the threads of
    /// the pool; the result does not depend on their number.
    ///
    /// Fails when a sample has fewer points than folds or holds values that are not finite.
    pub fn accuracy(&self, sample: &[f64], reference: &[f64], dimension: usize, pool: &Pool) -> Result<f64> {
        let points = self.points(sample, reference, dimension)?;
        let accuracies = pool.map(self.folds, |fold| self.fold(&points, dimension, fold));
        let accuracies = accuracies.into_iter().collect::<Result<Vec<f64>>>()?;
        Ok(accuracies.iter().sum::<f64>() / accuracies.len() as f64)
    }

    /// Standardised points with their labels and folds.
    fn points(&self, sample: &[f64], reference: &[f64], dimension: usize) -> Result<Points> {
        if dimension == 0 || self.folds < 2 || self.batch_size == 0 {
            let message = "give points of at least one number, two folds or more and batches of at least one row";
            return Err(Error::argument("C2ST", message));
        }
        for (name, values) in [("sample", sample), ("reference", reference)] {
            if !values.len().is_multiple_of(dimension) || values.len() / dimension < self.folds {
                let message = format!(
                    "{} numbers are no points of {dimension}, at least {} of them; give more points",
                    values.len(),
                    self.folds
                );
                return Err(Error::shape(name, message));
            }
            if let Some(bad) = values.iter().find(|value| !value.is_finite()) {
                return Err(Error::value(
                    name,
                    format!("{bad} is among the points; remove points that are not finite"),
                ));
            }
        }
        let moments: Vec<(f64, f64)> = (0..dimension).map(|j| moments(reference, dimension, j)).collect();
        let standardised = |values: &[f64]| -> Vec<f32> {
            let z = |(i, x): (usize, &f64)| ((x - moments[i % dimension].0) / moments[i % dimension].1) as f32;
            values.iter().enumerate().map(z).collect()
        };
        let mut folds = Vec::new();
        for (label, values) in [sample, reference].into_iter().enumerate() {
            let mut order: Vec<usize> = (0..values.len() / dimension).collect();
            order.shuffle(&mut Key::new(self.seed).fork("folds").at(label as u64).stream());
            let mut of_class = vec![0; order.len()];
            order.iter().enumerate().for_each(|(i, &row)| of_class[row] = i % self.folds);
            folds.extend(of_class);
        }
        let values = [standardised(sample), standardised(reference)].concat();
        Ok(Points { values, first_class: sample.len() / dimension, folds })
    }

    /// Trains on the other folds and classifies this one.
    fn fold(&self, points: &Points, dimension: usize, fold: usize) -> Result<f64> {
        let device = Device::cpu();
        let key = Key::new(self.seed).fork("fold").at(fold as u64);
        let (mut classifier, mut optimizer) = Classifier::new(self, dimension, &device, key)?;
        let mut rows: Vec<usize> = (0..points.folds.len()).filter(|&row| points.folds[row] != fold).collect();
        let (mut best, mut waited) = (f64::INFINITY, 0);
        let mut tape = Tape::new(&device);
        let mut batch = Batch::default();
        for epoch in 0..self.most_epochs {
            rows.shuffle(&mut key.fork("epoch").at(epoch as u64).stream());
            let mut total = 0.0;
            for rows in rows.chunks(self.batch_size) {
                batch.fill(points, dimension, rows);
                total += rows.len() as f64 * classifier.step(&mut tape, &batch, dimension, &mut optimizer)?;
            }
            let loss = total / rows.len() as f64;
            waited = if loss > best - self.tolerance { waited + 1 } else { 0 };
            best = best.min(loss);
            if waited > self.patience {
                break;
            }
        }
        let held_out: Vec<usize> = (0..points.folds.len()).filter(|&row| points.folds[row] == fold).collect();
        batch.fill(points, dimension, &held_out);
        let logits = classifier.logits_of(&mut tape, &batch, dimension)?;
        let right =
            logits.iter().zip(&batch.labels).filter(|(logit, label)| (**logit > 0.0) == (**label > 0.5)).count();
        Ok(right as f64 / held_out.len() as f64)
    }
}

/// Mean and standard deviation (with n − 1) of a column; 1 for a constant one.
fn moments(values: &[f64], dimension: usize, column: usize) -> (f64, f64) {
    let entries = || values.iter().skip(column).step_by(dimension);
    let count = entries().count() as f64;
    let mean = entries().sum::<f64>() / count;
    let deviation = (entries().map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)).sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}

struct Points {
    values: Vec<f32>,
    /// Rows before this one are of the first sample.
    first_class: usize,
    folds: Vec<usize>,
}

#[derive(Default)]
struct Batch {
    values: Vec<f32>,
    /// 1 for the second sample.
    labels: Vec<f32>,
}

impl Batch {
    fn fill(&mut self, points: &Points, dimension: usize, rows: &[usize]) {
        self.values.clear();
        self.labels.clear();
        for &row in rows {
            self.values.extend_from_slice(&points.values[row * dimension..(row + 1) * dimension]);
            self.labels.push(f32::from(u8::from(row >= points.first_class)));
        }
    }
}

struct Classifier {
    hidden: BuiltMlp,
    output: Dense,
    parameters: Parameters,
}

impl Classifier {
    fn new(options: &ClassifierTest, dimension: usize, device: &Device, key: Key) -> Result<(Self, Adam)> {
        let builder = Builder::new();
        let units = options.units_per_dimension * dimension;
        let mlp = Mlp {
            widths: vec![units; 2],
            activation: Function::Relu,
            kernel_initializer: Initialiser::GlorotUniform,
            residual: false,
            dropout: 0.0,
            norm: None,
        };
        let hidden = mlp.build(&builder.scope("hidden"), dimension)?;
        let output = Dense::build(&builder.scope("output"), units, 1, Initialiser::GlorotUniform, true);
        let parameters = builder.finish(device, key.fork("weights"))?;
        let optimizer = Optimizer { epsilon: 1e-8, clipping: Clipping::None, ..Optimizer::default() };
        let adam = optimizer.build(Schedule::Constant { rate: options.learning_rate }, &parameters)?;
        Ok((Classifier { hidden, output, parameters }, adam))
    }

    fn logits<'t>(&self, pass: &Pass<'t>, batch: &Batch, dimension: usize) -> Var<'t> {
        let x = pass.tape().values([batch.labels.len(), dimension], &batch.values);
        self.hidden.forward_projected(pass, x, None, &self.output).reshape([batch.labels.len()])
    }

    /// One step on the mean cross-entropy `softplus(logit) − label · logit`, which is returned.
    fn step(&mut self, tape: &mut Tape, batch: &Batch, dimension: usize, optimizer: &mut Adam) -> Result<f64> {
        tape.clear();
        let (gradients, loss) = {
            let pass = Pass::training(tape, &self.parameters, Key::new(0));
            let logits = self.logits(&pass, batch, dimension);
            let labels = tape.values([batch.labels.len()], &batch.labels);
            let loss = (logits.map(Function::Softplus) - labels * logits).mean();
            (pass.gradients(loss)?, loss.value()?.item()?)
        };
        optimizer.step(&mut self.parameters, &gradients)?;
        Ok(f64::from(loss))
    }

    fn logits_of(&self, tape: &mut Tape, batch: &Batch, dimension: usize) -> Result<Vec<f32>> {
        tape.clear();
        let pass = Pass::inference(tape, &self.parameters);
        self.logits(&pass, batch, dimension).value()?.values()
    }
}

#[cfg(test)]
mod tests {
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    fn normals(count: usize, seed: u64, map: impl Fn(usize, f64) -> f64) -> Vec<f64> {
        let mut stream = Key::new(seed).stream();
        (0..count).map(|i| map(i, StandardNormal.sample(&mut stream))).collect()
    }

    /// Samples whose best possible accuracy is known. Φ is the standard normal distribution function:
    /// equal laws ½; normals whose means differ by δ standard deviations Φ(δ/2); normals of standard deviations 1 and s in one
    /// dimension ½ + (Φ(t) − Φ(t/s)) with t² = 2 s² ln s/(s² − 1); disjoint samples 1.
    #[test]
    fn known_cases() {
        let count = 2000;
        let shift = |dimension: usize, delta: f64| {
            normals(count * dimension, 2, move |i, z| if i % dimension == 0 { z + delta } else { z })
        };
        let plain = |dimension: usize| normals(count * dimension, 1, |_, z| z);
        let cases = [
            ("equal, one dimension", 1, plain(1), shift(1, 0.0), 0.5),
            ("equal, five dimensions", 5, plain(5), shift(5, 0.0), 0.5),
            ("half a deviation apart", 2, plain(2), shift(2, 0.5), 0.5987),
            ("one deviation apart", 2, plain(2), shift(2, 1.0), 0.6915),
            ("two deviations apart", 5, plain(5), shift(5, 2.0), 0.8413),
            ("twice as wide", 1, plain(1), normals(count, 2, |_, z| 2.0 * z), 0.6614),
            ("disjoint", 3, plain(3), shift(3, 100.0), 1.0),
        ];
        for (name, dimension, first, second, exact) in cases {
            let accuracy = |pool: &Pool| ClassifierTest::default().accuracy(&first, &second, dimension, pool).unwrap();
            let found = accuracy(&Pool::new(2).unwrap());
            // Four standard errors of 4000 answers, and a share for what the classifier does not learn.
            assert!((found - exact).abs() < 0.04, "{name}: {found} instead of {exact}");
            if dimension == 1 {
                assert_eq!(found, accuracy(&Pool::inline()), "{name}: depends on the number of threads");
            }
        }
    }

    /// Correlation is seen, which no single dimension shows.
    #[test]
    fn a_correlation_is_found() {
        let independent = normals(4000, 1, |_, z| z);
        let mut correlated = normals(4000, 2, |_, z| z);
        correlated.chunks_exact_mut(2).for_each(|pair| pair[1] = 0.9 * pair[0] + (1.0f64 - 0.81).sqrt() * pair[1]);
        let found = ClassifierTest::default().accuracy(&correlated, &independent, 2, &Pool::inline()).unwrap();
        assert!(found > 0.68, "{found}");
    }

    #[test]
    fn what_cannot_be_tested_is_refused() {
        let test = |sample: &[f64], reference: &[f64]| {
            ClassifierTest::default().accuracy(sample, reference, 2, &Pool::inline()).unwrap_err().to_string()
        };
        let fine = vec![0.5; 20];
        assert!(test(&[0.0; 8], &fine).contains("at least 5"));
        assert!(test(&fine, &[0.0; 21]).contains("21 numbers"));
        let mut bad = fine.clone();
        bad[3] = f64::NAN;
        assert!(test(&bad, &fine).contains("NaN"));
    }
}
