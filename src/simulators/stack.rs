//! From the named values of each data set to the columns of a record.

use crate::codecs::{Array, Dtype, Values};
use crate::data::{Column, Record};
use crate::error::{Error, Result};
use crate::simulators::draw::{Draw, Value};

/// Adds the columns of the stacked values to a record. A single number becomes `[datasets, 1]`, or `[datasets]` for the
/// first `meta` names;
/// an array `[datasets, …]`; a set, or an array whose first axis differs, a ragged column.
///
/// `first` is the index of the first data set, for messages.
pub(super) fn stack(draws: &[Draw], meta: usize, first: u64, record: &mut Record) -> Result<()> {
    let Some(head) = draws.first() else { return Ok(()) };
    for (i, draw) in draws.iter().enumerate() {
        let same = |other: &Draw, of: &Draw| other.values.iter().all(|(name, _)| of.get(name).is_some());
        if draw.values.len() != head.values.len() || !same(draw, head) {
            let names = |draw: &Draw| draw.iter().map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            return Err(Error::user(
                format!("data set {}", first + i as u64),
                format!(
                    "drew the names {}, data set {first} drew {}; return the same names for every data set",
                    names(draw),
                    names(head)
                ),
            ));
        }
    }
    for (position, (name, _)) in head.values.iter().enumerate() {
        let values: Vec<&Value> = draws
            .iter()
            .map(|draw| match draw.values.get(position) {
                Some((n, value)) if n == name => value,
                _ => draw.get(name).expect("the names were compared above"),
            })
            .collect();
        record.insert(name.clone(), column(name, &values, position < meta, first)?);
    }
    Ok(())
}

fn column(name: &str, values: &[&Value], is_meta: bool, first: u64) -> Result<Column> {
    let head = values[0];
    let (dtype, shape) = (head.dtype(), head.shape());
    let inner = shape.get(1..).unwrap_or_default();
    for (i, value) in values.iter().enumerate() {
        let other = value.shape();
        if value.dtype() != dtype || other.len() != shape.len() || other.get(1..).unwrap_or_default() != inner {
            return Err(Error::shape(
                name,
                format!(
                    "data set {} drew shape {other:?} of type {:?}, data set {first} drew {shape:?} of type {dtype:?}; \
                     only the first axis, that of a set, may differ",
                    first + i as u64,
                    value.dtype(),
                ),
            ));
        }
    }
    let concatenated = concatenate(values, dtype);
    if shape.is_empty() {
        let shape = if is_meta { vec![values.len()] } else { vec![values.len(), 1] };
        return Ok(Column::dense(Array::new(shape, concatenated)?));
    }
    let is_set = values.iter().any(|v| matches!(v, Value::Set(_)) || v.shape()[0] != shape[0]);
    if !is_set {
        return Ok(Column::dense(Array::new([&[values.len()], shape].concat(), concatenated)?));
    }
    let mut offsets = vec![0];
    for (i, value) in values.iter().enumerate() {
        let size = value.shape()[0];
        if size == 0 {
            return Err(Error::value(
                name,
                format!("data set {} drew an empty set; draw at least one element", first + i as u64),
            ));
        }
        offsets.push(offsets[i] + size);
    }
    Column::ragged(Array::new([&[offsets[values.len()]], inner].concat(), concatenated)?, offsets)
}

/// The elements of values that have one type, one after the other.
fn concatenate(values: &[&Value], dtype: Dtype) -> Values {
    fn gather<T: Clone>(values: &[&Value], part: impl Fn(&Value) -> &[T]) -> Vec<T> {
        let mut out = Vec::with_capacity(values.iter().map(|v| part(v).len()).sum());
        values.iter().for_each(|v| out.extend_from_slice(part(v)));
        out
    }
    macro_rules! parts {
        ($variant:ident $(, $scalar:ident)?) => {
            Values::$variant(gather(values, |value| match value {
                $(Value::$scalar(x) => std::slice::from_ref(x),)?
                Value::Array(a) | Value::Set(a) => match a.values() {
                    Values::$variant(v) => v,
                    _ => &[],
                },
                _ => &[],
            }))
        };
    }
    match dtype {
        Dtype::F64 => parts!(F64, Float),
        Dtype::F32 => parts!(F32),
        Dtype::I64 => parts!(I64, Integer),
        Dtype::Bool => parts!(Bool, Boolean),
    }
}
