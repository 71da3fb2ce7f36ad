//! What a fit has recorded.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::callback::{EpochRecord, StepRecord};
use crate::codecs::{Array, atomic_write};
use crate::error::{Error, Result};

/// Something that happened during a fit and that the user should know of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The step at which it happened.
    pub step: u64,
    /// A sentence.
    pub message: String,
}

/// One line of the history.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Line {
    step: u64,
    epoch: usize,
    loss: f64,
    learning_rate: f64,
    gradient_norm: f64,
    seconds: f64,
}

/// The first line of the file; the names of metrics follow.
const HEADER: &str = "step,epoch,loss,validation_loss,learning_rate,gradient_norm,seconds";

/// The numbers of a step, and the validation loss and metrics of its epoch, if it is the last one.
fn parse_line(row: &str, metrics: usize) -> Option<(Line, Option<f64>, Vec<Option<f64>>)> {
    let fields: Vec<&str> = row.split(',').collect();
    let (&[step, epoch, loss, validation, learning_rate, gradient_norm, seconds], measured) =
        fields.split_first_chunk()?;
    if measured.len() != metrics {
        return None;
    }
    let number = |text: &str| text.parse::<f64>().ok();
    let line = Line {
        step: step.parse().ok()?,
        epoch: epoch.parse().ok()?,
        loss: number(loss)?,
        learning_rate: number(learning_rate)?,
        gradient_norm: number(gradient_norm)?,
        seconds: number(seconds)?,
    };
    // The outer option is a number that cannot be read, the inner one a field without a number.
    let optional = |text: &str| if text.is_empty() { Some(None) } else { number(text).map(Some) };
    let measured = measured.iter().map(|text| optional(text)).collect::<Option<Vec<_>>>()?;
    Some((line, optional(validation)?, measured))
}

/// Losses of all steps and epochs of a fit.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct History {
    #[serde(skip)]
    lines: Vec<Line>,
    epoch_losses: Vec<f64>,
    validation_losses: Vec<Option<f64>>,
    events: Vec<Event>,
    /// Names of metrics, with a value for each epoch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<(String, Vec<Option<f64>>)>,
}

impl History {
    /// Makes room for the lines of a fit, so that recording takes no memory.
    pub(super) fn reserve(&mut self, steps: u64, epochs: usize) {
        self.lines.reserve((steps as usize).saturating_sub(self.lines.len()));
        self.epoch_losses.reserve(epochs);
        self.validation_losses.reserve(epochs);
    }

    /// Begins the columns of metrics.
    pub(super) fn name_metrics<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        self.metrics = names.into_iter().map(|name| (name.to_string(), Vec::new())).collect();
    }

    pub(super) fn step(&mut self, record: &StepRecord) {
        let StepRecord { step, epoch, loss, learning_rate, gradient_norm, seconds, .. } = *record;
        self.lines.push(Line { step, epoch, loss, learning_rate, gradient_norm, seconds });
    }

    pub(super) fn epoch(&mut self, record: &EpochRecord) {
        self.epoch_losses.push(record.loss);
        self.validation_losses.push(record.validation_loss);
        for ((_, values), (_, value)) in self.metrics.iter_mut().zip(record.metrics) {
            values.push(*value);
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The loss of each step.
    pub fn losses(&self) -> impl ExactSizeIterator<Item = f64> {
        self.lines.iter().map(|line| line.loss)
    }

    /// The learning rate of each step.
    pub fn learning_rates(&self) -> impl ExactSizeIterator<Item = f64> {
        self.lines.iter().map(|line| line.learning_rate)
    }

    /// Mean loss of each epoch.
    pub fn epoch_losses(&self) -> &[f64] {
        &self.epoch_losses
    }

    /// Validation loss of each epoch; `None` without validation data.
    pub fn validation_losses(&self) -> &[Option<f64>] {
        &self.validation_losses
    }

    /// Metrics of the validation data: the name of each, and its value after each epoch where it could be computed.
    pub fn metrics(&self) -> impl ExactSizeIterator<Item = (&str, &[Option<f64>])> {
        self.metrics.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// What happened that the user should know of.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Seconds until the last step.
    pub fn seconds(&self) -> f64 {
        self.lines.last().map_or(0.0, |line| line.seconds)
    }

    /// The lines as an array `[steps, 6]`, for a checkpoint.
    pub(super) fn to_array(&self) -> Result<Array> {
        let numbers = |line: &Line| {
            let Line { step, epoch, loss, learning_rate, gradient_norm, seconds } = *line;
            [step as f64, epoch as f64, loss, learning_rate, gradient_norm, seconds]
        };
        Array::f64([self.lines.len(), 6], self.lines.iter().flat_map(numbers).collect())
    }

    /// Puts the lines of a checkpoint back.
    pub(super) fn restore_lines(&mut self, array: &Array) -> Result<()> {
        if array.shape().get(1) != Some(&6) {
            return Err(Error::shape(
                "history",
                format!("has shape {:?}, expected [steps, 6]; the file is damaged", array.shape()),
            ));
        }
        let values = array.to_f64();
        let line = |v: &[f64]| Line {
            step: v[0] as u64,
            epoch: v[1] as usize,
            loss: v[2],
            learning_rate: v[3],
            gradient_norm: v[4],
            seconds: v[5],
        };
        self.lines = values.chunks_exact(6).map(line).collect();
        Ok(())
    }

    /// Position and validation loss of each epoch that has one, the position being the number of steps until its end.
    pub fn validation_by_step(&self) -> Vec<(f64, f64)> {
        let ends = self
            .lines
            .iter()
            .enumerate()
            .filter(|(i, line)| self.lines.get(i + 1).is_none_or(|next| next.epoch != line.epoch));
        ends.filter_map(|(i, line)| Some((i as f64 + 1.0, *self.validation_losses.get(line.epoch)?.as_ref()?)))
            .collect()
    }

    /// True when no step was recorded.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The history in a file that [`write_csv`](Self::write_csv) wrote; events are not in it, and the losses of epochs are
    /// the plain means of their steps.
    pub fn read_csv(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::file(path, format!("the history cannot be read ({e}); check the path")))?;
        let mut rows = text.lines();
        let names = rows.next().and_then(|first| first.strip_prefix(HEADER));
        let names = names.filter(|names| names.is_empty() || names.starts_with(','));
        let mut history = History::default();
        match names {
            Some(names) => history.name_metrics(names.split(',').skip(1)),
            None => {
                let message = format!("is not the history of a run; its first line should be '{HEADER}'");
                return Err(Error::file(path, message));
            }
        }
        for (number, row) in rows.enumerate() {
            let (line, validation, measured) = parse_line(row, history.metrics.len()).ok_or_else(|| {
                Error::file(path, format!("line {} cannot be understood; the file was changed or cut off", number + 2))
            })?;
            let epochs = line.epoch + 1;
            if epochs > history.lines.len() + 1 {
                return Err(Error::file(path, format!("line {} skips epochs; the file was changed", number + 2)));
            }
            history.validation_losses.resize(epochs.max(history.validation_losses.len()), None);
            history.validation_losses[line.epoch] = validation;
            for ((_, values), value) in history.metrics.iter_mut().zip(measured) {
                values.resize(epochs.max(values.len()), None);
                values[line.epoch] = value;
            }
            history.lines.push(line);
        }
        for epoch in 0..history.validation_losses.len() {
            let losses: Vec<f64> = history.lines.iter().filter(|l| l.epoch == epoch).map(|l| l.loss).collect();
            history.epoch_losses.push(crate::math::mean(&losses));
        }
        Ok(history)
    }

    /// Writes `step, epoch, loss, validation loss, learning rate, gradient norm, seconds` and the metrics, one line per step. The
    /// validation loss and the metrics stand in the last line of their epoch.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        atomic_write(path, |file| {
            let names: String = self.metrics().map(|(name, _)| format!(",{name}")).collect();
            writeln!(file, "{HEADER}{names}")?;
            for (i, line) in self.lines.iter().enumerate() {
                let last_of_epoch = self.lines.get(i + 1).is_none_or(|next| next.epoch != line.epoch);
                let validation = self.validation_losses.get(line.epoch).copied().flatten().filter(|_| last_of_epoch);
                let validation = validation.map_or(String::new(), |v| v.to_string());
                let Line { step, epoch, loss, learning_rate, gradient_norm, seconds } = line;
                write!(file, "{step},{epoch},{loss},{validation},{learning_rate},{gradient_norm},{seconds:.3}")?;
                for (_, values) in self.metrics() {
                    let value = values.get(*epoch).copied().flatten().filter(|_| last_of_epoch);
                    write!(file, ",{}", value.map_or(String::new(), |v| v.to_string()))?;
                }
                writeln!(file)?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_back() {
        let mut history = History::default();
        for step in 0..4u64 {
            history.lines.push(Line {
                step,
                epoch: step as usize / 2,
                loss: 1.0 / (step + 1) as f64,
                learning_rate: 1e-3,
                gradient_norm: 2.5,
                seconds: 0.5 * step as f64,
            });
        }
        history.validation_losses = vec![Some(0.75), None];
        history.epoch_losses = vec![0.75, (1.0 / 3.0 + 0.25) / 2.0];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        history.write_csv(&path).unwrap();
        assert_eq!(History::read_csv(&path).unwrap(), history);
        assert_eq!(history.validation_by_step(), [(2.0, 0.75)]);
        let plain = std::fs::read_to_string(&path).unwrap();
        let mut measured = history.clone();
        measured.name_metrics(["error", "distance"]);
        measured.metrics[0].1 = vec![Some(0.5), None];
        measured.metrics[1].1 = vec![Some(0.25), Some(0.125)];
        measured.write_csv(&path).unwrap();
        assert_eq!(History::read_csv(&path).unwrap(), measured);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&format!("{HEADER},error,distance\n")) && text.ends_with(",,0.125\n"), "{text}");
        std::fs::write(&path, text.replacen(",error", "", 1)).unwrap();
        assert!(History::read_csv(&path).unwrap_err().to_string().contains("line 2"));
        std::fs::write(&path, plain).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for (damaged, expected) in [
            (text.replacen("step", "steps", 1), "not the history"),
            (text[..text.len() - 20].to_string(), "line 5"),
            (text.replacen("3,1,", "3,99999999999,", 1), "skips epochs"),
        ] {
            std::fs::write(&path, damaged).unwrap();
            let message = History::read_csv(&path).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
