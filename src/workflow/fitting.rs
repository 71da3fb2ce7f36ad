//! Training of a workflow, with a checkpoint after each epoch.

use std::sync::Arc;

use super::basic::Workflow;
use super::callback::Callback;
use super::checkpoint::Checkpoint;
use super::fit::Fit;
use super::history::History;
use super::metrics;
use super::trainer::Trainer;
use super::variables::{density_of, describe_variables};
use crate::adapters::{Adapter, Strictness};
use crate::approximators::{Approximator, Batch, BuiltApproximator, ContinuousApproximator, Dimensions};
use crate::data::{Dataset, OfflineDataset, OnlineDataset, Record};
use crate::error::{Error, Result};
use crate::io::{ModelFile, TrainingSummary};
use crate::optim::Optimizer;

/// Where the loss after each epoch is computed on.
#[derive(Debug, Clone)]
pub enum Validation {
    /// None.
    None,
    /// Fresh simulations, as many as given.
    Simulations(usize),
    /// Given data.
    Data(Record),
}

impl<A: Approximator> Workflow<A> {
    /// Trains on fresh simulations in every step.
    pub fn fit_online(&mut self, fit: Fit) -> Result<History> {
        self.fit_online_with(fit, Validation::None, &mut [], None)
    }

    /// As [`fit_online`](Self::fit_online), with validation, watchers, and a checkpoint to go on from.
    pub fn fit_online_with(
        &mut self,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        fit.check()?;
        let simulator = self.simulator.clone().ok_or_else(|| {
            Error::argument("simulator", "this workflow has none; use fit_offline with simulations that exist already")
        })?;
        let dataset = OnlineDataset::new(simulator, fit.batch_size, fit.batches_per_epoch, self.key().fork("online"))?;
        self.fit(Arc::new(dataset.pool(&self.pool)), fit, Optimizer::default(), validation, callbacks, resume)
    }

    /// Trains on simulations that exist already: name → `[datasets, …]`.
    pub fn fit_offline(&mut self, data: Record, fit: Fit) -> Result<History> {
        self.fit_offline_with(data, fit, Validation::None, &mut [], None)
    }

    /// As [`fit_offline`](Self::fit_offline), with validation, watchers, and a checkpoint to go on from.
    pub fn fit_offline_with(
        &mut self,
        data: Record,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        fit.check()?;
        let dataset = OfflineDataset::new(data, fit.batch_size, self.key().fork("offline"))?;
        self.fit(Arc::new(dataset), fit, Optimizer::for_fixed_data(), validation, callbacks, resume)
    }

    /// Trains on the batches of any data set, such as a [`DiskDataset`](crate::data::DiskDataset), by default with the
    /// optimizer for simulations that exist already.
    pub fn fit_dataset(
        &mut self,
        dataset: impl Dataset + 'static,
        fit: Fit,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        fit.check()?;
        self.fit(Arc::new(dataset), fit, Optimizer::for_fixed_data(), validation, callbacks, resume)
    }

    fn fit(
        &mut self,
        dataset: Arc<dyn Dataset>,
        fit: Fit,
        defaults: Optimizer,
        validation: Validation,
        callbacks: &mut [&mut dyn Callback],
        resume: Option<&Checkpoint>,
    ) -> Result<History> {
        let validation = match validation {
            Validation::None => None,
            Validation::Simulations(count) => Some(self.simulate_as(count, "validation")?),
            Validation::Data(data) => Some(data),
        };
        let mut built = self.begin_fit(&*dataset)?;
        let outcome = self.trainer(&mut built, dataset.clone(), fit, defaults, validation).and_then(|mut trainer| {
            for callback in callbacks {
                trainer = trainer.callback(*callback);
            }
            if let Some(checkpoint) = resume {
                trainer = trainer.resume(checkpoint)?;
            }
            trainer.run(|checkpoint| self.save_checkpoint(checkpoint, &*dataset))
        });
        self.built = Some(built);
        let (history, adapter, last) = outcome?;
        self.take_over(&history, adapter);
        match last {
            Some(last) => self.conclude_fit(&*dataset, &last)?,
            None => self.remain_complete(resume),
        }
        Ok(history)
    }

    /// The networks, with weights for batches such as those of a data set; [`take_over`](Self::take_over) and
    /// [`conclude_fit`](Self::conclude_fit) come after they were trained and put back.
    pub(super) fn begin_fit(&mut self, dataset: &dyn Dataset) -> Result<BuiltApproximator<A::Objective>> {
        self.prepare(dataset)?;
        self.typicality = None;
        let missing = || Error::argument("workflow", "has no networks; this is a defect of the library");
        self.built.take().ok_or_else(missing)
    }

    /// The training loop of this workflow's networks.
    pub(super) fn trainer<'a>(
        &self,
        built: &'a mut BuiltApproximator<A::Objective>,
        dataset: Arc<dyn Dataset>,
        fit: Fit,
        defaults: Optimizer,
        validation: Option<Record>,
    ) -> Result<Trainer<'a, BuiltApproximator<A::Objective>>> {
        metrics::check::<A>(&self.metrics, validation.is_some())?;
        let trainer = Trainer::new(built, self.adapter.clone(), dataset, fit, defaults, self.key())?;
        let trainer = trainer.validation(validation).threads(self.pool.threads());
        Ok(match A::COMPARED {
            Some(compared) if !self.metrics.is_empty() => {
                trainer.metrics(self.metrics.iter().map(|new| new()).collect(), compared)
            }
            _ => trainer,
        })
    }

    /// Takes over what was learned beside the weights.
    pub(super) fn take_over(&mut self, history: &History, adapter: Adapter) {
        self.adapter = adapter;
        self.history = history.clone();
    }

    /// Learns what is typical of the data sets of the training, and saves it with the last checkpoint.
    pub(super) fn conclude_fit(&mut self, dataset: &dyn Dataset, last: &Checkpoint) -> Result<()> {
        let typicality = self.typicality_of(dataset, self.history.losses().len());
        self.typicality = typicality.as_ref().ok().cloned().flatten();
        self.save_checkpoint(last, dataset)?;
        typicality.map(drop)
    }

    /// Nothing was left to train: what is typical, and how the model came about, was saved with the weights.
    pub(super) fn remain_complete(&mut self, checkpoint: Option<&Checkpoint>) {
        self.typicality = checkpoint.and_then(|checkpoint| checkpoint.typicality.clone());
        if let Some(training) = checkpoint.and_then(|checkpoint| checkpoint.training.clone()) {
            self.training = training;
        }
    }

    /// Learns widths from the first batch and gives the networks their weights, unless they have them already.
    fn prepare(&mut self, dataset: &dyn Dataset) -> Result<()> {
        self.prepare_for(&dataset.batch(0)?)
    }

    pub(super) fn prepare_for(&mut self, example: &Record) -> Result<()> {
        let mut adapter = self.adapter.clone();
        let pass = Strictness::Strict.with_key(self.key().fork("adapter").at(0));
        let adapted = adapter.forward_learning(example, pass)?;
        let batch = Batch::from_record(&adapted)?;
        let dimensions = Dimensions::of(&batch)?;
        match &self.built {
            Some(built) if *built.dimensions() == dimensions => {}
            Some(built) => {
                let message = format!(
                    "this model was built for {:?}, the data give {dimensions:?}; build a new workflow",
                    built.dimensions()
                );
                return Err(Error::shape("workflow", message));
            }
            None => {
                self.built = Some(self.config.build(dimensions.clone(), &self.device, self.key())?);
                self.dimensions = Some(dimensions);
                self.variables = describe_variables(&adapter, example)?;
                if A::KIND == ContinuousApproximator::KIND
                    && let (None, Some(simulator)) = (self.density_of, &self.simulator)
                {
                    self.density_of = density_of(&**simulator, &self.variables.0);
                }
            }
        }
        Ok(())
    }

    pub(super) fn save_checkpoint(&mut self, checkpoint: &Checkpoint, dataset: &dyn Dataset) -> Result<()> {
        let steps = checkpoint.history().losses().len() as u64;
        self.training = TrainingSummary {
            simulator: self.simulator.as_ref().map(|s| s.name().to_string()),
            seed: self.seed,
            epochs: checkpoint.epochs(),
            steps,
            datasets: steps * dataset.batch_size() as u64,
            loss: checkpoint.history().epoch_losses().last().copied(),
            validation_loss: checkpoint.history().validation_losses().iter().flatten().copied().reduce(f64::min),
        };
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        std::fs::create_dir_all(&folder)
            .map_err(|e| Error::file(&folder, format!("the folder cannot be made ({e}); name another one")))?;
        let file = ModelFile {
            header: self.header(checkpoint.adapter.clone(), checkpoint.standardizer.clone())?,
            weights: checkpoint.weights.clone(),
            training_state: checkpoint.training_state()?,
        };
        // The history first: a run that is killed in between resumes from the older model and writes the same lines again.
        checkpoint.history().write_csv(&folder.join("history.csv"))?;
        file.save(&folder.join("model.safetensors"))
    }
}
