//! The steps of an epoch, and the way back when one of them was not finite.

use super::{Clock, Epoch, Trainer};
use crate::approximators::{Batch, StepOutcome, Trainable};
use crate::error::{Error, Result};
use crate::optim::{AdamState, MOST_STARTED, StepReport};
use crate::parameters::Parameters;
use crate::workflow::callback::{Control, StepRecord};

/// How often training may go back to the last good state before it gives up.
const MOST_RETURNS: usize = 5;
/// What the learning rate is multiplied by when it does.
const RATE_AFTER_RETURN: f64 = 0.5;

/// What training goes back to.
pub(super) struct Good {
    weights: Parameters,
    optimizer: AdamState,
    average: Option<(Vec<f32>, u64)>,
}

impl<A: Trainable> Trainer<'_, A> {
    /// Takes the next step. A device that computes behind is only told to, and asked for what became of it now and then.
    pub(super) fn step(&mut self, epoch: &mut Epoch, batch: &Batch, clock: Clock) -> Result<Control> {
        let step = epoch.step;
        epoch.step += 1;
        let key = self.key.fork("train").at(step);
        if self.approximator.parameters().device().computes_behind() {
            self.approximator.start_step(batch, &mut self.optimizer, key)?;
            self.follow()?;
            epoch.started.push((step, batch.datasets));
            return match epoch.started.len() < MOST_STARTED {
                true => Ok(Control::Continue),
                false => self.finish_steps(epoch, clock),
            };
        }
        match self.approximator.train_step(batch, &mut self.optimizer, key) {
            Ok(StepOutcome { loss, report }) => {
                self.follow()?;
                self.record(epoch, clock, (step, batch.datasets), loss, report)
            }
            Err(error @ Error::NotFinite { .. }) => {
                self.go_back(epoch, step, error)?;
                Ok(Control::Continue)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for the steps that were started.
    pub(super) fn finish_steps(&mut self, epoch: &mut Epoch, clock: Clock) -> Result<Control> {
        let outcomes = self.optimizer.finish_steps()?;
        let started = std::mem::take(&mut epoch.started);
        for ((step, datasets), (loss, report)) in started.into_iter().zip(outcomes) {
            if !loss.is_finite() || !report.gradient_norm.is_finite() {
                let message = format!(
                    "the loss is {loss}, the norm of its gradients {}; lower the learning rate or look for extreme \
                     simulations",
                    report.gradient_norm
                );
                self.go_back(epoch, step, Error::not_finite("the loss or its gradients", message))?;
                return Ok(Control::Continue);
            }
            if self.record(epoch, clock, (step, datasets), loss, report)? == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    /// The moving average follows the weights.
    fn follow(&mut self) -> Result<()> {
        match &mut self.average {
            Some(average) => average.update(self.approximator.parameters()),
            None => Ok(()),
        }
    }

    fn record(
        &mut self,
        epoch: &mut Epoch,
        clock: Clock,
        (step, datasets): (u64, usize),
        loss: f64,
        report: StepReport,
    ) -> Result<Control> {
        epoch.sum += loss * datasets as f64;
        epoch.count += datasets;
        let record = StepRecord {
            step,
            epoch: self.state.epoch,
            steps: self.fit.epochs as u64 * self.dataset.batches_per_epoch() as u64,
            loss,
            learning_rate: report.learning_rate,
            gradient_norm: report.gradient_norm,
            seconds: clock.before + clock.began.elapsed().as_secs_f64(),
            datasets,
        };
        self.state.history.step(&record);
        for callback in &mut self.callbacks {
            if callback.on_step(&record)? == Control::Stop {
                return Ok(Control::Stop);
            }
        }
        Ok(Control::Continue)
    }

    /// The state as it is now.
    pub(super) fn good(&self) -> Result<Good> {
        let average = match &self.average {
            Some(average) => Some((average.parameters().trainable().values()?, average.steps())),
            None => None,
        };
        Ok(Good { weights: self.approximator.parameters().duplicate()?, optimizer: self.optimizer.state()?, average })
    }

    /// Goes back to the state at the start of the epoch, a limited number of times.
    fn go_back(&mut self, epoch: &Epoch, step: u64, error: Error) -> Result<()> {
        let good = &epoch.good;
        self.state.returns += 1;
        if self.state.returns > MOST_RETURNS {
            return Err(Error::not_finite(
                "training",
                format!(
                    "values that are not finite came up {} times, last at step {step} ({error}); lower --learning-rate, or look for extreme simulations and constrain the parameters",
                    self.state.returns
                ),
            ));
        }
        self.approximator.parameters_mut().copy_from(&good.weights)?;
        let factor = self.optimizer.state()?.rate_factor;
        self.optimizer.restore(&good.optimizer)?;
        self.optimizer.scale_rate(RATE_AFTER_RETURN * factor / good.optimizer.rate_factor);
        self.optimizer.skip_to(epoch.step);
        if let (Some(average), Some((weights, steps))) = (&mut self.average, &good.average) {
            average.restore(weights, *steps)?;
        }
        self.event(format!(
            "step {step}: {error}; went back to the weights at the start of the epoch and halved the learning rate"
        ));
        Ok(())
    }
}
