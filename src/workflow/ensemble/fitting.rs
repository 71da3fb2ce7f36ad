//! How the members of an ensemble are trained: side by side, step by step.

use std::cell::RefCell;
use std::sync::Arc;

use super::EnsembleWorkflow;
use super::checkpoint::EnsembleCheckpoint;
use super::watch::{OfMember, Watchers};
use super::windows::{Rows, check_reuse, spread, window};
use crate::approximators::Approximator;
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record, RememberedDataset};
use crate::error::{Error, Result};
use crate::optim::Optimizer;
use crate::workflow::callback::Callback;
use crate::workflow::checkpoint::Checkpoint;
use crate::workflow::fit::Fit;
use crate::workflow::fitting::Validation;
use crate::workflow::history::History;

/// Batches that are kept for the other members: more than a member's next batches are ahead of its training.
const KEPT: u64 = 8;

/// Beside the batches, what all members are trained with.
struct Training<'a> {
    fit: Fit,
    /// The optimizer when the fit names none.
    defaults: Optimizer,
    validation: Option<Record>,
    resume: Option<&'a EnsembleCheckpoint>,
}

/// The losses of a member, and its last checkpoint if anything was left to train.
type Trained = (History, Option<Checkpoint>);

impl<A: Approximator> EnsembleWorkflow<A> {
    /// Trains all members on the same fresh simulations, step by step side by side; the losses of each member. Each data set is
    /// simulated once.
    pub fn fit_online(&mut self, fit: Fit) -> Result<Vec<History>> {
        self.fit_online_with(fit, 1.0, Validation::None, &mut [], None)
    }

    /// As [`fit_online`](Self::fit_online), with validation, watchers of every member, checkpoints to go on from, and `data_reuse` in
    /// `[0, 1]`: how much of their batches members have in common. With 1 all see the same, with 0 each sees simulations of its own;
    /// with `M` members and batches of `b`, the `⌈b (r + (1 − r) M)⌉` simulations of a step are shared out in turn.
    ///
    /// The bits do not depend on the number of threads, and with a `data_reuse` of 1 each member ends with those that
    /// [`Workflow::fit_dataset`](crate::workflow::Workflow::fit_dataset) would give it on the simulations of the first.
    pub fn fit_online_with(
        &mut self,
        fit: Fit,
        data_reuse: f64,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&EnsembleCheckpoint>,
    ) -> Result<Vec<History>> {
        fit.check()?;
        check_reuse(data_reuse)?;
        let first = self.members.first();
        let simulator = first.simulator.clone().ok_or_else(|| {
            Error::argument(
                "simulator",
                "the first member has none; use fit_offline with simulations that exist already",
            )
        })?;
        let members = self.members.len();
        let (batch_size, pool) =
            (fit.batch_size, (fit.batch_size as f64 * spread(data_reuse, members)).ceil() as usize);
        let simulations = OnlineDataset::new(simulator, pool, fit.batches_per_epoch, first.key().fork("online"))?;
        let simulations = simulations.pool(&first.pool);
        let share_out = |shared: Arc<dyn Dataset>, member: usize| -> Arc<dyn Dataset> {
            match batch_size == pool {
                true => shared,
                false => Arc::new(Rows { dataset: shared, rows: window(member, members, pool, batch_size) }),
            }
        };
        self.fit_shared(simulations, share_out, fit, Optimizer::default(), (validation, callbacks, resume))
    }

    /// Trains each member on simulations that exist already, step by step side by side. `data_reuse` in `[0, 1]` says how much of them
    /// members have in common: with 1 each sees all, with 0 each sees a part of its own; with `M` members each sees the share
    /// `1/(r + (1 − r) M)`.
    pub fn fit_offline(
        &mut self,
        data: Record,
        fit: Fit,
        validation: Validation,
        data_reuse: f64,
    ) -> Result<Vec<History>> {
        self.fit_offline_with(data, fit, data_reuse, validation, &mut [], None)
    }

    /// As [`fit_offline`](Self::fit_offline), with watchers of every member, and checkpoints to go on from.
    ///
    /// Each member visits its data sets in an order of its own, unlike in the peer, where members that have all in common see the same
    /// batches; it ends with the bits that it would have alone on its part.
    pub fn fit_offline_with(
        &mut self,
        data: Record,
        fit: Fit,
        data_reuse: f64,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&EnsembleCheckpoint>,
    ) -> Result<Vec<History>> {
        fit.check()?;
        check_reuse(data_reuse)?;
        let rows = data.datasets()?.unwrap_or(0);
        let count = self.members.len();
        let size = (rows as f64 / spread(data_reuse, count)).ceil() as usize;
        let data = Arc::new(data);
        let mut datasets: Vec<Arc<dyn Dataset>> = Vec::with_capacity(count);
        for (number, (_, member)) in self.members.list().iter().enumerate() {
            let own = match size < rows {
                true => Arc::new(data.select(&window(number, count, rows, size))?),
                false => data.clone(),
            };
            datasets.push(Arc::new(OfflineDataset::new(own, fit.batch_size, member.key().fork("offline"))?));
        }
        let validation = self.validation(validation)?;
        let training = Training { fit, defaults: Optimizer::for_fixed_data(), validation, resume };
        let trained = self.fit_together(&datasets, &training, callbacks)?;
        self.conclude(&datasets, trained, resume)
    }

    /// Trains all members on the batches of one data set, such as a [`DiskDataset`](crate::data::DiskDataset), each read once. Unlike in
    /// the peer, augmentations are those of the data set, and so the same for all members.
    pub fn fit_dataset(
        &mut self,
        dataset: impl Dataset + 'static,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&EnsembleCheckpoint>,
    ) -> Result<Vec<History>> {
        fit.check()?;
        let rest = (validation, callbacks, resume);
        self.fit_shared(dataset, |shared, _| shared, fit, Optimizer::for_fixed_data(), rest)
    }

    /// Trains the members on what `share_out` gives each of the batches of one data set, which are made once.
    fn fit_shared(
        &mut self,
        dataset: impl Dataset + 'static,
        share_out: impl Fn(Arc<dyn Dataset>, usize) -> Arc<dyn Dataset>,
        fit: Fit,
        defaults: Optimizer,
        (validation, callbacks, resume): (Validation, &mut [&mut dyn Callback], Option<&EnsembleCheckpoint>),
    ) -> Result<Vec<History>> {
        let shared: Arc<dyn Dataset> = Arc::new(RememberedDataset::new(dataset).latest(KEPT));
        let members = self.members.len();
        let of_members = |shared: Arc<dyn Dataset>| -> Vec<Arc<dyn Dataset>> {
            (0..members).map(|member| share_out(shared.clone(), member)).collect()
        };
        let validation = self.validation(validation)?;
        let training = Training { fit, defaults, validation, resume };
        let trained = self.fit_together(&of_members(shared.clone()), &training, callbacks)?;
        // What is typical is learned from the first batches, which are made once more for all.
        self.conclude(&of_members(Arc::new(RememberedDataset::new(shared))), trained, resume)
    }

    /// One step of each member after the other, until none has anything left to do. Of members that were interrupted at different
    /// steps, those that are behind go first, so that all use a batch at about the same time.
    fn fit_together(
        &mut self,
        datasets: &[Arc<dyn Dataset>],
        training: &Training,
        callbacks: &mut [&mut dyn Callback],
    ) -> Result<Vec<Trained>> {
        let Training { fit, defaults, validation, resume } = training;
        let watchers: Watchers = RefCell::new(Vec::with_capacity(callbacks.len()));
        callbacks.iter_mut().for_each(|callback| watchers.borrow_mut().push(&mut **callback));
        let of_member = |(name, _): &(String, _)| OfMember { member: name.clone(), watchers: &watchers };
        let mut watching: Vec<OfMember> = self.members.list().iter().map(of_member).collect();
        let mut networks = Vec::with_capacity(datasets.len());
        let mut train = || {
            for ((_, member), dataset) in self.members.list_mut().iter_mut().zip(datasets) {
                networks.push(member.begin_fit(&**dataset)?);
            }
            let mut trainers = Vec::with_capacity(datasets.len());
            let parts = self.members.list().iter().zip(&mut networks).zip(datasets).zip(&mut watching);
            for ((((name, member), built), dataset), watch) in parts {
                let trainer = member.trainer(built, dataset.clone(), fit.clone(), *defaults, validation.clone())?;
                let trainer = trainer.callback(watch);
                trainers.push(match resume.and_then(|resume| resume.of(name)) {
                    Some(checkpoint) => trainer.resume(checkpoint)?,
                    None => trainer,
                });
            }
            while let Some(step) = trainers.iter().filter(|t| !t.is_complete()).map(|t| t.position()).min() {
                let members = self.members.list_mut().iter_mut();
                for ((trainer, (_, member)), dataset) in trainers.iter_mut().zip(members).zip(datasets) {
                    if !trainer.is_complete() && trainer.position() == step {
                        trainer.tick(&mut |checkpoint| member.save_checkpoint(checkpoint, &**dataset))?;
                    }
                }
            }
            trainers.into_iter().map(|trainer| trainer.finish()).collect::<Result<Vec<_>>>()
        };
        let outcomes = train();
        for ((_, member), built) in self.members.list_mut().iter_mut().zip(networks) {
            member.built = Some(built);
        }
        let mut trained = Vec::with_capacity(datasets.len());
        for ((_, member), (history, adapter, last)) in self.members.list_mut().iter_mut().zip(outcomes?) {
            member.take_over(&history, adapter);
            trained.push((history, last));
        }
        Ok(trained)
    }

    /// Learns what is typical of the data sets of each member, and saves it with the last checkpoint.
    fn conclude(
        &mut self,
        datasets: &[Arc<dyn Dataset>],
        trained: Vec<Trained>,
        resume: Option<&EnsembleCheckpoint>,
    ) -> Result<Vec<History>> {
        for (((name, member), dataset), (_, last)) in self.members.list_mut().iter_mut().zip(datasets).zip(&trained) {
            match last {
                Some(last) => member.conclude_fit(&**dataset, last)?,
                None => member.remain_complete(resume.and_then(|resume| resume.of(name))),
            }
        }
        Ok(trained.into_iter().map(|(history, _)| history).collect())
    }

    /// Fresh simulations for the validation are made once, and are those of the first member.
    fn validation(&self, validation: Validation) -> Result<Option<Record>> {
        match validation {
            Validation::None => Ok(None),
            Validation::Simulations(count) => self.members.first().simulate_as(count, "validation").map(Some),
            Validation::Data(data) => Ok(Some(data)),
        }
    }
}
