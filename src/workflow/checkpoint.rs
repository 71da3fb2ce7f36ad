//! Everything that training needs to go on with the same bits.

use super::trainer::State;
use crate::adapters::Adapter;
use crate::approximators::{Approximator, Standardizer, Typicality};
use crate::codecs::{Array, Values};
use crate::error::{Error, Result};
use crate::io::{TrainingState, TrainingSummary};
use crate::optim::{Adam, AdamState, MovingAverage};
use crate::parameters::Parameters;

/// The state of a training at the end of an epoch: the weights to use, and what is needed to go on.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// The weights to sample with: the best so far, or averaged, or as they are.
    pub weights: Vec<(String, Array)>,
    /// The moments of the standardisation.
    pub standardizer: Standardizer,
    /// The adapter with what it has learned.
    pub adapter: Adapter,
    pub(super) state: State,
    /// `None` when training is complete.
    pub(super) resume: Option<Resume>,
    /// What data sets are typical, of a model that is complete.
    pub(super) typicality: Option<Typicality>,
    /// How it came about, of a model that is complete.
    pub(super) training: Option<TrainingSummary>,
}

/// What is needed to go on.
#[derive(Debug, Clone)]
pub(super) struct Resume {
    /// All trainable weights, flat, as training left them.
    pub(super) weights: Vec<f32>,
    /// The averaged weights and how many updates they have seen.
    pub(super) average: Option<(Vec<f32>, u64)>,
    /// Whether `Checkpoint::weights` are the best ones of earlier epochs.
    pub(super) best: bool,
    pub(super) optimizer: AdamState,
}

/// The numbers of a checkpoint in a file.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    state: State,
    optimizer_step: u64,
    rate_factor: f64,
    average_updates: Option<u64>,
    best: bool,
}

const WEIGHTS: &str = "weights";
const AVERAGE: &str = "average";
const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";
const HISTORY: &str = "history";

impl Resume {
    pub(super) fn new(
        weights: &Parameters,
        average: Option<&MovingAverage>,
        best: bool,
        optimizer: &Adam,
    ) -> Result<Self> {
        let average = match average {
            Some(average) => Some((average.parameters().trainable().values()?, average.steps())),
            None => None,
        };
        Ok(Resume { weights: weights.trainable().values()?, average, best, optimizer: optimizer.state()? })
    }
}

impl Checkpoint {
    /// True when nothing is left to train.
    pub fn is_complete(&self) -> bool {
        self.resume.is_none()
    }

    /// Epochs that are complete.
    pub fn epochs(&self) -> usize {
        self.state.epoch
    }

    /// What was recorded so far.
    pub fn history(&self) -> &super::History {
        &self.state.history
    }

    /// What a model file holds besides weights to go on with the training; `None` when it is complete.
    pub fn training_state(&self) -> Result<Option<TrainingState>> {
        let Some(resume) = &self.resume else { return Ok(None) };
        let numbers = Numbers {
            state: self.state.clone(),
            optimizer_step: resume.optimizer.step,
            rate_factor: resume.optimizer.rate_factor,
            average_updates: resume.average.as_ref().map(|(_, updates)| *updates),
            best: resume.best,
        };
        let numbers = serde_json::to_string(&numbers)
            .map_err(|e| Error::argument("checkpoint", format!("the state of the training cannot be written ({e})")))?;
        let flat = |values: &[f32]| Array::new([values.len()], Values::F32(values.to_vec()));
        let mut arrays = vec![
            (WEIGHTS.to_string(), flat(&resume.weights)?),
            (FIRST.to_string(), flat(&resume.optimizer.first)?),
            (SECOND.to_string(), flat(&resume.optimizer.second)?),
            (HISTORY.to_string(), self.state.history.to_array()?),
        ];
        if let Some((average, _)) = &resume.average {
            arrays.push((AVERAGE.to_string(), flat(average)?));
        }
        Ok(Some(TrainingState { numbers, arrays }))
    }

    /// The checkpoint that a model file holds.
    pub fn from_file<A: Approximator>(file: &crate::io::ModelFile<A>) -> Result<Self> {
        let damaged = |what: &str| {
            Error::argument(
                "resume",
                format!("the state of the training in the model file is damaged ({what}); train anew"),
            )
        };
        let (weights, header) = (file.weights.clone(), &file.header);
        let (standardizer, adapter) = (header.standardizer.clone(), header.adapter.clone());
        let Some(saved) = &file.training_state else {
            let state = State { epoch: header.training.epochs, complete: true, ..State::default() };
            let (typicality, training) = (header.typicality.clone(), Some(header.training.clone()));
            return Ok(Checkpoint { weights, standardizer, adapter, state, resume: None, typicality, training });
        };
        let numbers: Numbers = serde_json::from_str(&saved.numbers).map_err(|e| damaged(&e.to_string()))?;
        let array = |name: &str| saved.arrays.iter().find(|(n, _)| n == name).map(|(_, array)| array);
        let flat = |name: &str| Ok(array(name).ok_or_else(|| damaged(name))?.to_f32());
        let mut state = numbers.state;
        state.history.restore_lines(array(HISTORY).ok_or_else(|| damaged(HISTORY))?)?;
        let average = match numbers.average_updates {
            Some(updates) => Some((flat(AVERAGE)?, updates)),
            None => None,
        };
        let optimizer = AdamState {
            step: numbers.optimizer_step,
            first: flat(FIRST)?,
            second: flat(SECOND)?,
            rate_factor: numbers.rate_factor,
        };
        let resume = Some(Resume { weights: flat(WEIGHTS)?, average, best: numbers.best, optimizer });
        Ok(Checkpoint { weights, standardizer, adapter, state, resume, typicality: None, training: None })
    }
}
