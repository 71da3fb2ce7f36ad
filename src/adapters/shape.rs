//! Axes of size one: sets, series, expand and squeeze.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{describe, inner_axis, rank, reshaped};
use super::keys::{Keys, find, present, replace};
use super::pass::Context;

/// Gives columns the three axes `[datasets, set, feature]` of a set of observations: a missing feature axis of size one
/// is appended (`[datasets, n]` to `[datasets, n, 1]`, ragged `[elements]` to `[elements, 1]`), and one number per data
/// set becomes a set of one (`[datasets]` to `[datasets, 1, 1]`). Going back, the axes that were added in training are
/// removed.
///
/// The peer turns `[datasets]` into `[1, datasets, 1]`, and going back it removes axis 2 whenever its size is one, also if
/// the data came with it; so does `peer_compatible`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsSet {
    /// The columns.
    pub keys: Keys,
    /// How many axes were added, learned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, usize>,
}

const SET_RANK: usize = 3;

impl AsSet {
    fn missing_axes(column: &Column) -> usize {
        // Shared metadata has no data-set axis.
        (SET_RANK - usize::from(column.shared)).saturating_sub(rank(column))
    }

    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let added = AsSet::missing_axes(find(record, &key)?);
            self.learned.entry(key).or_insert(added);
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = find(record, &key)?;
            let mut shape = column.array.shape().to_vec();
            if context.peer && column.offsets.is_none() && shape.len() == 1 {
                shape.insert(0, 1);
            }
            let added = (SET_RANK - usize::from(column.shared))
                .saturating_sub(shape.len() + usize::from(column.offsets.is_some()));
            shape.extend(std::iter::repeat_n(1, added));
            let column = reshaped(column, shape)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = find(record, &key)?;
            let mut shape = column.array.shape().to_vec();
            match self.learned.get(&key) {
                Some(&added) if !context.peer => {
                    for _ in 0..added {
                        shape.pop_if(|last| *last == 1);
                    }
                }
                _ => {
                    let third = SET_RANK - 1 - usize::from(column.shared) - usize::from(column.offsets.is_some());
                    if shape.get(third) == Some(&1) {
                        shape.remove(third);
                    }
                }
            }
            let column = reshaped(column, shape)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }
}

/// One axis or several, counted with the data sets as axis 0; negative ones from the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AxisOrAxes", into = "Vec<isize>")]
pub struct Axes(pub Vec<isize>);

#[derive(Deserialize)]
#[serde(untagged)]
enum AxisOrAxes {
    One(isize),
    Many(Vec<isize>),
}

impl From<AxisOrAxes> for Axes {
    fn from(axes: AxisOrAxes) -> Self {
        match axes {
            AxisOrAxes::One(axis) => Axes(vec![axis]),
            AxisOrAxes::Many(axes) => Axes(axes),
        }
    }
}

impl From<Axes> for Vec<isize> {
    fn from(axes: Axes) -> Self {
        axes.0
    }
}

impl From<isize> for Axes {
    fn from(axis: isize) -> Self {
        Axes(vec![axis])
    }
}

impl<const N: usize> From<[isize; N]> for Axes {
    fn from(axes: [isize; N]) -> Self {
        Axes(axes.to_vec())
    }
}

impl From<Vec<isize>> for Axes {
    fn from(axes: Vec<isize>) -> Self {
        Axes(axes)
    }
}

impl std::fmt::Display for Axes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [axis] => write!(f, "{axis}"),
            axes => write!(f, "{axes:?}"),
        }
    }
}

/// Inserts axes of size one; `axis` names their places in the result. Going back removes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandDims {
    /// The columns.
    pub keys: Keys,
    /// The places.
    pub axis: Axes,
    /// Number of axes in data space, learned; it tells the way back how many axes draws have put in front.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, usize>,
}

/// Removes axes of size one; `axis` names their places in the data. Going back inserts them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Squeeze {
    /// The columns.
    pub keys: Keys,
    /// The places.
    pub axis: Axes,
    /// Number of axes in data space, learned; it tells the way back how many axes draws have put in front.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub learned: BTreeMap<String, usize>,
}

/// The axes counted from the end, given the rank that their count from the front refers to.
fn from_end(axes: &Axes, rank: Option<usize>) -> Axes {
    let Some(rank) = rank else { return axes.clone() };
    Axes(axes.0.iter().map(|&axis| if axis >= 0 { axis - rank as isize } else { axis }).collect())
}

/// The column with axes of size one at places of the result.
fn insert(operation: &str, key: &str, column: &Column, axes: &Axes) -> Result<Column> {
    let total = rank(column) + axes.0.len();
    let hidden = usize::from(column.offsets.is_some());
    let first = if column.shared { 0 } else { 1 + hidden };
    let mut places = Vec::new();
    for &axis in &axes.0 {
        let place = usize::try_from(if axis < 0 { axis + total as isize } else { axis }).ok();
        match place.filter(|&p| p < total && !places.contains(&p)) {
            Some(place) if place >= first => places.push(place),
            found => {
                let reason = match found {
                    Some(0) => "axis 0 is the data sets, which stay in front",
                    Some(_) => "axis 1 is the set, whose size differs between data sets and which stays second",
                    None => "it is no place of the result, or was named twice",
                };
                return Err(Error::shape(
                    operation,
                    format!("axis {axis} cannot be inserted into '{key}' ({}): {reason}", describe(column)),
                ));
            }
        }
    }
    places.sort_unstable();
    let mut shape = column.array.shape().to_vec();
    for place in places {
        shape.insert(place - hidden, 1);
    }
    reshaped(column, shape)
}

/// The column without the axes, which must be of size one.
fn remove(operation: &str, key: &str, column: &Column, axes: &Axes) -> Result<Column> {
    let mut shape = column.array.shape().to_vec();
    let mut places = Vec::new();
    for &axis in &axes.0 {
        let place = inner_axis(operation, key, column, axis)?;
        if shape[place] != 1 {
            return Err(Error::shape(
                operation,
                format!(
                    "axis {axis} of '{key}' ({}) has size {}; only axes of size 1 can be removed",
                    describe(column),
                    shape[place]
                ),
            ));
        }
        places.push(place);
    }
    places.sort_unstable();
    places.dedup();
    for place in places.into_iter().rev() {
        shape.remove(place);
    }
    reshaped(column, shape)
}

fn learn_ranks(learned: &mut BTreeMap<String, usize>, keys: &Keys, record: &Record, context: &Context) -> Result<()> {
    for key in present(keys, record, context.strict)? {
        let rank = rank(find(record, &key)?);
        learned.entry(key).or_insert(rank);
    }
    Ok(())
}

impl ExpandDims {
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        learn_ranks(&mut self.learned, &self.keys, record, context)
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = insert("expand_dims", &key, find(record, &key)?, &self.axis)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let axes = from_end(&self.axis, self.learned.get(&key).map(|rank| rank + self.axis.0.len()));
            let column = remove("expand_dims", &key, find(record, &key)?, &axes)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }
}

impl Squeeze {
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        learn_ranks(&mut self.learned, &self.keys, record, context)
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let column = remove("squeeze", &key, find(record, &key)?, &self.axis)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }

    pub(super) fn inverse(&self, record: &mut Record, context: &Context) -> Result<()> {
        for key in present(&self.keys, record, context.strict)? {
            let axes = from_end(&self.axis, self.learned.get(&key).copied());
            let column = insert("squeeze", &key, find(record, &key)?, &axes)?;
            replace(record, &key, column)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for ExpandDims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "expand_dims {} at axis {}", self.keys, self.axis)
    }
}

impl std::fmt::Display for Squeeze {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "squeeze {} at axis {}", self.keys, self.axis)
    }
}
