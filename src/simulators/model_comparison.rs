//! Data sets from several models, for learning which model a data set comes from.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use rand::RngExt;

use crate::codecs::{Array, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::simulators::request::{Context, Usage};
use crate::simulators::{Pool, Request, Simulator};

/// Key of the one-hot rows that say which model a data set comes from.
const MODEL_INDICES: &str = "model_indices";
/// Probabilities sum to one within this.
const ROUNDING: f64 = 1e-8;

/// What happens to the keys that not all models draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyConflicts {
    /// They are left out.
    #[default]
    Drop,
    /// Data sets of models without the key get the fill value; such a key becomes a column of floats, and a data set's set
    /// one element.
    Fill,
    /// They are an error.
    Error,
}

/// A mixture of models.
///
/// The model of a data set is drawn from the data set's own stream, and so is the data set from its model's: a data
/// set depends on its index alone, however the data sets are cut into batches, and they come in the order of their indices.
/// (The peer draws the number of data sets of each model for a whole batch and puts them one model after the other. Its `p`
/// is taken for logits, and its `logits` must sum to one; here both mean what they say.) `model_indices`
/// `[datasets, models]` holds one-hot rows of integers.
///
/// ```
/// use ferroflow::simulators::{Composition, ModelComparison, Simulator};
/// use rand::RngExt;
///
/// let model = |shift: f64| Composition::new().part("model", move |rng, _| Ok([("x", (shift + rng.random::<f64>()).into())]));
/// let record = ModelComparison::new([model(0.0), model(2.0)]).probabilities([0.9, 0.1]).simulate(5, 1)?;
/// assert_eq!(record.column("model_indices")?.array.shape(), [5, 2]);
/// # Ok::<(), ferroflow::Error>(())
/// ```
pub struct ModelComparison<'a> {
    models: Vec<Box<dyn Simulator + 'a>>,
    probabilities: Option<Vec<f64>>,
    logits: Option<Vec<f64>>,
    single: bool,
    conflicts: KeyConflicts,
    fill_value: f64,
    shared: Option<Box<dyn Simulator + 'a>>,
    /// One data set of each model, when nothing is fixed.
    templates: OnceLock<Vec<Record>>,
}

impl<'a> ModelComparison<'a> {
    /// Models of equal probability.
    pub fn new(models: impl IntoIterator<Item = impl Simulator + 'a>) -> Self {
        ModelComparison {
            models: models.into_iter().map(|model| Box::new(model) as Box<dyn Simulator + 'a>).collect(),
            probabilities: None,
            logits: None,
            single: false,
            conflicts: KeyConflicts::Drop,
            fill_value: f64::NAN,
            shared: None,
            templates: OnceLock::new(),
        }
    }

    /// Sets the probabilities, which sum to one.
    pub fn probabilities(mut self, probabilities: impl Into<Vec<f64>>) -> Self {
        self.probabilities = Some(probabilities.into());
        self
    }

    /// Sets the logarithms of the probabilities up to a constant.
    pub fn logits(mut self, logits: impl Into<Vec<f64>>) -> Self {
        self.logits = Some(logits.into());
        self
    }

    /// Draws one model for each request instead of one for each data set; then a data set depends on how the data sets
    /// are cut into batches.
    pub fn single_model_batches(mut self) -> Self {
        self.single = true;
        self
    }

    /// Sets what happens to keys that not all models draw.
    pub fn key_conflicts(mut self, conflicts: KeyConflicts) -> Self {
        self.conflicts = conflicts;
        self
    }

    /// Sets the value of missing keys with [`KeyConflicts::Fill`]; NaN without it.
    pub fn fill_value(mut self, value: f64) -> Self {
        self.fill_value = value;
        self
    }

    /// Sets a simulator that draws before the models. They may read what it draws, and it is part of the record.
    pub fn shared(mut self, simulator: impl Simulator + 'a) -> Self {
        self.shared = Some(Box::new(simulator));
        self
    }

    /// Cumulative probabilities of the models.
    fn cumulative(&self) -> Result<Vec<f64>> {
        let models = self.models.len();
        if models == 0 {
            return Err(Error::argument("models", "there is none; give at least one simulator"));
        }
        let weights = match (&self.probabilities, &self.logits) {
            (Some(_), Some(_)) => {
                return Err(Error::argument("probabilities, logits", "both were given; give one of them"));
            }
            (Some(p), None) => {
                let sum: f64 = p.iter().sum();
                if p.iter().any(|p| p.is_nan() || *p < 0.0) || (sum - 1.0).abs() > ROUNDING {
                    return Err(Error::argument(
                        "probabilities",
                        format!("{p:?} were given, whose sum is {sum}; give numbers of 0 or more that sum to 1"),
                    ));
                }
                p.clone()
            }
            (None, Some(logits)) => {
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                if logits.iter().any(|l| l.is_nan()) || !largest.is_finite() {
                    return Err(Error::argument("logits", format!("{logits:?} were given; give finite numbers")));
                }
                logits.iter().map(|l| libm::exp(l - largest)).collect()
            }
            (None, None) => vec![1.0; models],
        };
        if weights.len() != models {
            return Err(Error::argument(
                "probabilities, logits",
                format!("{} were given for {models} models; give one for each", weights.len()),
            ));
        }
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        Ok(weights.iter().map(|w| (sum += w / total, sum).1).collect())
    }

    /// The model of each data set.
    fn assign(&self, request: &Request) -> Result<Vec<usize>> {
        let cumulative = self.cumulative()?;
        let key = request.key.fork("model");
        let draw = |index: u64| {
            let u: f64 = key.at(index).stream().random();
            // Rounding may leave the last sum below one; a model of probability zero is never taken.
            let possible = |m: usize| m == 0 && cumulative[0] > 0.0 || m > 0 && cumulative[m] > cumulative[m - 1];
            let last = (0..cumulative.len()).rfind(|&m| possible(m)).unwrap_or(0);
            (0..cumulative.len()).find(|&m| u < cumulative[m]).unwrap_or(last).min(last)
        };
        Ok(match self.single {
            true => vec![draw(request.first); request.count],
            false => (0..request.count).map(|i| draw(request.first + i as u64)).collect(),
        })
    }

    /// The request to a model for a range of data sets.
    fn request(&self, model: usize, request: &Request, range: std::ops::Range<usize>) -> Result<Request> {
        let key = request.key.fork(&format!("model {model}"));
        Ok(Request { key, pool: Pool::inline(), ..request.part(range)? })
    }

    /// One data set of each model: which keys there are must not depend on which models a batch holds.
    fn templates(&self, request: &Request) -> Result<Vec<Record>> {
        if let Some(templates) = self.templates.get().filter(|_| request.given.is_empty()) {
            return Ok(templates.clone());
        }
        let sample = |m: usize| self.models[m].sample(&self.request(m, request, 0..1)?);
        let templates = (0..self.models.len()).map(sample).collect::<Result<Vec<_>>>()?;
        if request.given.is_empty() {
            let _ = self.templates.set(templates.clone());
        }
        Ok(templates)
    }

    /// The record of a model with the keys that all models have in the end.
    fn reconcile(&self, mut record: Record, count: usize, templates: &[Record]) -> Result<Record> {
        let everywhere = |key: &str| templates.iter().all(|t| t.contains(key));
        let keys: Vec<String> = templates.iter().flat_map(Record::keys).map(str::to_string).collect();
        let partial: BTreeSet<&String> = keys.iter().filter(|key| !everywhere(key)).collect();
        if self.conflicts == KeyConflicts::Error && !partial.is_empty() {
            let names: Vec<&str> = partial.iter().map(|key| key.as_str()).collect();
            return Err(Error::key(
                names[0],
                format!(
                    "not all models draw the keys {}; draw the same keys in all models, or drop or fill the others",
                    names.join(", ")
                ),
            ));
        }
        for key in partial {
            if self.conflicts == KeyConflicts::Drop {
                record.remove(key);
                continue;
            }
            let column = match record.column(key) {
                Ok(own) => Column { array: floats(&own.array)?, ..own.clone() },
                Err(_) => {
                    let owner = templates.iter().find_map(|t| t.column(key).ok());
                    self.filled(owner.ok_or_else(|| record.missing(key))?, count)?
                }
            };
            record.insert(key.as_str(), column);
        }
        Ok(record)
    }

    /// A column of the fill value, shaped as that of another model.
    fn filled(&self, like: &Column, count: usize) -> Result<Column> {
        let shape = like.array.shape();
        if like.shared {
            return Ok(Column::shared(Array::f64(shape, vec![self.fill_value; like.array.len()])?));
        }
        let shape = [&[count], shape.get(1..).unwrap_or_default()].concat();
        let array = Array::f64(shape.as_slice(), vec![self.fill_value; shape.iter().product()])?;
        match &like.offsets {
            None => Ok(Column::dense(array)),
            Some(_) => Column::ragged(array, (0..=count).collect::<Vec<_>>()),
        }
    }
}

fn floats(array: &Array) -> Result<Array> {
    Array::new(array.shape(), Values::F64(array.to_f64()))
}

impl Simulator for ModelComparison<'_> {
    fn name(&self) -> &str {
        "model-comparison"
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        request.check()?;
        let models = self.assign(request)?;
        let usage = Usage::default();
        let mut out = Record::new();
        let mut inner = request.clone();
        inner.context = Context::new(request.context.inputs.clone(), &usage);
        if let Some(shared) = &self.shared {
            out = shared.sample(&Request { key: request.key.fork("shared"), ..inner.clone() })?;
            out.columns().for_each(|(key, column)| inner.context.inputs.insert(key, column.clone()));
        }
        let templates = self.templates(&inner)?;
        // Neighbours of one model are simulated together.
        let mut runs: Vec<(usize, std::ops::Range<usize>)> = Vec::new();
        for (i, &model) in models.iter().enumerate() {
            match runs.last_mut() {
                Some((last, range)) if *last == model => range.end = i + 1,
                _ => runs.push((model, i..i + 1)),
            }
        }
        let simulated = request.pool.map(runs.len(), |r| {
            let (model, range) = &runs[r];
            let record = self.models[*model].sample(&self.request(*model, &inner, range.clone())?)?;
            self.reconcile(record, range.len(), &templates)
        });
        let records = simulated.into_iter().collect::<Result<Vec<_>>>()?;
        for (key, column) in Record::concatenate(&records)?.columns() {
            out.insert(key, column.clone());
        }
        if out.contains(MODEL_INDICES) {
            return Err(Error::key(MODEL_INDICES, "is drawn by a model, but says which model it is; rename it"));
        }
        usage.check(request, &out)?;
        let one_hot = models.iter().flat_map(|&model| (0..self.models.len()).map(move |m| i64::from(m == model)));
        let indices = Array::i64([models.len(), self.models.len()], one_hot.collect())?;
        out.insert(MODEL_INDICES, Column::dense(indices));
        Ok(out)
    }
}
