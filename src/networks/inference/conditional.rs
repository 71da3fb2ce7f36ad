//! An inference network at given conditions: a distribution for each data set.

use super::BuiltInferenceNetwork;
use crate::autodiff::{Tape, Var};
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::parameters::Parameters;
use crate::random::Key;

/// Rows that go through the network at once: few enough for the caches, many enough for the matrix products. Results do not
/// depend on it.
const ROWS_AT_ONCE: usize = 512;

/// The distributions `q(· | c)` for the conditions `c` of several data sets.
pub struct Conditional<'a> {
    network: &'a dyn BuiltInferenceNetwork,
    parameters: &'a Parameters,
    condition: Vec<f32>,
    datasets: usize,
}

impl<'a> Conditional<'a> {
    /// The distributions for conditions `[datasets, C]`, row-major. Without conditions (`C = 0`) the slice is empty.
    pub fn new(
        network: &'a dyn BuiltInferenceNetwork,
        parameters: &'a Parameters,
        condition: &[f32],
        datasets: usize,
    ) -> Result<Self> {
        let width = network.condition_dimension();
        if condition.len() != datasets * width {
            let message = format!(
                "{} numbers for {datasets} data sets; the network was built for {width} condition features each",
                condition.len()
            );
            return Err(Error::shape("condition", message));
        }
        Ok(Conditional { network, parameters, condition: condition.to_vec(), datasets })
    }

    /// `ln q(x | c)` for one point `x` per data set, `[datasets, D]`.
    pub fn log_prob(&self, x: &[f32]) -> Result<Vec<f32>> {
        let width = self.network.dimension();
        if x.len() != self.datasets * width {
            let message = format!("{} numbers for {} data sets of {width} variables", x.len(), self.datasets);
            return Err(Error::shape("log_prob", message));
        }
        let mut log_prob = Vec::with_capacity(self.datasets);
        self.in_chunks(1, |pass, first, count, condition| {
            let x = pass.tape().values([count, width], &x[first * width..(first + count) * width]);
            log_prob.extend(self.network.log_prob(pass, x, condition).value()?.values()?);
            Ok(())
        })?;
        Ok(log_prob)
    }

    /// Draws number `first_draw .. first_draw + draws` for each data set, `[datasets, draws, D]`.
    ///
    /// A draw is a function of the key, the number of its data set and its own number: it does not depend on how many are
    /// drawn with it.
    pub fn sample(&self, key: Key, first_draw: u64, draws: usize) -> Result<Vec<f32>> {
        let mut samples = Vec::with_capacity(self.datasets * draws * self.network.dimension());
        self.draw(key, first_draw, draws, |_, _, (x, _)| {
            samples.extend(x.value()?.values()?);
            Ok(())
        })?;
        Ok(samples)
    }

    /// The draws of [`Conditional::sample`] with `ln q` of each, `[datasets, draws]`.
    pub fn sample_with_log_prob(&self, key: Key, first_draw: u64, draws: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut samples, mut log_prob) = (Vec::new(), Vec::new());
        self.draw(key, first_draw, draws, |pass, z, (x, log_det)| {
            samples.extend(x.value()?.values()?);
            log_prob.extend((self.network.base_log_prob(pass, z) - log_det).value()?.values()?);
            Ok(())
        })?;
        Ok((samples, log_prob))
    }

    fn draw(
        &self,
        key: Key,
        first_draw: u64,
        draws: usize,
        mut take: impl for<'t> FnMut(&Pass<'t>, Var<'t>, (Var<'t>, Var<'t>)) -> Result<()>,
    ) -> Result<()> {
        let mut latent = Vec::new();
        self.in_chunks(draws, |pass, first, count, condition| {
            latent.clear();
            let mut row = first;
            while row < first + count {
                let (dataset, draw) = (row / draws, row % draws);
                let of_this_dataset = (draws - draw).min(first + count - row);
                let (key, number) = (key.at(dataset as u64), first_draw.wrapping_add(draw as u64));
                self.network.base_draws(self.parameters, key, number, of_this_dataset, &mut latent)?;
                row += of_this_dataset;
            }
            let z = pass.tape().values([count, self.network.dimension()], &latent);
            take(pass, z, self.network.inverse(pass, z, condition))
        })
    }

    /// Calls `run` for groups of the `datasets · repeats` rows with the pass, the first row, the number of rows, and their
    /// conditions.
    fn in_chunks(
        &self,
        repeats: usize,
        mut run: impl for<'t> FnMut(&Pass<'t>, usize, usize, Option<Var<'t>>) -> Result<()>,
    ) -> Result<()> {
        let width = self.network.condition_dimension();
        let mut tape = Tape::new(self.parameters.device());
        let rows = self.datasets * repeats;
        let mut repeated = Vec::new();
        for first in (0..rows).step_by(ROWS_AT_ONCE) {
            let count = ROWS_AT_ONCE.min(rows - first);
            tape.clear();
            let pass = Pass::inference(&tape, self.parameters);
            repeated.clear();
            for row in first..first + count {
                repeated.extend_from_slice(&self.condition[row / repeats * width..][..width]);
            }
            let condition = (width > 0).then(|| tape.values([count, width], &repeated));
            run(&pass, first, count, condition)?;
        }
        Ok(())
    }
}
