//! Transforms of the user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{dataset_ranges, describe, sum_by_dataset, with_array};
use super::elementwise::check_shapes;
use super::keys::{Selection, find, replace};
use super::pass::{Context, LogDeterminants};

/// A transform of the user, on the values of one column: `[datasets, …]`, or `[elements, …]` where the column is ragged.
///
/// The number of data sets (or elements) must stay. A file stores the name only; after loading, the transform is
/// handed to [`Adapter::register`](super::Adapter::register).
///
/// ```
/// use ferroflow::adapters::CustomTransform;
/// use ferroflow::codecs::Array;
/// use ferroflow::Result;
///
/// struct Cube;
///
/// impl CustomTransform for Cube {
///     fn name(&self) -> &str {
///         "cube"
///     }
///     fn forward(&self, x: &Array) -> Result<Array> {
///         Array::f64(x.shape(), x.to_f64().iter().map(|x| x.powi(3)).collect())
///     }
///     fn inverse(&self, u: &Array) -> Result<Array> {
///         Array::f64(u.shape(), u.to_f64().iter().map(|u| u.cbrt()).collect())
///     }
///     fn derivative(&self, x: &Array) -> Result<Option<Array>> {
///         Array::f64(x.shape(), x.to_f64().iter().map(|x| 3.0 * x * x).collect()).map(Some)
///     }
/// }
/// ```
pub trait CustomTransform: Send + Sync {
    /// The name under which files know the transform.
    fn name(&self) -> &str;

    /// Data space to network space.
    fn forward(&self, values: &Array) -> Result<Array>;

    /// Network space to data space. Draws have further axes behind the data sets.
    fn inverse(&self, values: &Array) -> Result<Array>;

    /// `f′(x)` of each number, if the transform acts on each number alone.
    fn derivative(&self, _values: &Array) -> Result<Option<Array>> {
        Ok(None)
    }

    /// `ln |∂out/∂in|` of each row of the first axis, at the values in data space; `Σ ln |f′(x)|` if nothing else is
    /// said. Without it and without a derivative, the density of that column cannot be had, and asking for it is
    /// an error. (In the peer such a transform silently counts as zero.)
    fn log_det(&self, values: &Array) -> Result<Option<Vec<f64>>> {
        let Some(derivative) = self.derivative(values)? else { return Ok(None) };
        let rows = values.shape().first().copied().unwrap_or(1);
        let numbers = derivative.to_f64();
        let row = numbers.len().checked_div(rows).unwrap_or(0);
        Ok(Some((0..rows).map(|i| numbers[i * row..(i + 1) * row].iter().map(|d| d.abs().ln()).sum()).collect()))
    }

    /// `d/dx ln |f′(x)|` of each number: what the log-determinant adds to the gradient of a density.
    fn log_det_gradient(&self, _values: &Array) -> Result<Option<Array>> {
        Ok(None)
    }
}

/// A [`CustomTransform`] and the columns it acts on.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// The columns.
    #[serde(default)]
    pub select: Selection,
    /// The name of the transform.
    pub name: String,
    #[serde(skip)]
    pub(super) code: Option<Arc<dyn CustomTransform>>,
}

impl Custom {
    /// The transform of some columns.
    pub fn new(select: impl Into<Selection>, code: Arc<dyn CustomTransform>) -> Self {
        Custom { select: select.into(), name: code.name().to_owned(), code: Some(code) }
    }

    fn code(&self) -> Result<&dyn CustomTransform> {
        self.code.as_deref().ok_or_else(|| {
            Error::argument(
                format!("custom transform '{}'", self.name),
                "was loaded by name, but no code is registered under it; call adapter.register(…) after loading",
            )
        })
    }

    /// The result in place of a column, with as many data sets.
    fn placed(&self, key: &str, column: &Column, array: Array) -> Result<Column> {
        if !column.shared && array.shape().first() != column.array.shape().first() {
            return Err(Error::user(
                format!("custom transform '{}'", self.name),
                format!(
                    "gave the shape {:?} for '{key}' ({}); the first axis must stay",
                    array.shape(),
                    describe(column)
                ),
            ));
        }
        Ok(with_array(column, array))
    }

    fn add_log_det(&self, log_det: &mut LogDeterminants, key: &str, data: &Column, sign: f64) -> Result<()> {
        let Some(rows) = self.code()?.log_det(&data.array)? else {
            log_det.mark_unknown(
                key,
                format!("the custom transform '{}' gives none; implement log_det or derivative there", self.name),
            );
            return Ok(());
        };
        let expected = data.array.shape().first().copied().unwrap_or(1);
        if rows.len() != expected {
            return Err(Error::user(
                format!("custom transform '{}'", self.name),
                format!("gave {} log-determinants for {expected} rows of '{key}'; give one for each", rows.len()),
            ));
        }
        let values = match &data.offsets {
            None if data.shared => vec![rows.iter().sum()],
            None => rows,
            Some(_) => {
                let row: usize = data.array.shape()[1..].iter().product();
                match row {
                    0 => vec![0.0; dataset_ranges(data).len()],
                    _ => sum_by_dataset(data, |i| if i % row == 0 { rows[i / row] } else { 0.0 }),
                }
            }
        };
        log_det.add(key, sign, values)
    }

    pub(super) fn forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for key in self.select.keys(record, context.strict)? {
            let column = find(record, &key)?;
            let out = self.placed(&key, column, self.code()?.forward(&column.array)?)?;
            if let Some(log_det) = log_det.as_deref_mut() {
                self.add_log_det(log_det, &key, column, 1.0)?;
            }
            replace(record, &key, out)?;
        }
        Ok(())
    }

    pub(super) fn inverse(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        _context: &Context,
    ) -> Result<()> {
        for key in self.select.keys(record, false)? {
            let column = find(record, &key)?;
            let out = self.placed(&key, column, self.code()?.inverse(&column.array)?)?;
            if let Some(log_det) = log_det.as_deref_mut() {
                self.add_log_det(log_det, &key, &out, -1.0)?;
            }
            replace(record, &key, out)?;
        }
        Ok(())
    }

    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record, density: bool) -> Result<()> {
        for key in self.select.keys(before, false)? {
            let (Ok(column), Ok(outer)) = (find(before, &key), find(gradient, &key)) else { continue };
            check_shapes(&key, column, outer)?;
            let lacking = |what: &str| {
                Error::user(
                    format!("custom transform '{}'", self.name),
                    format!("gives no {what}, which the gradient of '{key}' needs; implement it"),
                )
            };
            let derivative = self.code()?.derivative(&column.array)?.ok_or_else(|| lacking("derivative"))?;
            let slope = match density {
                true => Some(self.code()?.log_det_gradient(&column.array)?.ok_or_else(|| lacking("log_det_gradient"))?),
                false => None,
            };
            let (derivative, slope) = (derivative.to_f64(), slope.map(|slope| slope.to_f64()));
            let outer_numbers = outer.array.to_f64();
            if derivative.len() != outer_numbers.len() || slope.as_ref().is_some_and(|s| s.len() != derivative.len()) {
                return Err(lacking("derivative of each number"));
            }
            let inner = (outer_numbers.iter().zip(&derivative).enumerate())
                .map(|(i, (g, d))| g * d + slope.as_ref().map_or(0.0, |slope| slope[i]))
                .collect();
            let inner = with_array(column, Array::f64(column.array.shape(), inner)?);
            replace(gradient, &key, inner)?;
        }
        Ok(())
    }
}

impl PartialEq for Custom {
    fn eq(&self, other: &Self) -> bool {
        self.select == other.select && self.name == other.name
    }
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom")
            .field("select", &self.select)
            .field("name", &self.name)
            .field("registered", &self.code.is_some())
            .finish()
    }
}

impl std::fmt::Display for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "custom {} on {}", self.name, self.select)
    }
}
