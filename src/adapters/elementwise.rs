//! The driver of all elementwise transforms: selected columns, one scalar map per element.

use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns;
use super::keys::{find, replace};
use super::pass::{Context, LogDeterminants};
use super::scalar_map::ScalarMap;

/// A transform that changes each number of some columns by an invertible map.
pub(super) trait Elementwise {
    /// The name in messages.
    fn name(&self) -> &'static str;

    /// The columns to act on; going forward, strict means that those named must exist.
    fn keys(&self, record: &Record, strict: bool, inverse: bool) -> Result<Vec<String>>;

    /// The maps of a column of the given array shape; element `i` uses map `i % length`.
    fn maps(&self, key: &str, shape: &[usize], peer: bool) -> Result<Vec<ScalarMap>>;

    /// What to do about a value outside of the domain.
    fn remedy(&self) -> &'static str {
        "check the simulator or the observed data, or leave this transform out"
    }

    /// Data space to network space.
    fn run_forward(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for key in self.keys(record, context.strict, false)? {
            let column = find(record, &key)?;
            let maps = self.maps(&key, column.array.shape(), context.peer)?;
            let out = columns::map(column, |i, x| {
                let map = maps[i % maps.len()];
                if context.peer || map.admits(x) {
                    return Ok(map.value(x));
                }
                Err(Error::value(
                    &key,
                    format!(
                        "the value {x}{} is outside of what {} takes, {}; {}",
                        columns::place(column, i),
                        self.name(),
                        map.domain(),
                        self.remedy()
                    ),
                ))
            })?;
            if let Some(log_det) = log_det.as_deref_mut() {
                add_log_det(log_det, &key, column, &maps, 1.0)?;
            }
            replace(record, &key, out)?;
        }
        Ok(())
    }

    /// Network space to data space.
    fn run_inverse(
        &self,
        record: &mut Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<()> {
        for key in self.keys(record, context.strict, true)? {
            let column = find(record, &key)?;
            let maps = self.maps(&key, column.array.shape(), context.peer)?;
            let out = columns::map(column, |i, u| Ok(maps[i % maps.len()].inverse(u)))?;
            if let Some(log_det) = log_det.as_deref_mut() {
                add_log_det(log_det, &key, &out, &maps, -1.0)?;
            }
            replace(record, &key, out)?;
        }
        Ok(())
    }

    /// The gradient with respect to the values before, from that with respect to the values after:
    /// `f′(x) · g`, and with `density` plus `d/dx ln |f′(x)|`.
    fn run_pullback(&self, before: &Record, gradient: &mut Record, density: bool, context: &Context) -> Result<()> {
        for key in self.keys(before, false, false)? {
            let (Ok(column), Ok(outer)) = (find(before, &key), find(gradient, &key)) else { continue };
            check_shapes(&key, column, outer)?;
            let maps = self.maps(&key, column.array.shape(), context.peer)?;
            let x = column.array.to_f64();
            let inner = columns::map(outer, |i, g| {
                let map = maps[i % maps.len()];
                let slope = if density { map.log_derivative_slope(x[i]) } else { 0.0 };
                Ok(map.derivative(x[i]) * g + slope)
            })?;
            replace(gradient, &key, inner)?;
        }
        Ok(())
    }
}

fn add_log_det(log_det: &mut LogDeterminants, key: &str, data: &Column, maps: &[ScalarMap], sign: f64) -> Result<()> {
    if !maps.iter().any(|map| map.scales()) {
        return Ok(());
    }
    let x = data.array.to_f64();
    log_det.add(key, sign, columns::sum_by_dataset(data, |i| maps[i % maps.len()].log_derivative(x[i])))
}

/// The gradient of a column has its shape.
pub(super) fn check_shapes(key: &str, column: &Column, gradient: &Column) -> Result<()> {
    if column.array.shape() == gradient.array.shape() {
        return Ok(());
    }
    Err(Error::shape(
        key,
        format!(
            "the gradient has the shape {}, but the values have {}; give one gradient per value",
            columns::describe(gradient),
            columns::describe(column)
        ),
    ))
}
