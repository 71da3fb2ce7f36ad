//! The parameters of a simulator, without its data.

use crate::data::Record;
use crate::error::{Error, Result};
use crate::simulators::{Request, Role, Simulator, Variable};

/// A simulator's prior: its parameters and conditions are kept, its data are not. For programs that simulate other data
/// from the same parameters.
pub struct ParametersOf<S> {
    inner: S,
}

impl<S: Simulator> ParametersOf<S> {
    /// The simulator, whose variables are known beforehand.
    pub fn new(inner: S) -> Self {
        ParametersOf { inner }
    }
}

impl<S: Simulator> Simulator for ParametersOf<S> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn variables(&self) -> Vec<Variable> {
        self.inner.variables().into_iter().filter(|variable| variable.role != Role::Data).collect()
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        let names: Vec<String> = self.variables().into_iter().map(|variable| variable.name).collect();
        if names.is_empty() {
            return Err(Error::argument(self.name(), "has no known parameters; use another simulator as prior"));
        }
        let all = self.inner.sample(request)?;
        let mut record = Record::new();
        for name in names {
            let column = all.column(&name)?.clone();
            record.insert(name, column);
        }
        Ok(record)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        self.inner.log_prior(parameters)
    }
}
