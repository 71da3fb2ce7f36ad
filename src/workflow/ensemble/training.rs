//! How the members of an ensemble are trained: side by side on fresh simulations, or one after the other on given ones.

use std::sync::Arc;

use super::EnsembleWorkflow;
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record, RememberedDataset};
use crate::error::{Error, Result};
use crate::optim::Optimizer;
use crate::workflow::callback::Callback;
use crate::workflow::checkpoint::Checkpoint;
use crate::workflow::fit::Fit;
use crate::workflow::fitting::Validation;
use crate::workflow::history::History;

/// Simulated batches that are kept for the other members: more than a member's next batches are ahead of its training.
const KEPT: u64 = 8;

impl EnsembleWorkflow {
    /// Trains all members on the same fresh simulations, step by step side by side; the losses of each member. Each data set is
    /// simulated once.
    pub fn fit_online(&mut self, fit: Fit) -> Result<Vec<History>> {
        self.fit_online_with(fit, 1.0, Validation::None, &mut [])
    }

    /// As [`fit_online`](Self::fit_online), with validation, watchers of the first member, and `data_reuse` in `[0, 1]`: how much
    /// of their batches members have in common. With 1 all see the same, with 0 each sees simulations of its own; with `M` members
    /// and batches of `b`, the `⌈b (r + (1 − r) M)⌉` simulations of a step are shared out in turn.
    ///
    /// The bits do not depend on the number of threads, and with a `data_reuse` of 1 each member ends with those that
    /// [`BasicWorkflow::fit_dataset`](crate::workflow::BasicWorkflow::fit_dataset) would give it on the simulations of the first.
    pub fn fit_online_with(
        &mut self,
        fit: Fit,
        data_reuse: f64,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<Vec<History>> {
        fit.check()?;
        check_reuse(data_reuse)?;
        let first = self.first();
        let simulator = first.simulator.clone().ok_or_else(|| {
            Error::argument(
                "simulator",
                "the first member has none; use fit_offline with simulations that exist already",
            )
        })?;
        let validation = match self.validation(validation)? {
            Validation::Data(data) => Some(data),
            _ => None,
        };
        let members = self.members.len();
        let pool = (fit.batch_size as f64 * spread(data_reuse, members)).ceil() as usize;
        let simulations = OnlineDataset::new(simulator, pool, fit.batches_per_epoch, first.key().fork("online"))?;
        let shared: Arc<dyn Dataset> = Arc::new(RememberedDataset::new(simulations.pool(&first.pool)).latest(KEPT));
        let of_members = |shared: Arc<dyn Dataset>| -> Vec<Arc<dyn Dataset>> {
            let of_member = |member: usize| -> Arc<dyn Dataset> {
                match fit.batch_size == pool {
                    true => shared.clone(),
                    false => {
                        let rows = window(member, members, pool, fit.batch_size);
                        Arc::new(Rows { dataset: shared.clone(), rows })
                    }
                }
            };
            (0..members).map(of_member).collect()
        };
        let datasets = of_members(shared.clone());
        let trained = self.fit_together(&datasets, fit.clone(), validation, callbacks)?;
        // What is typical is learned from the first batches, which are made once more for all.
        let first = of_members(Arc::new(RememberedDataset::new(shared)));
        for (((_, member), dataset), (_, last)) in self.members.iter_mut().zip(first).zip(&trained) {
            if let Some(last) = last {
                member.conclude_fit(&*dataset, last)?;
            }
        }
        Ok(trained.into_iter().map(|(history, _)| history).collect())
    }

    /// Trains each member on simulations that exist already. `data_reuse` in `[0, 1]` says how much of them members have in common:
    /// with 1 each sees all, with 0 each sees a part of its own; with `M` members each sees the share `1/(r + (1 − r) M)`.
    pub fn fit_offline(
        &mut self,
        data: Record,
        fit: Fit,
        validation: Validation,
        data_reuse: f64,
    ) -> Result<Vec<History>> {
        fit.check()?;
        check_reuse(data_reuse)?;
        let validation = self.validation(validation)?;
        let rows = data.datasets()?.unwrap_or(0);
        let count = self.members.len();
        let size = (rows as f64 / spread(data_reuse, count)).ceil() as usize;
        let mut histories = Vec::with_capacity(count);
        for (number, (_, member)) in self.members.iter_mut().enumerate() {
            let own = match size < rows {
                true => data.select(&window(number, count, rows, size))?,
                false => data.clone(),
            };
            let dataset = OfflineDataset::new(own, fit.batch_size, member.key().fork("offline"))?;
            histories.push(member.fit_dataset(dataset, fit.clone(), validation.clone(), &mut [], None)?);
        }
        Ok(histories)
    }

    /// One step of each member after the other, until none has anything left to do.
    fn fit_together(
        &mut self,
        datasets: &[Arc<dyn Dataset>],
        fit: Fit,
        validation: Option<Record>,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<Vec<(History, Option<Checkpoint>)>> {
        let mut networks = Vec::with_capacity(datasets.len());
        let mut train = || {
            for ((_, member), dataset) in self.members.iter_mut().zip(datasets) {
                networks.push(member.begin_fit(&**dataset)?);
            }
            let mut trainers = Vec::with_capacity(datasets.len());
            for (((_, member), built), dataset) in self.members.iter().zip(&mut networks).zip(datasets) {
                let optimizer = Optimizer::default();
                trainers.push(member.trainer(built, dataset.clone(), fit.clone(), optimizer, validation.clone())?);
            }
            if !callbacks.is_empty() {
                let mut watched = trainers.remove(0);
                for callback in callbacks.iter_mut() {
                    watched = watched.callback(*callback);
                }
                trainers.insert(0, watched);
            }
            let mut training = true;
            while training {
                training = false;
                for ((trainer, (_, member)), dataset) in trainers.iter_mut().zip(&mut self.members).zip(datasets) {
                    training |= trainer.tick(&mut |checkpoint| member.save_checkpoint(checkpoint, &**dataset))?;
                }
            }
            let mut outcomes = Vec::with_capacity(datasets.len());
            for trainer in trainers {
                outcomes.push(trainer.finish()?);
            }
            Ok(outcomes)
        };
        let outcomes: Result<Vec<_>> = train();
        for ((_, member), built) in self.members.iter_mut().zip(networks) {
            member.built = Some(built);
        }
        let mut trained = Vec::with_capacity(datasets.len());
        for ((_, member), (history, adapter, last)) in self.members.iter_mut().zip(outcomes?) {
            member.take_over(&history, adapter);
            trained.push((history, last));
        }
        Ok(trained)
    }

    /// Fresh simulations for the validation are made once, and are those of the first member.
    fn validation(&self, validation: Validation) -> Result<Validation> {
        match validation {
            Validation::Simulations(count) => Ok(Validation::Data(self.first().simulate_as(count, "validation")?)),
            other => Ok(other),
        }
    }
}

/// Some rows of each batch of another data set.
struct Rows {
    dataset: Arc<dyn Dataset>,
    rows: Vec<usize>,
}

impl Dataset for Rows {
    fn batches_per_epoch(&self) -> usize {
        self.dataset.batches_per_epoch()
    }

    fn batch_size(&self) -> usize {
        self.rows.len()
    }

    fn batch(&self, step: u64) -> Result<Record> {
        self.dataset.batch(step)?.select(&self.rows)
    }
}

fn check_reuse(data_reuse: f64) -> Result<()> {
    match (0.0..=1.0).contains(&data_reuse) {
        true => Ok(()),
        false => Err(Error::argument("data_reuse", format!("{data_reuse} was given; give a number from 0 to 1"))),
    }
}

/// How many times the data of one member all members see together: `r + (1 − r) M`.
fn spread(data_reuse: f64, members: usize) -> f64 {
    data_reuse + (1.0 - data_reuse) * members as f64
}

/// The `size` rows of `total` that a member sees; those of the members begin at equal distances.
fn window(member: usize, members: usize, total: usize, size: usize) -> Vec<usize> {
    let start = (member as f64 * total as f64 / members as f64).round_ties_even() as usize;
    (0..size).map(|row| (start + row) % total.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_share_as_much_as_was_asked_for() {
        let windows = |reuse: f64, size: usize| {
            let pool = (size as f64 * spread(reuse, 3)).ceil() as usize;
            (pool, (0..3).map(|member| window(member, 3, pool, size)).collect::<Vec<_>>())
        };
        assert_eq!(windows(0.0, 2), (6, vec![vec![0, 1], vec![2, 3], vec![4, 5]]));
        assert_eq!(windows(0.5, 2), (4, vec![vec![0, 1], vec![1, 2], vec![3, 0]]));
        assert_eq!(windows(1.0, 2).0, 2);
        assert!(check_reuse(f64::NAN).is_err() && check_reuse(-0.1).is_err() && check_reuse(1.0).is_ok());
    }
}
