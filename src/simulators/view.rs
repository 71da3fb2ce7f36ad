//! The read-only view of one data set that closures get: what was drawn before and what is fixed.

use std::sync::Arc;

use crate::codecs::Values;
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::random::Key;
use crate::simulators::draw::{Draw, Value};
use crate::simulators::given::{Given, conform, row, whole};
use crate::simulators::request::{Context, Usage};
use crate::simulators::{Request, Simulator};

/// The quantities of one data set, by name.
#[derive(Debug, Clone)]
pub struct View {
    drawn: Draw,
    batch: Arc<Draw>,
    given: Arc<Given>,
    rows: Vec<Option<Value>>,
}

impl View {
    pub(super) fn new(given: Arc<Given>, batch: Arc<Draw>, dataset: usize) -> Result<Self> {
        let rows = given.rows(dataset)?;
        Ok(View { drawn: Draw::new(), batch, given, rows })
    }

    /// The value of a name, or an error that lists the names there are.
    pub fn value(&self, name: &str) -> Result<&Value> {
        self.drawn.get(name).or_else(|| self.batch.get(name)).or_else(|| self.fixed(name)).ok_or_else(|| {
            let names: Vec<_> = self.names().collect();
            let names = if names.is_empty() { "nothing".to_string() } else { names.join(", ") };
            Error::key(name, format!("was not drawn before and is not given; so far there is: {names}"))
        })
    }

    /// The names that can be read, drawn ones first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let drawn = self.drawn.iter().chain(self.batch.iter()).map(|(name, _)| name);
        drawn.chain(self.given.names().filter(|n| self.drawn.get(n).is_none() && self.batch.get(n).is_none()))
    }

    /// A number; integers are converted, an array must hold one element.
    pub fn scalar(&self, name: &str) -> Result<f64> {
        match self.value(name)? {
            Value::Float(x) => Ok(*x),
            Value::Integer(x) => Ok(*x as f64),
            Value::Array(a) | Value::Set(a) if a.len() == 1 => Ok(a.to_f64()[0]),
            other => Err(unlike(name, other, "one number")),
        }
    }

    /// An integer.
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.value(name)? {
            Value::Integer(x) => Ok(*x),
            other => match values_of(other) {
                Some(Values::I64(v)) if v.len() == 1 => Ok(v[0]),
                _ => Err(unlike(name, other, "one integer")),
            },
        }
    }

    /// A count: an integer that is not negative.
    pub fn size(&self, name: &str) -> Result<usize> {
        let x = self.integer(name)?;
        usize::try_from(x).map_err(|_| Error::value(name, format!("is {x}, a count must be 0 or more")))
    }

    /// A truth value.
    pub fn boolean(&self, name: &str) -> Result<bool> {
        match self.value(name)? {
            Value::Boolean(x) => Ok(*x),
            other => match values_of(other) {
                Some(Values::Bool(v)) if v.len() == 1 => Ok(v[0]),
                _ => Err(unlike(name, other, "one boolean")),
            },
        }
    }

    /// Real numbers, row-major; a single number is a vector of one.
    pub fn vector(&self, name: &str) -> Result<&[f64]> {
        match self.value(name)? {
            Value::Float(x) => Ok(std::slice::from_ref(x)),
            other => match values_of(other) {
                Some(Values::F64(v)) => Ok(v),
                _ => Err(unlike(name, other, "64-bit floats")),
            },
        }
    }

    /// Integers, row-major.
    pub fn integers(&self, name: &str) -> Result<&[i64]> {
        match self.value(name)? {
            Value::Integer(x) => Ok(std::slice::from_ref(x)),
            other => match values_of(other) {
                Some(Values::I64(v)) => Ok(v),
                _ => Err(unlike(name, other, "integers")),
            },
        }
    }

    /// Booleans, row-major.
    pub fn booleans(&self, name: &str) -> Result<&[bool]> {
        match self.value(name)? {
            Value::Boolean(x) => Ok(std::slice::from_ref(x)),
            other => match values_of(other) {
                Some(Values::Bool(v)) => Ok(v),
                _ => Err(unlike(name, other, "booleans")),
            },
        }
    }

    /// Calls `f` with the view of each data set of a record, in order, and collects the results.
    pub fn each<T>(record: &Record, mut f: impl FnMut(&View) -> Result<T>) -> Result<Vec<T>> {
        let count = record.datasets()?.unwrap_or(1);
        let given = Arc::new(Given::new(record, count)?);
        let nothing = Arc::new(Draw::new());
        (0..count).map(|i| f(&View::new(given.clone(), nothing.clone(), i)?)).collect()
    }

    /// Takes over what a part drew; a fixed quantity replaces the draw.
    pub(super) fn absorb(&mut self, draw: Draw) -> Result<()> {
        for (i, (name, _)) in draw.values.iter().enumerate() {
            if draw.values[..i].iter().any(|(n, _)| n == name) {
                return Err(Error::key(name.as_ref(), "was returned twice; return each name once"));
            }
        }
        for (name, value) in draw.values {
            let value = match self.given.replacement(&name, &self.rows) {
                Some(fixed) => conform(&name, fixed, value)?,
                None => value,
            };
            self.drawn.replace(name, value);
        }
        Ok(())
    }

    /// The names and values of one data set of another simulator, which sees and keeps what is fixed here.
    pub(super) fn nest(&self, simulator: &dyn Simulator, key: Key) -> Result<Draw> {
        let usage = Usage::default();
        let mut request = Request::new(1, key);
        for (name, value) in self.given.values(false, &self.rows) {
            request.given.insert(name, single(value.clone())?);
        }
        let mut inputs = Record::new();
        let drawn = self.batch.iter().chain(self.drawn.iter());
        for (name, value) in self.given.values(true, &self.rows).chain(drawn) {
            inputs.insert(name, single(value.clone())?);
        }
        request.context = Context::new(inputs, &usage);
        let record = simulator.sample(&request)?;
        self.given.mark(&usage.names());
        let mut draw = Draw::new();
        for (name, column) in record.columns() {
            let value = if column.shared { whole(column.array.clone()) } else { row(column, 0)? };
            draw = draw.with(name.to_string(), value);
        }
        Ok(draw)
    }

    pub(super) fn into_drawn(self) -> Draw {
        self.drawn
    }

    pub(super) fn drawn(&self) -> &Draw {
        &self.drawn
    }

    fn fixed(&self, name: &str) -> Option<&Value> {
        self.given.find(name, &self.rows)
    }
}

/// A column of one data set.
fn single(value: Value) -> Result<Column> {
    let is_set = matches!(value, Value::Set(_));
    let array = value.into_array();
    if is_set {
        let size = array.shape()[0];
        return Column::ragged(array, vec![0, size]);
    }
    let shape = [&[1], array.shape()].concat();
    array.reshape(shape).map(Column::dense)
}

fn values_of(value: &Value) -> Option<&Values> {
    match value {
        Value::Array(a) | Value::Set(a) => Some(a.values()),
        _ => None,
    }
}

fn describe(value: &Value) -> String {
    match value.shape() {
        [] => format!("one value of type {:?}", value.dtype()),
        shape => format!("an array {shape:?} of type {:?}", value.dtype()),
    }
}

fn unlike(name: &str, value: &Value, expected: &str) -> Error {
    Error::value(name, format!("is {}, the closure reads it as {expected}; read it by its own type", describe(value)))
}
