//! A simulator under another name.

use crate::data::Record;
use crate::error::Result;
use crate::simulators::{Request, Simulator, Variable};

/// A simulator with certain options, known by a name of its own.
pub(super) struct Named<S> {
    name: &'static str,
    description: &'static str,
    inner: S,
}

impl<S: Simulator + 'static> Named<S> {
    pub(super) fn boxed(name: &'static str, description: &'static str, inner: S) -> Box<dyn Simulator> {
        Box::new(Named { name, description, inner })
    }
}

impl<S: Simulator> Simulator for Named<S> {
    fn name(&self) -> &str {
        self.name
    }

    fn description(&self) -> &str {
        self.description
    }

    fn variables(&self) -> Vec<Variable> {
        self.inner.variables()
    }

    fn sample(&self, request: &Request) -> Result<Record> {
        self.inner.sample(request)
    }

    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        self.inner.log_prior(parameters)
    }

    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        self.inner.log_likelihood(record)
    }
}
