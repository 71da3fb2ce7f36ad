//! The read-only view of one data set that closures get: what was drawn before and what is fixed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::codecs::{Array, Values};
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};
use crate::simulators::draw::{Draw, Name, Value};

/// The quantities of one data set, by name.
#[derive(Debug, Clone)]
pub struct View {
    drawn: Draw,
    batch: Arc<Draw>,
    given: Arc<Given>,
    rows: Vec<Option<Value>>,
}

impl View {
    pub(super) fn new(given: Arc<Given>, batch: Arc<Draw>, dataset: usize) -> Self {
        let rows = given.fixed.iter().map(|f| f.row(dataset)).collect();
        View { drawn: Draw::new(), batch, given, rows }
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
        drawn.chain(self.given.fixed.iter().map(|f| f.name.as_str()).filter(|n| self.drawn.get(n).is_none()))
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
            Value::Array(a) | Value::Set(a) if a.len() == 1 && matches!(a.values(), Values::I64(_)) => {
                Ok(a.to_f64()[0] as i64)
            }
            other => Err(unlike(name, other, "one integer")),
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
            Value::Array(a) | Value::Set(a) if a.len() == 1 && matches!(a.values(), Values::Bool(_)) => {
                Ok(a.to_f64()[0] != 0.0)
            }
            other => Err(unlike(name, other, "one boolean")),
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
        (0..count).map(|i| f(&View::new(given.clone(), nothing.clone(), i))).collect()
    }

    /// Takes over what a part drew; a fixed quantity replaces the draw.
    pub(super) fn absorb(&mut self, draw: Draw) -> Result<()> {
        for (i, (name, _)) in draw.values.iter().enumerate() {
            if draw.values[..i].iter().any(|(n, _)| n == name) {
                return Err(Error::key(name.as_ref(), "was returned twice; return each name once"));
            }
        }
        for (name, value) in draw.values {
            let value = match self.fixed(&name) {
                Some(fixed) => conform(&name, fixed, value)?,
                None => value,
            };
            self.drawn.replace(name, value);
        }
        Ok(())
    }

    pub(super) fn into_drawn(self) -> Draw {
        self.drawn
    }

    pub(super) fn drawn(&self) -> &Draw {
        &self.drawn
    }

    fn fixed(&self, name: &str) -> Option<&Value> {
        let i = self.given.fixed.iter().position(|f| f.name == name)?;
        let fixed = &self.given.fixed[i];
        fixed.used.store(true, Ordering::Relaxed);
        match &fixed.source {
            Source::Whole(value) => Some(value),
            Source::Rows(_) => self.rows[i].as_ref(),
        }
    }
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

/// The fixed quantities of a request.
#[derive(Debug)]
pub(super) struct Given {
    fixed: Vec<Fixed>,
}

#[derive(Debug)]
struct Fixed {
    name: String,
    source: Source,
    used: AtomicBool,
}

#[derive(Debug)]
enum Source {
    Whole(Value),
    Rows(Column),
}

impl Given {
    /// Columns of `count` rows, of one row, or shared.
    pub(super) fn new(record: &Record, count: usize) -> Result<Self> {
        let mut fixed = Vec::with_capacity(record.len());
        for (name, entry) in record.iter() {
            let Entry::Column(column) = entry else {
                return Err(Error::key(name, "is a group of columns; give single columns"));
            };
            let source = match column.datasets() {
                None => Source::Whole(whole(column.array.clone())),
                Some(rows) if rows == count => Source::Rows(column.clone()),
                Some(1) => Source::Whole(row(column, 0)),
                Some(rows) => {
                    return Err(Error::shape(
                        name,
                        format!("is given for {rows} data sets, but {count} are simulated; give {count} rows or one"),
                    ));
                }
            };
            fixed.push(Fixed { name: name.to_string(), source, used: AtomicBool::new(false) });
        }
        Ok(Given { fixed })
    }

    /// An error when a quantity was neither drawn nor read: most likely its name is misspelled.
    pub(super) fn check_used(&self, drawn: &[&str]) -> Result<()> {
        match self.fixed.iter().find(|f| !f.used.load(Ordering::Relaxed)) {
            None => Ok(()),
            Some(unused) => Err(Error::key(
                &unused.name,
                format!(
                    "is given, but the simulator neither draws nor reads it; it draws: {}; correct the name or leave \
                     it out",
                    drawn.join(", ")
                ),
            )),
        }
    }

    /// True when a name has a row of its own for each data set.
    pub(super) fn differs_between_datasets(&self, name: &str) -> bool {
        self.fixed.iter().any(|f| f.name == name && matches!(&f.source, Source::Rows(c) if c.datasets() > Some(1)))
    }
}

impl Fixed {
    fn row(&self, dataset: usize) -> Option<Value> {
        match &self.source {
            Source::Whole(_) => None,
            Source::Rows(column) => Some(row(column, dataset)),
        }
    }
}

fn whole(array: Array) -> Value {
    match (array.shape(), array.values()) {
        ([], Values::F64(v)) => Value::Float(v[0]),
        ([], Values::F32(v)) => Value::Float(v[0].into()),
        ([], Values::I64(v)) => Value::Integer(v[0]),
        ([], Values::Bool(v)) => Value::Boolean(v[0]),
        _ => Value::Array(array),
    }
}

/// One data set of a column that has a data-set axis.
fn row(column: &Column, dataset: usize) -> Value {
    let shape = column.array.shape();
    let width: usize = shape[1..].iter().product();
    let (range, shape) = match &column.offsets {
        None => (dataset..dataset + 1, shape[1..].to_vec()),
        Some(offsets) => {
            let range = offsets[dataset]..offsets[dataset + 1];
            (range.clone(), [&[range.len()], &shape[1..]].concat())
        }
    };
    let range = range.start * width..range.end * width;
    let values = match column.array.values() {
        Values::F64(v) => Values::F64(v[range].to_vec()),
        Values::F32(v) => Values::F32(v[range].to_vec()),
        Values::I64(v) => Values::I64(v[range].to_vec()),
        Values::Bool(v) => Values::Bool(v[range].to_vec()),
    };
    let array = Array::new(shape, values).expect("a row holds the product of the remaining axes");
    if column.offsets.is_some() { Value::Set(array) } else { whole(array) }
}

/// The fixed value in the shape and type of the draw that it replaces: equal shapes, one number for all elements, or
/// the trailing axes repeated. A set may have a size of its own.
fn conform(name: &str, fixed: &Value, drawn: Value) -> Result<Value> {
    let target = drawn.shape().to_vec();
    let came = fixed.shape();
    let is_set = matches!(drawn, Value::Set(_));
    let (shape, repeats) = if is_set && came.len() == target.len() && came[1..] == target[1..] {
        (came.to_vec(), 1)
    } else if fixed.clone().into_array().len() == 1 {
        (target.clone(), target.iter().product())
    } else if target.ends_with(came) {
        (target.clone(), target[..target.len() - came.len()].iter().product())
    } else {
        return Err(Error::shape(
            name,
            format!(
                "is given with shape {came:?} for each data set, but is drawn with shape {target:?}; give the drawn \
                 shape, its trailing axes or one number{}",
                if is_set { "" } else { "; mark it with `set` if its size may differ" }
            ),
        ));
    };
    let source = fixed.clone().into_array();
    let integral = |x: f64| {
        if x.fract() == 0.0 && x.abs() < 9e15 {
            Ok(x as i64)
        } else {
            Err(Error::value(name, format!("is given as {x}, but is drawn as an integer; give an integer")))
        }
    };
    let values = match (drawn.into_array().into_parts().1, source.values()) {
        (Values::I64(_), Values::I64(v)) => Values::I64(v.repeat(repeats)),
        (Values::Bool(_), Values::Bool(v)) => Values::Bool(v.repeat(repeats)),
        (Values::F64(_), _) => Values::F64(source.to_f64().repeat(repeats)),
        (Values::F32(_), _) => {
            Values::F32(source.to_f64().iter().map(|&x| x as f32).collect::<Vec<_>>().repeat(repeats))
        }
        (Values::I64(_), _) => {
            Values::I64(source.to_f64().into_iter().map(integral).collect::<Result<Vec<_>>>()?.repeat(repeats))
        }
        (Values::Bool(_), _) => {
            return Err(Error::value(name, "is given as numbers, but is drawn as a boolean; give booleans"));
        }
    };
    let array = Array::new(shape, values)?;
    Ok(if is_set { Value::Set(array) } else { whole(array) })
}

/// The values of a meta function that is called once for a batch.
pub(super) fn shared_columns(batch: &Draw) -> impl Iterator<Item = (Name, Column)> + '_ {
    batch.values.iter().map(|(name, value)| (name.clone(), Column::shared(value.clone().into_array())))
}
