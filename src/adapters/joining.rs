//! What concatenation and split share: joining columns along an axis, and cutting one.

use crate::codecs::{Array, Dtype, Values};
use crate::data::Column;
use crate::error::{Error, Result};

use super::columns::{cast, common_dtype, describe, gather, inner_axis, reshaped, with_array};

/// The axis of features.
pub(super) const LAST: isize = -1;

pub(super) fn last() -> isize {
    LAST
}

/// One number per data set as a column of width one.
pub(super) fn as_vector(column: &Column) -> Result<Column> {
    match (column.array.shape(), &column.offsets) {
        ([], _) => reshaped(column, vec![1]),
        (&[n], None) if !column.shared => reshaped(column, vec![n, 1]),
        _ => Ok(column.clone()),
    }
}

/// Joins columns along an axis of the first.
pub(super) fn join(operation: &str, parts: &[(&str, Column)], axis: isize) -> Result<(Column, usize)> {
    let Some((first_key, first)) = parts.first() else {
        return Err(Error::argument(operation, "there is no key to join; name at least one"));
    };
    let place = inner_axis(operation, first_key, first, axis)?;
    let fits = |column: &Column| {
        let (a, b) = (first.array.shape(), column.array.shape());
        a.len() == b.len() && a.iter().zip(b).enumerate().all(|(i, (a, b))| i == place || a == b)
    };
    for (key, column) in parts {
        let remedy = match (first.shared != column.shared, first.offsets.is_some() != column.offsets.is_some()) {
            (true, _) => Some("one of them is metadata of the whole batch; broadcast it first"),
            (_, true) => Some("one of them is ragged and the other is not; broadcast it first"),
            _ if first.offsets != column.offsets => {
                Some("their sets differ in size; keys of one set need equal offsets")
            }
            _ if !fits(column) => {
                Some("all axes but the joint one must agree; use as_set, expand_dims or broadcast first")
            }
            _ => None,
        };
        if let Some(remedy) = remedy {
            return Err(Error::shape(
                operation,
                format!(
                    "'{key}' ({}) cannot be joined with '{first_key}' ({}) along axis {axis}: {remedy}",
                    describe(column),
                    describe(first)
                ),
            ));
        }
    }
    let dtype = common_dtype(parts.iter().map(|(_, column)| column.array.dtype()));
    let cast_parts: Vec<Column> = parts.iter().map(|(key, column)| cast(key, column, dtype)).collect::<Result<_>>()?;
    let mut shape = first.array.shape().to_vec();
    let outer: usize = shape[..place].iter().product();
    let inner: usize = shape[place + 1..].iter().product();
    let blocks: Vec<usize> = cast_parts.iter().map(|column| column.array.shape()[place] * inner).collect();
    shape[place] = cast_parts.iter().map(|column| column.array.shape()[place]).sum();
    fn interleave<'a, T: Copy + 'a>(outer: usize, parts: &[(&'a [T], usize)]) -> Vec<T> {
        let mut out = Vec::with_capacity(parts.iter().map(|(values, _)| values.len()).sum());
        for i in 0..outer {
            parts.iter().for_each(|(values, block)| out.extend_from_slice(&values[i * block..(i + 1) * block]));
        }
        out
    }
    macro_rules! typed {
        ($variant:ident) => {{
            let slices: Vec<_> = cast_parts
                .iter()
                .zip(&blocks)
                .filter_map(|(column, &block)| match column.array.values() {
                    Values::$variant(values) => Some((values.as_slice(), block)),
                    _ => None,
                })
                .collect();
            Values::$variant(interleave(outer, &slices))
        }};
    }
    let values = match dtype {
        Dtype::F64 => typed!(F64),
        Dtype::F32 => typed!(F32),
        Dtype::I64 => typed!(I64),
        Dtype::Bool => typed!(Bool),
    };
    Ok((with_array(first, Array::new(shape, values)?), place))
}

/// Cuts a column along an axis of its array; the widths add up to the axis.
pub(super) fn cut(column: &Column, place: usize, widths: &[usize]) -> Result<Vec<Column>> {
    let shape = column.array.shape();
    let outer: usize = shape[..place].iter().product();
    let inner: usize = shape[place + 1..].iter().product();
    let whole = shape[place] * inner;
    let mut start = 0;
    widths
        .iter()
        .map(|&width| {
            let rows = (0..outer).flat_map(|i| i * whole + start * inner..i * whole + (start + width) * inner);
            let indices: Vec<usize> = rows.collect();
            start += width;
            let mut part = shape.to_vec();
            part[place] = width;
            Ok(with_array(column, Array::new(part, gather(column.array.values(), &indices))?))
        })
        .collect()
}
