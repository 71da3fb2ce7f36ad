//! An inference network at given conditions: a distribution for each data set.

use super::BuiltInferenceNetwork;
use crate::autodiff::{Tape, Var};
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::ops::Direction;
use crate::ops::fused_flow::{FusedFlow, RowConditions};
use crate::parameters::Parameters;
use crate::random::Key;
use crate::tensor::Tensor;

/// Rows that go through the network at once, and on a GPU, which a thousand leave idle. Results do not depend on it.
const ROWS_AT_ONCE: usize = 1024;
const ROWS_OF_GPUS: usize = 32768;
/// Draws of a data set from which on a GPU makes their base draws itself, one launch for each data set.
const LEAST_ON_GPUS: usize = 256;

/// The distributions `q(· | c)` for the conditions `c` of several data sets.
pub struct Conditional<'a> {
    network: &'a dyn BuiltInferenceNetwork,
    parameters: &'a Parameters,
    condition: Vec<f32>,
    datasets: usize,
    fused: Option<FusedFlow>,
}

/// Some rows on their way through the network.
#[derive(Clone, Copy)]
struct Rows {
    /// Number of the first one.
    first: usize,
    count: usize,
}

/// What becomes of some rows: latent variables, targets and log-determinants of the way to the targets.
pub struct Drawn {
    /// `[count, D]`.
    pub latent: Tensor,
    /// `[count, D]`.
    pub targets: Vec<f32>,
    /// `[count]`.
    pub log_det: Vec<f32>,
}

/// Where the draws of the latent variables come from.
#[derive(Clone, Copy)]
pub enum BaseDraws<'a> {
    /// From the base distribution, those from number `first_draw` on of data sets that are numbered from `first_dataset` on.
    Made {
        /// The key of all data sets.
        key: Key,
        /// Number of the first data set.
        first_dataset: usize,
        /// Number of the first draw of each.
        first_draw: u64,
    },
    /// `given(data set, first draw, count, out)` appends `count · D` numbers.
    Given(&'a dyn Fn(usize, usize, usize, &mut Vec<f32>) -> Result<()>),
}

impl<'a> Conditional<'a> {
    /// The distributions for conditions `[datasets, C]`, row-major. Without conditions (`C = 0`) the slice is empty.
    pub fn new(
        network: &'a dyn BuiltInferenceNetwork,
        parameters: &'a Parameters,
        condition: &[f32],
        datasets: usize,
    ) -> Result<Self> {
        Conditional::prepared(network, parameters, network.fuse(parameters)?, condition.to_vec(), datasets)
    }

    /// As [`new`](Self::new) with what [`BuiltInferenceNetwork::fuse`] returned for these weights.
    pub fn prepared(
        network: &'a dyn BuiltInferenceNetwork,
        parameters: &'a Parameters,
        fused: Option<FusedFlow>,
        condition: Vec<f32>,
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
        Ok(Conditional { network, parameters, condition, datasets, fused })
    }

    /// `ln q(x | c)` for one point `x` per data set, `[datasets, D]`.
    pub fn log_prob(&self, x: &[f32]) -> Result<Vec<f32>> {
        let (d, c) = (self.network.dimension(), self.network.condition_dimension());
        if x.len() != self.datasets * d {
            let message = format!("{} numbers for {} data sets of {d} variables", x.len(), self.datasets);
            return Err(Error::shape("log_prob", message));
        }
        let mut log_prob = Vec::with_capacity(self.datasets);
        let mut tape = Tape::new(self.parameters.device());
        for Rows { first, count } in self.blocks(self.datasets) {
            tape.clear();
            let pass = Pass::inference(&tape, self.parameters);
            let (x, condition) = (&x[first * d..(first + count) * d], &self.condition[first * c..(first + count) * c]);
            match &self.fused {
                Some(fused) => {
                    let x = Tensor::from_values(tape.device(), [count, d], x)?;
                    let (z, log_det) = match c {
                        0 => fused.apply(Direction::Forward, &x, RowConditions::None)?,
                        _ => {
                            let condition = Tensor::from_values(tape.device(), [count, c], condition)?;
                            fused.apply(Direction::Forward, &x, RowConditions::Each(&condition))?
                        }
                    };
                    let base = self.network.base_log_prob(&pass, tape.constant(z));
                    log_prob.extend((base + tape.constant(log_det)).value()?.values()?);
                }
                None => {
                    let condition = (c > 0).then(|| tape.values([count, c], condition));
                    let x = tape.values([count, d], x);
                    log_prob.extend(self.network.log_prob(&pass, x, condition).value()?.values()?);
                }
            }
        }
        Ok(log_prob)
    }

    /// Draws number `first_draw .. first_draw + draws` for each data set, `[datasets, draws, D]`.
    ///
    /// A draw is a function of the key, the number of its data set and its own number: it does not depend on how many are
    /// drawn with it.
    pub fn sample(&self, key: Key, first_draw: u64, draws: usize) -> Result<Vec<f32>> {
        let mut samples = Vec::with_capacity(self.datasets * draws * self.network.dimension());
        self.draw(draws, BaseDraws::Made { key, first_dataset: 0, first_draw }, |drawn| {
            samples.extend(drawn.targets);
            Ok(())
        })?;
        Ok(samples)
    }

    /// The draws of [`Conditional::sample`] with `ln q` of each, `[datasets, draws]`.
    pub fn sample_with_log_prob(&self, key: Key, first_draw: u64, draws: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let (mut samples, mut log_prob) = (Vec::new(), Vec::new());
        let mut tape = Tape::new(self.parameters.device());
        self.draw(draws, BaseDraws::Made { key, first_dataset: 0, first_draw }, |drawn| {
            tape.clear();
            let pass = Pass::inference(&tape, self.parameters);
            let z = tape.constant(drawn.latent);
            let base = self.network.base_log_prob(&pass, z).value()?.values()?;
            samples.extend(drawn.targets);
            log_prob.extend(base.iter().zip(drawn.log_det).map(|(base, log_det)| base - log_det));
            Ok(())
        })?;
        Ok((samples, log_prob))
    }

    /// Maps base draws to targets, some rows at a time: `take` gets the rows of all data sets, `draws` for each, in order.
    pub fn draw(&self, draws: usize, base: BaseDraws, mut take: impl FnMut(Drawn) -> Result<()>) -> Result<()> {
        let rows = self.datasets.checked_mul(draws).ok_or_else(|| {
            let message = format!("{draws} draws of {} data sets are too many to count; ask for fewer", self.datasets);
            Error::argument("draws", message)
        })?;
        let mut owners = Vec::new();
        let mut tape = Tape::new(self.parameters.device());
        for rows in self.blocks(rows) {
            owners.clear();
            let Rows { first, count } = rows;
            let first_dataset = first / draws;
            owners.extend((first..first + count).map(|row| (row / draws - first_dataset) as u32));
            tape.clear();
            let latent = self.latent(draws, base, rows)?;
            let datasets = first_dataset..(first + count - 1) / draws + 1;
            let (targets, log_det) = self.invert(&tape, latent.clone(), &owners, datasets)?;
            take(Drawn { latent, targets: targets.values()?, log_det: log_det.values()? })?;
        }
        Ok(())
    }

    /// The base draws of some rows, `[count, D]`: made where they are used, if the device and the distribution can.
    fn latent(&self, draws: usize, base: BaseDraws, Rows { first, count }: Rows) -> Result<Tensor> {
        let (d, device) = (self.network.dimension(), self.parameters.device());
        // Rows of one data set after the other: the data set, its first draw among these rows, how many.
        let pieces = (first / draws..=(first + count - 1) / draws).map(|dataset| {
            let row = first.max(dataset * draws);
            (dataset, row - dataset * draws, (first + count).min((dataset + 1) * draws) - row)
        });
        if let BaseDraws::Made { key, first_dataset, first_draw } = base
            && device.computes_behind()
            && draws >= LEAST_ON_GPUS
        {
            let latent = Tensor::uninitialised(device, [count, d].into())?;
            let mut filled = true;
            for (dataset, draw, rows) in pieces.clone() {
                let part = latent.view((dataset * draws + draw - first) * d, [rows, d].into())?;
                let (key, number) = (key.at((first_dataset + dataset) as u64), first_draw.wrapping_add(draw as u64));
                filled = filled && self.network.fill_base_draws(key, number, &part)?;
            }
            if filled {
                return Ok(latent);
            }
        }
        let mut latent = Vec::with_capacity(count * d);
        for (dataset, draw, rows) in pieces {
            match base {
                BaseDraws::Given(given) => given(dataset, draw, rows, &mut latent)?,
                BaseDraws::Made { key, first_dataset, first_draw } => {
                    let key = key.at((first_dataset + dataset) as u64);
                    let number = first_draw.wrapping_add(draw as u64);
                    self.network.base_draws(self.parameters, key, number, rows, &mut latent)?;
                }
            }
        }
        Tensor::from_values(device, [count, d], &latent)
    }

    /// Rows cut into blocks.
    fn blocks(&self, rows: usize) -> impl Iterator<Item = Rows> + use<> {
        let most = if self.parameters.device().computes_behind() { ROWS_OF_GPUS } else { ROWS_AT_ONCE };
        (0..rows).step_by(most).map(move |first| Rows { first, count: most.min(rows - first) })
    }

    /// Targets and log-determinants of latent rows that belong to some of the data sets.
    fn invert(
        &self,
        tape: &Tape,
        z: Tensor,
        owners: &[u32],
        datasets: std::ops::Range<usize>,
    ) -> Result<(Tensor, Tensor)> {
        let (c, device) = (self.network.condition_dimension(), tape.device());
        let condition = || {
            let values = &self.condition[datasets.start * c..datasets.end * c];
            Tensor::from_values(device, [datasets.len(), c], values)
        };
        let owners = || Tensor::from_indices(device, [owners.len()], owners);
        match &self.fused {
            Some(fused) if c == 0 => fused.apply(Direction::Inverse, &z, RowConditions::None),
            Some(fused) => {
                let (shares, owners) = (fused.shares(&condition()?)?, owners()?);
                fused.apply(Direction::Inverse, &z, RowConditions::Shared { shares: &shares, owners: &owners })
            }
            None => {
                let pass = Pass::inference(tape, self.parameters);
                let condition = match c {
                    0 => None,
                    _ => Some(tape.constant(condition()?).gather_rows(tape.constant(owners()?))),
                };
                let (x, log_det): (Var, Var) = self.network.inverse(&pass, tape.constant(z), condition);
                Ok((x.value()?, log_det.value()?))
            }
        }
    }
}
