//! The training loop.
//!
//! A step is a pure function of the weights, the state of the optimizer, the moments of the standardisation, and the
//! number of the step; the loop can stop at the end of any epoch and go on from a [`Checkpoint`] with the same bits.

mod metrics;
mod steps;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::adapters::{Adapter, Strictness};
use crate::approximators::{Batch, Trainable};
use crate::data::{Dataset, Prefetch, Record};
use crate::error::{Error, Result};
use crate::optim::{Adam, MovingAverage, Optimizer, Schedule};
use crate::parameters::Parameters;
use crate::random::Key;
use crate::workflow::callback::{Callback, Control, EpochRecord};
use crate::workflow::checkpoint::{Checkpoint, Resume};
use crate::workflow::fit::Fit;
use crate::workflow::history::{Event, History};
use metrics::Metrics;
use steps::Good;

pub(in crate::workflow) use metrics::Measured;

/// What it is multiplied by when the validation loss stands still.
const RATE_AFTER_STANDSTILL: f64 = 0.25;
/// Batches that wait while one trains.
const PREFETCHED: usize = 2;

/// The training loop of one approximator on one source of batches.
pub struct Trainer<'a, A: Trainable> {
    approximator: &'a mut A,
    adapter: Arc<Mutex<Adapter>>,
    dataset: Arc<dyn Dataset>,
    validation: Option<Record>,
    metrics: Option<Metrics<A>>,
    fit: Fit,
    key: Key,
    threads: usize,
    callbacks: Vec<&'a mut dyn Callback>,
    optimizer: Adam,
    average: Option<MovingAverage>,
    best: Option<Parameters>,
    state: State,
    clock: Option<Clock>,
    running: Option<Epoch>,
}

/// When this part of the training began, the seconds of earlier parts, and whether there was anything left to train.
#[derive(Clone, Copy)]
struct Clock {
    began: Instant,
    before: f64,
    trains: bool,
}

/// An epoch that has begun.
struct Epoch {
    batches: Prefetch<Batch>,
    step: u64,
    good: Good,
    /// Steps that the device may not have done yet, and their data sets.
    started: Vec<(u64, usize)>,
    sum: f64,
    count: usize,
}

/// Where the loop stands.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct State {
    /// Epochs that are complete.
    pub(super) epoch: usize,
    /// Smallest validation loss so far and its epoch.
    pub(super) best: Option<(f64, usize)>,
    /// How often training went back.
    pub(super) returns: usize,
    /// How often the learning rate was reduced because the validation loss stood still, and the first epoch after the last time.
    #[serde(default)]
    pub(super) reductions: (usize, usize),
    /// True when nothing is left to do.
    pub(super) complete: bool,
    pub(super) history: History,
}

impl<'a, A: Trainable> Trainer<'a, A> {
    /// A loop over all epochs of a fit. `defaults` is the optimizer when the fit names none.
    pub fn new(
        approximator: &'a mut A,
        adapter: Adapter,
        dataset: Arc<dyn Dataset>,
        fit: Fit,
        defaults: Optimizer,
        key: Key,
    ) -> Result<Self> {
        fit.check()?;
        let steps = fit.epochs as u64 * dataset.batches_per_epoch() as u64;
        let schedule = Schedule::for_training(fit.learning_rate, steps);
        let optimizer = fit.optimizer.unwrap_or(defaults).build(schedule, approximator.parameters())?;
        let average = match fit.average {
            Some(decay) => Some(MovingAverage::new(decay, approximator.parameters())?),
            None => None,
        };
        let mut state = State::default();
        state.history.reserve(steps, fit.epochs);
        Ok(Trainer {
            adapter: Arc::new(Mutex::new(adapter)),
            validation: None,
            metrics: None,
            threads: 1,
            callbacks: Vec::new(),
            approximator,
            dataset,
            fit,
            key,
            optimizer,
            average,
            best: None,
            state,
            clock: None,
            running: None,
        })
    }

    /// Data whose loss is computed after each epoch, before the adapter.
    pub fn validation(mut self, data: Option<Record>) -> Self {
        self.validation = data;
        self
    }

    /// With more than one thread the next batches are made while the present one trains.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Adds a watcher.
    pub fn callback(mut self, callback: &'a mut dyn Callback) -> Self {
        self.callbacks.push(callback);
        self
    }

    /// Goes on from a checkpoint of the same fit.
    pub fn resume(mut self, checkpoint: &Checkpoint) -> Result<Self> {
        *lock(&self.adapter) = checkpoint.adapter.clone();
        *self.approximator.standardizer_mut() = checkpoint.standardizer.clone();
        let parameters = self.approximator.parameters_mut();
        checkpoint.weights.iter().try_for_each(|(name, array)| parameters.set(name, array))?;
        if let Some(Resume { weights, average, best, optimizer }) = &checkpoint.resume {
            if *best {
                self.best = Some(parameters.duplicate()?);
            }
            write_flat(parameters, weights)?;
            self.optimizer.restore(optimizer)?;
            match (&mut self.average, average) {
                (None, None) => {}
                (Some(own), Some((weights, updates))) => own.restore(weights, *updates)?,
                _ => {
                    return Err(Error::argument(
                        "average",
                        "was switched on or off since the checkpoint; resume with the same options",
                    ));
                }
            }
        }
        let named = |history: &History| history.metrics().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
        let (own, saved) = (named(&self.state.history), named(checkpoint.history()));
        if own != saved && !checkpoint.is_complete() {
            let message = format!("{own:?} are asked for, the checkpoint has {saved:?}; resume with the same metrics");
            return Err(Error::argument("metrics", message));
        }
        self.state = checkpoint.state.clone();
        let steps = self.fit.epochs as u64 * self.dataset.batches_per_epoch() as u64;
        self.state.history.reserve(steps, self.fit.epochs);
        Ok(self)
    }

    /// Runs the epochs that are left. `save` is called with a checkpoint before the first step and after each epoch but the last.
    pub fn run(
        mut self,
        mut save: impl FnMut(&Checkpoint) -> Result<()>,
    ) -> Result<(History, Adapter, Option<Checkpoint>)> {
        while self.tick(&mut save)? {}
        self.finish()
    }

    /// Takes one step, and does what is due before the first one and at the end of an epoch; false when nothing is left to do.
    pub(super) fn tick(&mut self, save: &mut dyn FnMut(&Checkpoint) -> Result<()>) -> Result<bool> {
        let clock = match self.clock {
            Some(clock) => clock,
            None => {
                if self.state.epoch == 0 {
                    save(&self.checkpoint()?)?;
                }
                let trains = !self.state.complete;
                *self.clock.insert(Clock { began: Instant::now(), before: self.state.history.seconds(), trains })
            }
        };
        if self.state.complete {
            return Ok(false);
        }
        let mut epoch = match self.running.take() {
            Some(epoch) => epoch,
            None => self.begin_epoch()?,
        };
        let batch = epoch.batches.next().transpose()?;
        let done = match &batch {
            Some(batch) => self.step(&mut epoch, batch, clock)?,
            None => self.finish_steps(&mut epoch, clock)?,
        };
        let control = match done {
            Control::Continue if batch.is_some() => {
                self.running = Some(epoch);
                return Ok(true);
            }
            Control::Continue => self.end_of_epoch(epoch.sum / epoch.count.max(1) as f64)?,
            Control::Stop => {
                self.state.epoch += 1;
                Control::Stop
            }
        };
        self.state.complete = control == Control::Stop || self.state.epoch >= self.fit.epochs;
        if !self.state.complete {
            save(&self.checkpoint()?)?;
        }
        Ok(true)
    }

    /// True when nothing is left to do.
    pub(super) fn is_complete(&self) -> bool {
        self.state.complete
    }

    /// The number of the next step.
    pub(super) fn position(&self) -> u64 {
        let batches = self.dataset.batches_per_epoch() as u64;
        self.running.as_ref().map_or(self.state.epoch as u64 * batches, |epoch| epoch.step)
    }

    /// Leaves the final weights in the approximator, once [`tick`](Self::tick) has nothing left to do. They are also those of the last
    /// checkpoint, which is returned if anything was left: it is for the caller to save, with what is learned from these weights.
    pub(super) fn finish(mut self) -> Result<(History, Adapter, Option<Checkpoint>)> {
        lock(&self.adapter).freeze();
        let trained = self.clock.is_some_and(|clock| clock.trains);
        let last = trained.then(|| self.checkpoint()).transpose()?;
        if trained {
            match self.best.take() {
                Some(best) => self.approximator.parameters_mut().copy_from(&best)?,
                None => self.swap_average(),
            }
        }
        let adapter = lock(&self.adapter).clone();
        Ok((self.state.history, adapter, last))
    }

    fn begin_epoch(&mut self) -> Result<Epoch> {
        let batches = self.dataset.batches_per_epoch() as u64;
        let first = self.state.epoch as u64 * batches;
        let adapter = self.adapter.clone();
        let key = self.key.fork("adapter");
        let mut steps = first..;
        let adapt = move |record: Record| -> Result<Batch> {
            let pass = Strictness::Strict.with_key(key.at(steps.next().unwrap_or_default()));
            Batch::from_record(&lock(&adapter).forward_learning(&record, pass)?)
        };
        let depth = if self.threads > 1 { PREFETCHED } else { 0 };
        let batches = Prefetch::batches(self.dataset.clone(), first..first + batches, depth, adapt)?;
        Ok(Epoch { batches, step: first, good: self.good()?, started: Vec::new(), sum: 0.0, count: 0 })
    }

    fn end_of_epoch(&mut self, loss: f64) -> Result<Control> {
        let epoch = self.state.epoch;
        let (validation_loss, metrics) = self.validate()?;
        let record = EpochRecord { epoch, epochs: self.fit.epochs, loss, validation_loss, metrics: &metrics };
        self.state.history.epoch(&record);
        self.state.epoch += 1;
        let mut control = Control::Continue;
        if let Some(loss) = validation_loss {
            if self.state.best.is_none_or(|(smallest, _)| loss < smallest) {
                self.state.best = Some((loss, epoch));
                if self.fit.keep_best {
                    self.best = Some(self.deployed().duplicate()?);
                }
            }
            let since = self.state.best.map_or(epoch, |(_, best)| best.max(self.state.reductions.1));
            let waited = epoch.saturating_sub(since);
            let stands_still = self.fit.patience.is_some_and(|patience| waited >= patience);
            if stands_still && self.state.reductions.0 < self.fit.reductions {
                self.reduce_rate(waited)?;
            } else if stands_still {
                self.event(format!(
                    "stopped after epoch {epoch}: the validation loss has not improved for {waited} epochs"
                ));
                control = Control::Stop;
            }
        }
        for callback in &mut self.callbacks {
            if callback.on_epoch(&record)? == Control::Stop {
                control = Control::Stop;
            }
        }
        Ok(control)
    }

    /// Goes back to the best weights and on with a smaller learning rate.
    fn reduce_rate(&mut self, waited: usize) -> Result<()> {
        let epoch = self.state.epoch - 1;
        if let Some(best) = &self.best {
            self.approximator.parameters_mut().copy_from(best)?;
            if let Some(average) = &mut self.average {
                average.parameters_mut().copy_from(best)?;
            }
        }
        self.optimizer.scale_rate(RATE_AFTER_STANDSTILL);
        self.state.reductions = (self.state.reductions.0 + 1, epoch + 1);
        self.event(format!(
            "after epoch {epoch}: the validation loss has not improved for {waited} epochs; went back to the best weights and \
             to a quarter of the learning rate"
        ));
        Ok(())
    }

    /// The weights that validation and the final model use: averaged if there is an average.
    fn deployed(&self) -> &Parameters {
        self.average.as_ref().map_or(self.approximator.parameters(), MovingAverage::parameters)
    }

    /// The loss of the validation data, and the metrics.
    fn validate(&mut self) -> Result<(Option<f64>, Vec<Measured>)> {
        let Some(data) = &self.validation else { return Ok((None, Vec::new())) };
        let adapted = lock(&self.adapter).forward(data, Strictness::Strict.with_key(self.key.fork("validation")))?;
        self.swap_average();
        let loss = self.loss_in_parts(&adapted);
        let outcome = loss.and_then(|loss| Ok((Some(loss), self.measure(&adapted)?)));
        self.swap_average();
        outcome
    }

    /// The mean loss of adapted data, as many at a time as in a training step, so that it takes no more memory.
    fn loss_in_parts(&self, adapted: &Record) -> Result<f64> {
        let rows = adapted.datasets()?.unwrap_or(0);
        let mut total = 0.0;
        for start in (0..rows).step_by(self.fit.batch_size) {
            let part: Vec<usize> = (start..rows.min(start + self.fit.batch_size)).collect();
            total += part.len() as f64 * self.approximator.loss(&Batch::from_record(&adapted.select(&part)?)?)?;
        }
        Ok(total / rows.max(1) as f64)
    }

    /// Exchanges the weights of the approximator with the averaged ones.
    fn swap_average(&mut self) {
        if let Some(average) = &mut self.average {
            std::mem::swap(average.parameters_mut(), self.approximator.parameters_mut());
        }
    }

    fn event(&mut self, message: String) {
        for callback in &mut self.callbacks {
            callback.on_event(&message);
        }
        self.state.history.event(Event { step: self.optimizer.steps(), message });
    }

    fn checkpoint(&self) -> Result<Checkpoint> {
        let resume = match self.state.complete {
            true => None,
            false => Some(Resume::new(
                self.approximator.parameters(),
                self.average.as_ref(),
                self.best.is_some(),
                &self.optimizer,
            )?),
        };
        Ok(Checkpoint {
            weights: self.best.as_ref().unwrap_or_else(|| self.deployed()).export()?,
            standardizer: self.approximator.standardizer().clone(),
            adapter: lock(&self.adapter).clone(),
            state: self.state.clone(),
            resume,
            typicality: None,
            training: None,
        })
    }
}

fn write_flat(parameters: &mut Parameters, weights: &[f32]) -> Result<()> {
    let flat = parameters.trainable_mut();
    if flat.shape().elements() != weights.len() {
        let message = format!(
            "the checkpoint holds {} weights, the model {}; resume with the same networks",
            weights.len(),
            flat.shape().elements()
        );
        return Err(Error::shape("resume", message));
    }
    flat.write(weights)
}

fn lock(adapter: &Mutex<Adapter>) -> std::sync::MutexGuard<'_, Adapter> {
    adapter.lock().unwrap_or_else(PoisonError::into_inner)
}
