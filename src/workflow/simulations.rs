//! Training on simulations that exist already, in two lines.

use super::basic::{BasicWorkflow, Workflow};
use super::builder::WorkflowBuilder;
use super::defaults::Defaults;
use super::fit::Fit;
use super::fitting::Validation;
use super::held_out::{drawn, usual};
use super::history::History;
use super::roles::{Roles, repeated};
use crate::approximators::Approximator;
use crate::data::{Entry, Record};
use crate::error::{Error, Result};

impl BasicWorkflow {
    /// A workflow for simulations that exist already, name → `[datasets, …]`, with the [`Defaults`] for their roles; train it with
    /// [`fit_simulations`](Workflow::fit_simulations).
    ///
    /// ```no_run
    /// # fn main() -> ferroflow::Result<()> {
    /// use ferroflow::prelude::*;
    /// # let data = LinearRegression::default().simulate(100, 0)?;
    /// let roles = Roles {
    ///     parameters: vec!["beta".into(), "sigma".into()],
    ///     data_variables: vec!["x".into(), "y".into()],
    ///     lower: [("sigma".to_string(), 0.0)].into(),
    ///     ..Roles::default()
    /// };
    /// let mut workflow = BasicWorkflow::for_simulations(&roles, &data)?.seed(1).build()?;
    /// workflow.fit_simulations(&data)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Keys that are missing or have two roles, bounds that are not in order, a parameter that does not vary.
    pub fn for_simulations(roles: &Roles, data: &Record) -> Result<WorkflowBuilder> {
        let data = roles.select(data)?;
        let defaults = Defaults::for_roles(roles, &data)?.for_fixed_simulations(data.datasets()?.unwrap_or(0));
        let builder = BasicWorkflow::from_simulations().adapter(defaults.adapter);
        Ok(builder.approximator(defaults.approximator).notes(defaults.notes))
    }
}

impl<A: Approximator> Workflow<A> {
    /// Trains on simulations that exist already, name → `[datasets, …]`, as `ferroflow train --data` does: a tenth, at most 300, is
    /// held out for the validation loss, and the training is that of [`Fit::for_simulations`].
    pub fn fit_simulations(&mut self, data: &Record) -> Result<History> {
        let rows = data.datasets()?.ok_or_else(|| {
            Error::value("data", "no key has an axis for the data sets; give arrays whose first axis is the data set")
        })?;
        let mut record = Record::new();
        for (key, entry) in data.iter() {
            match entry {
                Entry::Column(column) => record.insert(key, repeated(column, rows)?),
                Entry::Group(group) => record.insert_group(key, group.clone()),
            }
        }
        let (held_out, training) = drawn(rows, usual(rows), self.seed());
        let fit = Fit::for_simulations(training.len());
        let validation = match held_out.is_empty() {
            true => Validation::None,
            false => Validation::Data(record.select(&held_out)?),
        };
        self.fit_offline_with(record.select(&training)?, fit, validation, &mut [], None)
    }
}
