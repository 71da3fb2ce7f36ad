//! What the transforms share: axes of columns as the user counts them, elementwise maps, gathering and casting.
//!
//! Users count axes with the data set as axis 0, and a ragged column has its set or series as axis 1. The array of a
//! ragged column `[elements, …]` fuses these two, so that its axis `a` is the user's axis `a + 1`. Shared metadata has
//! no data-set axis; its axes count from 0.

use std::ops::Range;

use crate::codecs::{Array, Dtype, Values};
use crate::data::Column;
use crate::error::{Error, Result};

/// Where an axis of a column lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    /// The data sets.
    Datasets,
    /// The elements of a ragged set or series.
    Elements,
    /// An axis of the array.
    Inner(usize),
}

/// Number of axes as the user counts them.
pub(super) fn rank(column: &Column) -> usize {
    column.array.shape().len() + usize::from(column.offsets.is_some())
}

/// The place of an axis; negative axes count from the end.
pub(super) fn axis(operation: &str, key: &str, column: &Column, axis: isize) -> Result<Axis> {
    let rank = rank(column);
    let resolved = if axis < 0 { axis + rank as isize } else { axis };
    let Some(resolved) = usize::try_from(resolved).ok().filter(|&a| a < rank) else {
        return Err(Error::shape(
            operation,
            format!("axis {axis} of '{key}' does not exist; it is {}, with {rank} axes", describe(column)),
        ));
    };
    Ok(match (resolved, column.offsets.is_some()) {
        (a, _) if column.shared => Axis::Inner(a),
        (0, _) => Axis::Datasets,
        (1, true) => Axis::Elements,
        (a, ragged) => Axis::Inner(a - usize::from(ragged)),
    })
}

/// The array axis of an axis that is neither the data sets nor the elements of a ragged set.
pub(super) fn inner_axis(operation: &str, key: &str, column: &Column, number: isize) -> Result<usize> {
    match axis(operation, key, column, number)? {
        Axis::Inner(a) => Ok(a),
        Axis::Datasets => Err(Error::shape(
            operation,
            format!("axis {number} of '{key}' ({}) is the data sets; name an axis behind it", describe(column)),
        )),
        Axis::Elements => Err(Error::shape(
            operation,
            format!(
                "axis {number} of '{key}' ({}) is the set, whose size differs between data sets; name an axis behind it",
                describe(column)
            ),
        )),
    }
}

/// The shape in words: `[32, 2]`, `[32, 5..14, 1]` (ragged, smallest to largest set), `shared [3]`.
pub(super) fn describe(column: &Column) -> String {
    let shape = column.array.shape();
    let axes: Vec<String> = match &column.offsets {
        Some(offsets) => {
            let sizes = || offsets.windows(2).map(|w| w[1] - w[0]);
            let (low, high) = (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0));
            let set = if low == high { low.to_string() } else { format!("{low}..{high}") };
            [(offsets.len() - 1).to_string(), set]
                .into_iter()
                .chain(shape.iter().skip(1).map(usize::to_string))
                .collect()
        }
        None => shape.iter().map(usize::to_string).collect(),
    };
    format!("{}[{}]", if column.shared { "shared " } else { "" }, axes.join(", "))
}

/// The lower-case name of an element type.
pub(super) fn dtype_name(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F64 => "f64",
        Dtype::F32 => "f32",
        Dtype::I64 => "i64",
        Dtype::Bool => "bool",
    }
}

/// The data set that owns the element at a flat index, `None` for shared metadata.
pub(super) fn dataset_of(column: &Column, flat: usize) -> Option<usize> {
    let row: usize = column.array.shape().iter().skip(1).product();
    let first = flat.checked_div(row)?;
    match &column.offsets {
        _ if column.shared => None,
        Some(offsets) => Some(offsets.partition_point(|&start| start <= first) - 1),
        None => (!column.array.shape().is_empty()).then_some(first),
    }
}

/// `key` or `key, data set 3`, for messages.
pub(super) fn place(column: &Column, flat: usize) -> String {
    dataset_of(column, flat).map_or_else(String::new, |i| format!(" of data set {i}"))
}

/// The flat ranges of the data sets; one range for shared metadata.
pub(super) fn dataset_ranges(column: &Column) -> Vec<Range<usize>> {
    let shape = column.array.shape();
    let row: usize = shape.iter().skip(1).product();
    match &column.offsets {
        Some(offsets) => offsets.windows(2).map(|w| w[0] * row..w[1] * row).collect(),
        None if column.shared || shape.is_empty() => std::iter::once(0..column.array.len()).collect(),
        None => (0..shape[0]).map(|i| i * row..(i + 1) * row).collect(),
    }
}

/// Sums one number per element over each data set.
pub(super) fn sum_by_dataset(column: &Column, value: impl Fn(usize) -> f64) -> Vec<f64> {
    dataset_ranges(column).into_iter().map(|range| range.map(&value).sum()).collect()
}

/// The column with another array and the same data sets.
pub(super) fn with_array(column: &Column, array: Array) -> Column {
    Column { array, offsets: column.offsets.clone(), shared: column.shared }
}

/// The column in another shape of as many elements, the data-set axis unchanged.
pub(super) fn reshaped(column: &Column, shape: Vec<usize>) -> Result<Column> {
    Ok(with_array(column, Array::new(shape, column.array.values().clone())?))
}

/// Applies `f(flat index, value)` to each element in f64. Floating types stay what they are; integers and booleans
/// become f64.
pub(super) fn map(column: &Column, mut f: impl FnMut(usize, f64) -> Result<f64>) -> Result<Column> {
    let mut numbered = |(i, x)| f(i, x);
    let values = match column.array.values() {
        Values::F64(v) => Values::F64(v.iter().copied().enumerate().map(&mut numbered).collect::<Result<_>>()?),
        Values::F32(v) => Values::F32(
            v.iter()
                .map(|&x| f64::from(x))
                .enumerate()
                .map(|p| numbered(p).map(|y| y as f32))
                .collect::<Result<_>>()?,
        ),
        Values::I64(v) => {
            Values::F64(v.iter().map(|&x| x as f64).enumerate().map(&mut numbered).collect::<Result<_>>()?)
        }
        Values::Bool(v) => Values::F64(
            v.iter().map(|&x| f64::from(u8::from(x))).enumerate().map(&mut numbered).collect::<Result<_>>()?,
        ),
    };
    Ok(with_array(column, Array::new(column.array.shape(), values)?))
}

/// The elements at the given flat indices, which must be in range.
pub(super) fn gather(values: &Values, indices: &[usize]) -> Values {
    fn pick<T: Copy>(values: &[T], indices: &[usize]) -> Vec<T> {
        indices.iter().map(|&i| values[i]).collect()
    }
    match values {
        Values::F64(v) => Values::F64(pick(v, indices)),
        Values::F32(v) => Values::F32(pick(v, indices)),
        Values::I64(v) => Values::I64(pick(v, indices)),
        Values::Bool(v) => Values::Bool(pick(v, indices)),
    }
}

/// The transpose of [`gather`]: adds each number to the element it was taken from.
pub(super) fn scatter_add(numbers: &[f64], indices: &[usize], len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    for (&number, &i) in numbers.iter().zip(indices) {
        out[i] += number;
    }
    out
}

/// The values in another type. Booleans become 0 and 1, numbers become true where they are not 0, and floating-point
/// numbers are truncated to integers; NaN and infinity have no integer and are an error.
pub(super) fn cast(key: &str, column: &Column, to: Dtype) -> Result<Column> {
    let array = &column.array;
    if array.dtype() == to {
        return Ok(column.clone());
    }
    let values = match (array.values(), to) {
        (_, Dtype::F64) => Values::F64(array.to_f64()),
        (Values::I64(v), Dtype::F32) => Values::F32(v.iter().map(|&x| x as f32).collect()),
        (_, Dtype::F32) => Values::F32(array.to_f64().into_iter().map(|x| x as f32).collect()),
        (Values::Bool(v), Dtype::I64) => Values::I64(v.iter().map(|&x| i64::from(x)).collect()),
        (_, Dtype::I64) => {
            let numbers = array.to_f64();
            if let Some(i) = numbers.iter().position(|x| !x.is_finite()) {
                return Err(Error::value(
                    key,
                    format!(
                        "the value {}{} has no integer; replace it with nan_to_num before the conversion to i64",
                        numbers[i],
                        place(column, i)
                    ),
                ));
            }
            Values::I64(numbers.into_iter().map(|x| x as i64).collect())
        }
        (Values::I64(v), Dtype::Bool) => Values::Bool(v.iter().map(|&x| x != 0).collect()),
        (_, Dtype::Bool) => Values::Bool(array.to_f64().into_iter().map(|x| x != 0.0).collect()),
    };
    Ok(with_array(column, Array::new(array.shape(), values)?))
}

/// The common type of several: booleans, then integers, then floating point; f64 where f32 cannot hold the values.
pub(super) fn common_dtype(dtypes: impl IntoIterator<Item = Dtype>) -> Dtype {
    dtypes
        .into_iter()
        .reduce(|a, b| match (a, b) {
            _ if a == b => a,
            (Dtype::Bool, other) | (other, Dtype::Bool) => other,
            _ => Dtype::F64,
        })
        .unwrap_or(Dtype::F64)
}
