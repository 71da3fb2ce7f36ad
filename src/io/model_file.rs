//! `model.safetensors`: weights under their parameter names, and metadata that describe the model.
//!
//! The file is data only: the metadata select members of closed lists and never name code. While training goes on it
//! also holds what is needed to resume, under the prefix `training.`; the weights beside it are complete at any time.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::adapters::Adapter;
use crate::approximators::{
    Approximator, BuiltApproximator, ContinuousApproximator, Dimensions, Objective, Standardizer, Trainable, Typicality,
};
use crate::codecs::{Array, safetensors};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::io::DensityOf;
use crate::random::Key;

/// What the file calls itself, and the version that this library writes.
const FORMAT: &str = "ferroflow model";
const VERSION: u32 = 1;
/// Arrays of the training state bear this prefix.
const TRAINING: &str = "training.";

/// A variable of the user's data: its name and its shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableInfo {
    /// Key in records and files.
    pub name: String,
    /// Number of values per data set, or per element of a set.
    pub dimension: usize,
    /// Number of axes of its array, those of the data sets and of a set's elements included.
    pub axes: usize,
}

/// How the model came about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainingSummary {
    /// The simulator, if it was one that the library knows or names.
    pub simulator: Option<String>,
    /// The seed of everything random.
    pub seed: u64,
    /// Epochs that are complete.
    pub epochs: usize,
    /// Training steps taken.
    pub steps: u64,
    /// Data sets that were trained on, repetitions counted.
    pub datasets: u64,
    /// Mean loss of the last epoch.
    pub loss: Option<f64>,
    /// Validation loss of the weights in the file.
    pub validation_loss: Option<f64>,
}

/// Everything about a model but its weights.
#[derive(Debug, Clone)]
pub struct Header<A = ContinuousApproximator> {
    /// Configuration of the networks and the standardisation.
    pub approximator: A,
    /// Widths of the canonical variables.
    pub dimensions: Dimensions,
    /// The adapter with what it has learned.
    pub adapter: Adapter,
    /// The moments of the standardisation.
    pub standardizer: Standardizer,
    /// The parameters that are inferred.
    pub parameters: Vec<VariableInfo>,
    /// The data and conditions that inference needs.
    pub data: Vec<VariableInfo>,
    /// Where `parameters` are elements of sets, as for the likelihood of sets: the sets, in the same order; else empty.
    pub sets: Vec<VariableInfo>,
    /// What a continuous model is the density of; `None` where it is not known, as in older files.
    pub density_of: Option<DensityOf>,
    /// How the model came about.
    pub training: TrainingSummary,
    /// How the data sets of the training look to the networks; `None` while it goes on and in older files.
    pub typicality: Option<Typicality>,
}

/// What is needed to go on with a training.
#[derive(Debug, Clone)]
pub struct TrainingState {
    /// Numbers, as JSON.
    pub numbers: String,
    /// Arrays by name.
    pub arrays: Vec<(String, Array)>,
}

/// A model file in memory.
#[derive(Debug, Clone)]
pub struct ModelFile<A = ContinuousApproximator> {
    /// Everything but the weights.
    pub header: Header<A>,
    /// The weights by their parameter names.
    pub weights: Vec<(String, Array)>,
    /// What is needed to go on with the training; `None` when it is complete.
    pub training_state: Option<TrainingState>,
}

impl<A: Approximator> ModelFile<A> {
    /// Writes the file as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let header = &self.header;
        let mut metadata = BTreeMap::from([
            ("format".to_string(), FORMAT.to_string()),
            ("format_version".to_string(), VERSION.to_string()),
            ("crate_version".to_string(), env!("CARGO_PKG_VERSION").to_string()),
            ("kind".to_string(), A::KIND.to_string()),
        ]);
        let mut put = |key: &str, value: std::result::Result<String, serde_json::Error>| -> Result<()> {
            let value = value.map_err(|e| Error::file(path, format!("the {key} cannot be written to a file ({e}); a model with a network of your own is saved without it: give the network again when loading")))?;
            metadata.insert(key.to_string(), value);
            Ok(())
        };
        put("approximator", serde_json::to_string(&header.approximator))?;
        put("dimensions", serde_json::to_string(&header.dimensions))?;
        put("adapter", serde_json::to_string(&header.adapter))?;
        put("standardizer", serde_json::to_string(&header.standardizer))?;
        put("parameters", serde_json::to_string(&header.parameters))?;
        put("data", serde_json::to_string(&header.data))?;
        put("training", serde_json::to_string(&header.training))?;
        if !header.sets.is_empty() {
            put("sets", serde_json::to_string(&header.sets))?;
        }
        if let Some(density_of) = header.density_of {
            put("density_of", serde_json::to_string(&density_of))?;
        }
        if let Some(typicality) = &header.typicality {
            put("typicality", serde_json::to_string(typicality))?;
        }
        let mut arrays: Vec<(String, &Array)> =
            self.weights.iter().map(|(name, array)| (name.clone(), array)).collect();
        if let Some(state) = &self.training_state {
            metadata.insert("training_state".to_string(), state.numbers.clone());
            arrays.extend(state.arrays.iter().map(|(name, array)| (format!("{TRAINING}{name}"), array)));
        }
        safetensors::write(path, arrays.iter().map(|(name, array)| (name.as_str(), *array)), &metadata)
    }

    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self> {
        let file = safetensors::read(path)?;
        let metadata = Metadata { path, values: &file.metadata };
        let kind = metadata.kind()?;
        if kind != A::KIND {
            let message =
                format!("holds a {kind} model, and a {} model is needed here; give one of that kind", A::KIND);
            return Err(Error::file(path, message));
        }
        let header = Header {
            approximator: metadata.parse("approximator")?,
            dimensions: metadata.parse("dimensions")?,
            adapter: metadata.parse("adapter")?,
            standardizer: metadata.parse("standardizer")?,
            parameters: metadata.parse("parameters")?,
            data: metadata.parse("data")?,
            sets: metadata.optional("sets")?.unwrap_or_default(),
            density_of: metadata.optional("density_of")?,
            training: metadata.parse("training")?,
            typicality: metadata.optional("typicality")?,
        };
        let (mut weights, mut state) = (Vec::new(), Vec::new());
        for (name, array) in file.arrays {
            match name.strip_prefix(TRAINING) {
                Some(name) => state.push((name.to_string(), array)),
                None => weights.push((name, array)),
            }
        }
        let numbers = file.metadata.get("training_state").cloned();
        let training_state = numbers.map(|numbers| TrainingState { numbers, arrays: state });
        Ok(ModelFile { header, weights, training_state })
    }

    /// The approximator with its weights on a device.
    pub fn approximator(&self, path: &Path, device: &Device) -> Result<BuiltApproximator<A::Objective>> {
        let Header { approximator, dimensions, standardizer, .. } = &self.header;
        let mut built = approximator.build(dimensions.clone(), device, Key::new(self.header.training.seed))?;
        load_weights(&mut built, &self.weights).map_err(|e| {
            Error::file(
                path,
                format!("does not hold the weights it describes ({e}); it is damaged or was changed by hand"),
            )
        })?;
        *built.standardizer_mut() = standardizer.clone();
        Ok(built)
    }
}

/// Replaces all weights; each must be given once and none may be left over.
fn load_weights<O: Objective>(approximator: &mut BuiltApproximator<O>, weights: &[(String, Array)]) -> Result<()> {
    let expected = approximator.parameters().layout().entries().len();
    if weights.len() != expected {
        return Err(Error::shape("weights", format!("{} arrays for a model of {expected}", weights.len())));
    }
    weights.iter().try_for_each(|(name, array)| approximator.parameters_mut().set(name, array))
}

/// What kind of approximator a model file holds: `continuous`, `ratio`, …
pub fn kind_of_model(path: &Path) -> Result<String> {
    let file = safetensors::read(path)?;
    Ok(Metadata { path, values: &file.metadata }.kind()?.to_string())
}

struct Metadata<'a> {
    path: &'a Path,
    values: &'a BTreeMap<String, String>,
}

impl Metadata<'_> {
    /// The kind of approximator, of a file that is a model of a known version.
    fn kind(&self) -> Result<&str> {
        if self.get("format")? != FORMAT {
            return Err(Error::file(
                self.path,
                "is a safetensors file, but not a model of ferroflow; give a model.safetensors that `train` wrote",
            ));
        }
        let version: u32 = self.parse("format_version")?;
        if version > VERSION {
            return Err(Error::file(
                self.path,
                format!("has format version {version}, this program reads versions up to {VERSION}; use a newer one"),
            ));
        }
        self.get("kind")
    }

    fn get(&self, key: &str) -> Result<&str> {
        self.values.get(key).map(String::as_str).ok_or_else(|| {
            Error::file(self.path, format!("has no metadata '{key}'; it is not a model of ferroflow, or damaged"))
        })
    }

    /// What newer files hold, and older ones do not.
    fn optional<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.values.contains_key(key).then(|| self.parse(key)).transpose()
    }

    fn parse<T: DeserializeOwned>(&self, key: &str) -> Result<T> {
        serde_json::from_str(self.get(key)?).map_err(|e| {
            Error::file(
                self.path,
                format!("the metadata '{key}' cannot be understood ({e}); the file is damaged or of another version"),
            )
        })
    }
}
