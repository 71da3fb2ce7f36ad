//! The fixed quantities of a request, cut into data sets and shaped like the draws that they replace.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::codecs::{Array, Values};
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};
use crate::simulators::draw::Value;
use crate::simulators::request::{Request, Usage, unused};

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
    /// May be read, but replaces nothing and need not be used.
    is_context: bool,
}

#[derive(Debug)]
enum Source {
    Whole(Value),
    Rows(Column),
}

impl Given {
    /// Columns of `count` rows, of one row, or shared.
    pub(super) fn new(record: &Record, count: usize) -> Result<Self> {
        Given::with_context(record, &Record::new(), count)
    }

    /// The fixed quantities of a request and what may be read besides.
    pub(super) fn of(request: &Request) -> Result<Self> {
        Given::with_context(&request.given, &request.context.inputs, request.count)
    }

    fn with_context(record: &Record, context: &Record, count: usize) -> Result<Self> {
        let mut fixed = Vec::with_capacity(record.len() + context.len());
        let entries = record.iter().map(|entry| (entry, false)).chain(context.iter().map(|entry| (entry, true)));
        for ((name, entry), is_context) in entries {
            let Entry::Column(column) = entry else {
                return Err(Error::key(name, "is a group of columns; give single columns"));
            };
            let source = match column.datasets() {
                None => Source::Whole(whole(column.array.clone())),
                Some(rows) if rows == count => Source::Rows(column.clone()),
                Some(1) => Source::Whole(row(column, 0)?),
                Some(rows) => {
                    return Err(Error::shape(
                        name,
                        format!("is given for {rows} data sets, but {count} are simulated; give {count} rows or one"),
                    ));
                }
            };
            fixed.push(Fixed { name: name.to_string(), source, used: AtomicBool::new(false), is_context });
        }
        Ok(Given { fixed })
    }

    /// The rows of a data set; `None` for what is the same for all.
    pub(super) fn rows(&self, dataset: usize) -> Result<Vec<Option<Value>>> {
        let row_of = |fixed: &Fixed| match &fixed.source {
            Source::Whole(_) => Ok(None),
            Source::Rows(column) => row(column, dataset).map(Some),
        };
        self.fixed.iter().map(row_of).collect()
    }

    /// The value of a name for the data set to which `rows` belongs; it counts as used.
    pub(super) fn find<'a>(&'a self, name: &str, rows: &'a [Option<Value>]) -> Option<&'a Value> {
        self.at(self.fixed.iter().position(|f| f.name == name)?, rows)
    }

    /// The value that replaces the draw of a name; it counts as used.
    pub(super) fn replacement<'a>(&'a self, name: &str, rows: &'a [Option<Value>]) -> Option<&'a Value> {
        self.at(self.fixed.iter().position(|f| f.name == name && !f.is_context)?, rows)
    }

    /// The fixed quantities, or what may be read besides, of one data set; nothing counts as used.
    pub(super) fn values<'a>(
        &'a self,
        is_context: bool,
        rows: &'a [Option<Value>],
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        let value = |(f, row): (&'a Fixed, &'a Option<Value>)| match &f.source {
            Source::Whole(value) => Some((f.name.as_str(), value)),
            Source::Rows(_) => row.as_ref().map(|value| (f.name.as_str(), value)),
        };
        self.fixed.iter().zip(rows).filter(move |(f, _)| f.is_context == is_context).filter_map(value)
    }

    /// Counts names as used that a part of this simulator used.
    pub(super) fn mark(&self, names: &std::collections::BTreeSet<String>) {
        self.fixed.iter().filter(|f| names.contains(&f.name)).for_each(|f| f.used.store(true, Ordering::Relaxed));
    }

    fn at<'a>(&'a self, i: usize, rows: &'a [Option<Value>]) -> Option<&'a Value> {
        self.fixed[i].used.store(true, Ordering::Relaxed);
        match &self.fixed[i].source {
            Source::Whole(value) => Some(value),
            Source::Rows(_) => rows[i].as_ref(),
        }
    }

    /// The names that are fixed.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.fixed.iter().map(|f| f.name.as_str())
    }

    /// An error when a quantity was neither drawn nor read; a part of another simulator reports what it used instead.
    pub(super) fn check_used(&self, drawn: &[&str], usage: Option<&Usage>) -> Result<()> {
        let is_used = |f: &&Fixed| f.used.load(Ordering::Relaxed);
        if let Some(usage) = usage {
            usage.report(self.fixed.iter().filter(is_used).map(|f| f.name.as_str()));
            return Ok(());
        }
        match self.fixed.iter().find(|f| !f.is_context && !is_used(f)) {
            None => Ok(()),
            Some(f) => Err(unused(&f.name, drawn)),
        }
    }

    /// True when a name has a row of its own for each data set.
    pub(super) fn differs_between_datasets(&self, name: &str) -> bool {
        self.fixed.iter().any(|f| f.name == name && matches!(&f.source, Source::Rows(c) if c.datasets() > Some(1)))
    }
}

pub(super) fn whole(array: Array) -> Value {
    match (array.shape(), array.values()) {
        ([], Values::F64(v)) => Value::Float(v[0]),
        ([], Values::F32(v)) => Value::Float(v[0].into()),
        ([], Values::I64(v)) => Value::Integer(v[0]),
        ([], Values::Bool(v)) => Value::Boolean(v[0]),
        _ => Value::Array(array),
    }
}

/// One data set of a column that has a data-set axis.
pub(super) fn row(column: &Column, dataset: usize) -> Result<Value> {
    match &column.offsets {
        Some(offsets) => Ok(Value::Set(column.array.rows(offsets[dataset]..offsets[dataset + 1])?)),
        None => {
            let array = column.array.rows(dataset..dataset + 1)?;
            let inner = array.shape()[1..].to_vec();
            Ok(whole(array.reshape(inner)?))
        }
    }
}

/// The fixed value in the shape and type of the draw that it replaces: equal shapes, one number for all elements, or
/// the trailing axes repeated. A set may have a size of its own.
pub(super) fn conform(name: &str, fixed: &Value, drawn: Value) -> Result<Value> {
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
