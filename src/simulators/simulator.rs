//! The trait that users implement, and what a simulator says about its variables.

use std::sync::Arc;

use crate::data::Record;
use crate::error::Result;
use crate::random::Key;
use crate::simulators::Request;

/// A source of data sets.
///
/// The short way to implement it is to return a [`Composition`](crate::simulators::Composition) of closures:
///
/// ```
/// use ferroflow::data::Record;
/// use ferroflow::simulators::{Composition, Request, Simulator};
/// use rand::RngExt;
///
/// struct Coin {
///     tosses: u32,
/// }
///
/// impl Simulator for Coin {
///     fn name(&self) -> &str {
///         "coin"
///     }
///     fn sample(&self, request: &Request) -> ferroflow::Result<Record> {
///         Composition::new()
///             .part("prior", |rng, _| Ok([("p", rng.random::<f64>().into())]))
///             .part("likelihood", |rng, given| {
///                 let p = given.scalar("p")?;
///                 Ok([("heads", ((0..self.tosses).filter(|_| rng.random_bool(p)).count() as i64).into())])
///             })
///             .sample(request)
///     }
/// }
/// assert_eq!(Coin { tosses: 10 }.simulate(4, 1)?.column("heads")?.array.shape(), [4, 1]);
/// # Ok::<(), ferroflow::Error>(())
/// ```
///
/// One that computes whole batches itself draws data set `i` from [`Request::stream`]`(i)` only.
pub trait Simulator: Send + Sync {
    /// Name, in kebab case for the built-in ones.
    fn name(&self) -> &str;

    /// The data sets of the request.
    fn sample(&self, request: &Request) -> Result<Record>;

    /// One line for lists.
    fn description(&self) -> &str {
        ""
    }

    /// The variables of the record with their roles, in its order; empty when they are not known beforehand.
    fn variables(&self) -> Vec<Variable> {
        Vec::new()
    }

    /// Log-density of the prior of each data set's parameters, `[datasets]`, minus infinity outside of the support;
    /// `None` when the prior has no known density.
    fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
        let _ = parameters;
        Ok(None)
    }

    /// Log-density of each data set given its parameters, `[datasets]`; `None` when it is not known.
    fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
        let _ = record;
        Ok(None)
    }

    /// `count` data sets of a seed: the streams (seed, "simulate", 0), (seed, "simulate", 1), …
    fn simulate(&self, count: usize, seed: u64) -> Result<Record> {
        self.sample(&Request::new(count, Key::new(seed).fork("simulate")))
    }
}

macro_rules! forward_to_inner {
    ($($outer:ty),+) => {$(
        impl<S: Simulator + ?Sized> Simulator for $outer {
            fn name(&self) -> &str {
                (**self).name()
            }
            fn sample(&self, request: &Request) -> Result<Record> {
                (**self).sample(request)
            }
            fn description(&self) -> &str {
                (**self).description()
            }
            fn variables(&self) -> Vec<Variable> {
                (**self).variables()
            }
            fn log_prior(&self, parameters: &Record) -> Result<Option<Vec<f64>>> {
                (**self).log_prior(parameters)
            }
            fn log_likelihood(&self, record: &Record) -> Result<Option<Vec<f64>>> {
                (**self).log_likelihood(record)
            }
        }
    )+};
}
forward_to_inner!(&S, Box<S>, Arc<S>);

/// What a variable is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Inferred.
    Parameter,
    /// Observed.
    Data,
    /// Known beside the data, such as the number of observations.
    Condition,
}

/// How the entries of one data set are related.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A vector of fixed length.
    Vector,
    /// Exchangeable elements along the first axis.
    Set,
    /// Elements in temporal order along the first axis.
    Series,
    /// Pixels in rows and columns, with channels along the last axis: a column `[datasets, height, width, channels]`.
    Image,
}

/// A variable of a simulator's record.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Variable {
    /// Key in the record.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How its entries are related.
    pub kind: Kind,
    /// Number of axes of its dense column, the data set's included; for a set or series the axis of the elements too.
    pub axes: usize,
    /// Lower bound of the support.
    pub lower: Option<f64>,
    /// Upper bound of the support.
    pub upper: Option<f64>,
}

impl Variable {
    fn new(name: &str, role: Role) -> Self {
        Variable { name: name.to_string(), role, kind: Kind::Vector, axes: 2, lower: None, upper: None }
    }

    /// An unbounded parameter vector, column `[datasets, D]`.
    pub fn parameter(name: &str) -> Self {
        Variable::new(name, Role::Parameter)
    }

    /// An observed vector, column `[datasets, D]`.
    pub fn data(name: &str) -> Self {
        Variable::new(name, Role::Data)
    }

    /// A known quantity, column `[datasets]`.
    pub fn condition(name: &str) -> Self {
        Variable { axes: 1, ..Variable::new(name, Role::Condition) }
    }

    /// Sets the kind.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the number of axes of the dense column.
    pub fn axes(mut self, axes: usize) -> Self {
        self.axes = axes;
        self
    }

    /// Sets the lower bound of the support.
    pub fn lower(mut self, bound: f64) -> Self {
        self.lower = Some(bound);
        self
    }

    /// Sets the upper bound of the support.
    pub fn upper(mut self, bound: f64) -> Self {
        self.upper = Some(bound);
        self
    }
}
