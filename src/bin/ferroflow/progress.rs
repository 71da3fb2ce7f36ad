//! Progress: one line on a terminal, plain lines elsewhere, JSON on request.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use ferroflow::Result;
use ferroflow::workflow::{Callback, Control, EpochRecord, StepRecord};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use crate::output::{Output, duration, grouped};

/// Plain lines come at least this far apart, but for the first and the last one.
const BETWEEN_LINES: Duration = Duration::from_secs(2);
/// Epochs longer than this report in between.
const LONGEST_SILENCE: Duration = Duration::from_secs(10);
/// The terminal is drawn so often per second.
const DRAWS_PER_SECOND: u8 = 10;

/// The progress of a training; of an ensemble, the mean losses of its members, which take their steps in turn.
pub struct Progress {
    output: Output,
    bar: Option<ProgressBar>,
    began: Instant,
    /// The first step of this process and the latest one.
    first: Option<u64>,
    last: Option<StepRecord>,
    /// Data sets of this process.
    datasets: u64,
    /// Sum of the losses of the epoch, weighted with the sizes of its batches, and the sum of these sizes.
    epoch: (usize, f64, f64),
    epochs: usize,
    /// The latest epoch with a validation loss, the sum of these losses, and how many they are.
    validation: (usize, f64, usize),
    metrics: Vec<(&'static str, Option<f64>)>,
    printed: Option<Instant>,
    members: usize,
    /// The member that is trained.
    member: Option<String>,
    /// Members whose last epoch is complete.
    done: usize,
}

impl Progress {
    pub fn new(output: Output, epochs: usize) -> Self {
        let bar = (!output.json && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
            let style = ProgressStyle::with_template("{bar:10.cyan/dim} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Progress {
            output,
            bar,
            began: Instant::now(),
            first: None,
            last: None,
            datasets: 0,
            epoch: (0, 0.0, 0.0),
            epochs,
            validation: (0, 0.0, 0),
            metrics: Vec::new(),
            printed: None,
            members: 1,
            member: None,
            done: 0,
        }
    }

    /// Sets the number of members of an ensemble.
    pub fn of_members(self, members: usize) -> Self {
        Progress { members, ..self }
    }

    /// Steps per second, data sets per second, seconds left.
    fn rates(&self, step: &StepRecord) -> (f64, f64, f64) {
        let seconds = self.began.elapsed().as_secs_f64().max(1e-9);
        let done = (step.step + 1 - self.first.unwrap_or(step.step)) as f64;
        let rate = done / seconds;
        (rate, self.datasets as f64 / seconds, step.steps.saturating_sub(step.step + 1) as f64 / rate)
    }

    fn describe(&self, step: &StepRecord) -> String {
        let (steps, datasets, left) = self.rates(step);
        let validation = match self.validation {
            (_, _, 0) => String::new(),
            (_, sum, count) => format!("  validation {:.4}", sum / count as f64),
        };
        let metric = |(name, value): &(&str, Option<f64>)| value.map(|v| format!("  {name} {v:.4}"));
        let metrics: String = self.metrics.iter().filter_map(metric).collect();
        let (epoch, sum, weight) = self.epoch;
        // The most wanted first: a narrow terminal cuts the end off.
        format!(
            "epoch {}/{}  {} left  loss {:.4}{validation}{metrics}  {} steps/s  {} data sets/s  rate {:.1e}",
            epoch + 1,
            self.epochs,
            duration(left),
            sum / weight.max(1.0),
            grouped(steps as u64),
            grouped(datasets as u64),
            step.learning_rate,
        )
    }

    /// Removes the progress line and tells how long it took.
    pub fn finish(&mut self) -> f64 {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        self.began.elapsed().as_secs_f64()
    }
}

impl Callback for Progress {
    fn on_member(&mut self, member: &str) {
        if self.member.as_deref() != Some(member) {
            self.member = Some(member.to_string());
        }
    }

    fn on_step(&mut self, step: &StepRecord) -> Result<Control> {
        if self.first.is_none() {
            self.first = Some(step.step);
            if let Some(bar) = &self.bar {
                bar.set_length(step.steps);
            }
        }
        if self.epoch.0 < step.epoch {
            self.epoch = (step.epoch, 0.0, 0.0);
        }
        self.epoch.1 += step.loss * step.datasets as f64;
        self.epoch.2 += step.datasets as f64;
        self.datasets += step.datasets as u64;
        self.last = Some(*step);
        if let Some(bar) = &self.bar {
            bar.set_position(step.step + 1);
            // The message is made only when it may be seen.
            if self.printed.is_none_or(|at| at.elapsed() > Duration::from_secs(1) / u32::from(DRAWS_PER_SECOND)) {
                self.printed = Some(Instant::now());
                bar.set_message(self.describe(step));
            }
        } else if !self.output.json && self.printed.unwrap_or(self.began).elapsed() > LONGEST_SILENCE {
            self.printed = Some(Instant::now());
            let text = self.describe(step);
            self.output.line(text);
        }
        Ok(Control::Continue)
    }

    fn on_epoch(&mut self, epoch: &EpochRecord) -> Result<Control> {
        if let Some(loss) = epoch.validation_loss {
            let (latest, sum, count) = self.validation;
            self.validation = match latest == epoch.epoch && count > 0 {
                true => (latest, sum + loss, count + 1),
                false => (epoch.epoch, loss, 1),
            };
        }
        self.metrics = epoch.metrics.to_vec();
        self.done += usize::from(epoch.epoch + 1 == epoch.epochs);
        let Some(step) = self.last else { return Ok(Control::Continue) };
        if self.output.json {
            let (steps, datasets, left) = self.rates(&step);
            let metrics: serde_json::Map<_, _> =
                epoch.metrics.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
            let mut event = json!({
                "event": "epoch", "epoch": epoch.epoch + 1, "epochs": epoch.epochs, "step": step.step + 1,
                "steps": step.steps, "loss": epoch.loss, "validation_loss": epoch.validation_loss,
                "metrics": metrics,
                "learning_rate": step.learning_rate, "gradient_norm": step.gradient_norm, "seconds": step.seconds,
                "steps_per_second": steps, "datasets_per_second": datasets, "seconds_left": left,
            });
            if let Some(member) = &self.member {
                event["member"] = json!(member);
            }
            self.output.event(event);
        } else if self.bar.is_none() {
            let due = self.printed.is_none_or(|at| at.elapsed() > BETWEEN_LINES);
            if due || self.done == self.members {
                self.printed = Some(Instant::now());
                let text = self.describe(&step);
                self.output.line(text);
            }
        }
        Ok(Control::Continue)
    }

    fn on_event(&mut self, message: &str) {
        let message = self.member.as_ref().map_or(message.to_string(), |member| format!("member {member}: {message}"));
        self.output.event(json!({ "event": "notice", "message": message }));
        match &self.bar {
            Some(bar) => bar.println(message),
            None => self.output.line(message),
        }
    }
}

/// The progress of many draws: a line on a terminal, nothing elsewhere.
pub struct DrawsBar {
    bar: Option<ProgressBar>,
}

impl DrawsBar {
    pub fn new(datasets: usize, draws: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let total = datasets as u64 * draws as u64;
            let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
            let bar = ProgressBar::with_draw_target(Some(total), target);
            let style = ProgressStyle::with_template("{bar:20.cyan/dim} {human_pos} of {human_len} draws, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        DrawsBar { bar }
    }

    pub fn set(&mut self, done: usize) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
        }
    }

    pub fn finish(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The progress of simulations that are counted, from whichever thread: a line on a terminal, a line now and then elsewhere.
pub struct CountBar {
    bar: Option<ProgressBar>,
    unit: &'static str,
    printed: std::sync::Mutex<Instant>,
}

impl CountBar {
    pub fn new(unit: &'static str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND));
            let style = ProgressStyle::with_template("{bar:20.cyan/dim} {human_pos} of {human_len} {msg}, {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_message(unit);
            bar
        });
        CountBar { bar, unit, printed: std::sync::Mutex::new(Instant::now()) }
    }

    pub fn set(&self, done: usize, total: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(total as u64);
                // Threads may report out of order.
                bar.set_position(bar.position().max(done as u64));
            }
            None => {
                let mut printed = self.printed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                if printed.elapsed() > LONGEST_SILENCE && done < total {
                    *printed = Instant::now();
                    Output::default().line(format!("{done} of {total} {}", self.unit));
                }
            }
        }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
