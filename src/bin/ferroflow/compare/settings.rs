//! What a comparison is trained with: `config.toml` of its folder, from which an interrupted one goes on.

use std::path::Path;

use ferroflow::Error;
use ferroflow::workflow::FitOptions;
use serde::{Deserialize, Serialize};

use crate::arguments::Compare;
use crate::output::Outcome;

/// The options that the result depends on, as they were asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Built-in simulators, or `.npz` files with simulations.
    pub simulators: Vec<String>,
    pub data_variables: Vec<String>,
    pub conditions: Vec<String>,
    pub seed: u64,
    pub device: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    pub training: FitOptions,
}

impl Settings {
    /// The settings of a new comparison.
    pub fn of(arguments: &Compare) -> Self {
        Settings { device: "cpu".into(), ..Settings::default() }.overridden(arguments)
    }

    /// The settings with what the command line says.
    pub fn overridden(mut self, arguments: &Compare) -> Self {
        let length = &arguments.length;
        let replace = |to: &mut Vec<String>, from: &[String]| {
            if !from.is_empty() {
                *to = from.to_vec();
            }
        };
        replace(&mut self.simulators, &arguments.simulators);
        replace(&mut self.data_variables, &arguments.data_variables);
        replace(&mut self.conditions, &arguments.conditions);
        self.seed = length.seed.unwrap_or(self.seed);
        self.device = length.device.clone().unwrap_or(self.device);
        self.validation = length.validation.or(self.validation);
        let training = &mut self.training;
        training.epochs = length.epochs.or(training.epochs);
        training.batches_per_epoch = length.batches_per_epoch.or(training.batches_per_epoch);
        training.batch_size = length.batch_size.or(training.batch_size);
        training.learning_rate = length.learning_rate.or(training.learning_rate);
        training.patience = length.patience.or(training.patience);
        self
    }

    pub fn load(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::file(path, format!("the configuration cannot be read ({e}); compare without --resume"))
        })?;
        let settings = toml::from_str(&text).map_err(|e: toml::de::Error| {
            let message = e.message().lines().collect::<Vec<_>>().join(" ");
            Error::file(
                path,
                format!("this is no configuration of a comparison ({message}); name the folder of one with --out"),
            )
        })?;
        Ok(settings)
    }

    pub fn to_toml(&self) -> Outcome<String> {
        let text = toml::to_string(self);
        Ok(text.map_err(|e| Error::argument("configuration", format!("it cannot be written as TOML ({e})")))?)
    }
}
