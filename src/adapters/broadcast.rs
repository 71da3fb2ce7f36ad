//! Spreading columns over the shape of another.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codecs::Array;
use crate::data::{Column, Record};
use crate::error::{Error, Result};

use super::columns::{describe, gather, inner_axis, rank, reshaped, scatter_add};
use super::keys::{Keys, find, present, replace};
use super::pass::Context;
use super::shape::Axes;

/// Spreads columns over the shape of the entry `to`.
///
/// With `Δ` axes fewer than `to` has, a column gets `Δ` axes of size one where `expand` says. Then each axis of size one
/// takes the size that `to` has there, except for the axes in `exclude` (the last one if nothing else is said), which
/// keep their own. Finally the axes in `squeeze` are removed. Going back, nothing changes.
///
/// The data sets stay in front: `"left"` puts new axes behind them, and `exclude` never spares them. So a shared
/// number, or one per data set, broadcast to a ragged set `x` of plain numbers `[datasets, n]` becomes `[datasets, 1]`,
/// a condition; broadcast to `[datasets, n, features]` it becomes `[datasets, n, 1]`, ragged like `x`. In the peer all axes are
/// alike, so that `[datasets]` cannot be broadcast from the left; so it is with `peer_compatible`.
///
/// Do not take an inference variable for `to`: it is missing at inference. In a lenient pass a missing `to` leaves the
/// columns as they are. (In the peer it is an error.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// The columns.
    pub keys: Keys,
    /// The entry whose shape they take.
    pub to: String,
    /// Where missing axes go.
    #[serde(default)]
    pub expand: Expand,
    /// The axes, in the shape of `to`, whose size is not taken over.
    #[serde(default = "last_axis")]
    pub exclude: Axes,
    /// Axes to remove at last.
    #[serde(default = "no_axes", skip_serializing_if = "is_empty")]
    pub squeeze: Axes,
}

/// Where [`Broadcast`] puts missing axes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expand {
    /// In front, behind the data sets.
    #[default]
    Left,
    /// At the end.
    Right,
    /// At these places of the result.
    #[serde(untagged)]
    At(Axes),
}

fn last_axis() -> Axes {
    Axes(vec![-1])
}

fn no_axes() -> Axes {
    Axes(Vec::new())
}

fn is_empty(axes: &Axes) -> bool {
    axes.0.is_empty()
}

/// The size of an axis.
#[derive(Debug, Clone, PartialEq)]
enum Size {
    Fixed(usize),
    Ragged(Arc<[usize]>),
}

/// The axes of a column as the user counts them.
fn sizes(column: &Column) -> Vec<Size> {
    let shape = column.array.shape();
    match &column.offsets {
        Some(offsets) => [Size::Fixed(offsets.len() - 1), Size::Ragged(offsets.clone())]
            .into_iter()
            .chain(shape.iter().skip(1).map(|&n| Size::Fixed(n)))
            .collect(),
        None => shape.iter().map(|&n| Size::Fixed(n)).collect(),
    }
}

/// The result of a broadcast, and for each of its elements the flat index of the element it was taken from.
type Spread = (Column, Vec<usize>);

impl Broadcast {
    fn fault(&self, key: &str, source: &Column, target: &Column, reason: &str) -> Error {
        Error::shape(
            "broadcast",
            format!(
                "'{key}' ({}) cannot be broadcast to '{}' ({}): {reason}",
                describe(source),
                self.to,
                describe(target)
            ),
        )
    }

    /// The sizes of the source with the missing axes inserted.
    fn expanded(&self, key: &str, source: &Column, target: &Column, peer: bool) -> Result<Vec<Size>> {
        let mut own = sizes(source);
        let Some(missing) = rank(target).checked_sub(own.len()) else {
            return Err(self.fault(key, source, target, "it has more axes; name a larger target"));
        };
        let fixed = if source.shared || peer { 0 } else { 1 + usize::from(source.offsets.is_some()) };
        match &self.expand {
            Expand::Left => drop(own.splice(fixed..fixed, std::iter::repeat_n(Size::Fixed(1), missing))),
            Expand::Right => own.extend(std::iter::repeat_n(Size::Fixed(1), missing)),
            Expand::At(axes) => {
                let total = own.len() + axes.0.len();
                let mut places: Vec<usize> = axes
                    .0
                    .iter()
                    .filter_map(|&axis| usize::try_from(if axis < 0 { axis + total as isize } else { axis }).ok())
                    .collect();
                places.sort_unstable();
                places.dedup();
                if places.len() != axes.0.len() || axes.0.len() != missing || places.iter().any(|&p| p >= total) {
                    return Err(self.fault(
                        key,
                        source,
                        target,
                        &format!(
                            "{missing} axes are missing, but expand names {axes}; name as many places of the result"
                        ),
                    ));
                }
                if places.first().is_some_and(|&place| place < fixed) {
                    return Err(self.fault(
                        key,
                        source,
                        target,
                        "expand names the axis of the data sets or of the sets",
                    ));
                }
                places.into_iter().for_each(|place| own.insert(place, Size::Fixed(1)));
            }
        }
        Ok(own)
    }

    fn spread(&self, key: &str, source: &Column, target: &Column, peer: bool) -> Result<Spread> {
        let goal = sizes(target);
        let own = self.expanded(key, source, target, peer)?;
        let mut excluded = vec![false; goal.len()];
        for &axis in &self.exclude.0 {
            let place = usize::try_from(if axis < 0 { axis + goal.len() as isize } else { axis }).ok();
            match place.and_then(|place| excluded.get_mut(place)) {
                Some(flag) => *flag = true,
                None => {
                    let reason = format!("axis {axis} in exclude does not exist there; name one, or none");
                    return Err(self.fault(key, source, target, &reason));
                }
            }
        }
        let one = Size::Fixed(1);
        let mut out = Vec::with_capacity(goal.len());
        for (place, (own, goal)) in own.iter().zip(&goal).enumerate() {
            let spared = excluded[place] && (place > 0 || peer || target.shared);
            out.push(match (own == goal, spared) {
                (true, _) | (_, true) => own.clone(),
                _ if *own == one => goal.clone(),
                _ => {
                    let reason = format!(
                        "axis {place} is neither 1 nor the size there; change expand, or add the axis to exclude"
                    );
                    return Err(self.fault(key, source, target, &reason));
                }
            });
        }
        let rank = out.len();
        let indices = source_indices(&own, &out);
        let offsets = out.iter().find_map(|size| match size {
            Size::Ragged(offsets) => Some(offsets.clone()),
            Size::Fixed(_) => None,
        });
        let mut shape: Vec<usize> = out
            .iter()
            .skip(usize::from(offsets.is_some()))
            .map(|size| match size {
                Size::Fixed(n) => *n,
                Size::Ragged(offsets) => offsets.last().copied().unwrap_or(0),
            })
            .collect();
        if offsets.is_some() && rank > 1 {
            shape[0] = offsets.as_ref().and_then(|offsets| offsets.last()).copied().unwrap_or(0);
        }
        let array = Array::new(shape, gather(source.array.values(), &indices))?;
        let column = Column { array, offsets, shared: source.shared && target.shared };
        Ok((self.squeezed(key, column)?, indices))
    }

    fn squeezed(&self, key: &str, column: Column) -> Result<Column> {
        let mut places = Vec::new();
        for &axis in &self.squeeze.0 {
            let place = inner_axis("broadcast", key, &column, axis)?;
            if column.array.shape()[place] != 1 {
                return Err(Error::shape(
                    "broadcast",
                    format!("axis {axis} of '{key}' ({}) cannot be squeezed; it is not of size 1", describe(&column)),
                ));
            }
            places.push(place);
        }
        let kept = column.array.shape().iter().enumerate().filter(|(i, _)| !places.contains(i));
        let shape = kept.map(|(_, &n)| n).collect();
        reshaped(&column, shape)
    }

    fn run(
        &self,
        record: &Record,
        context: &Context,
        mut each: impl FnMut(&str, &Column, Spread) -> Result<()>,
    ) -> Result<()> {
        let Ok(target) = find(record, &self.to) else {
            return if context.strict { Err(record.missing(&self.to)) } else { Ok(()) };
        };
        for key in present(&self.keys, record, context.strict)? {
            let source = find(record, &key)?;
            each(&key, source, self.spread(&key, source, target, context.peer)?)?;
        }
        Ok(())
    }

    pub(super) fn forward(&self, record: &mut Record, context: &Context) -> Result<()> {
        let mut spread = Vec::new();
        self.run(record, context, |key, _, (column, _)| {
            spread.push((key.to_owned(), column));
            Ok(())
        })?;
        spread.into_iter().try_for_each(|(key, column)| replace(record, &key, column))
    }

    /// Each element was taken several times; its gradient is the sum.
    pub(super) fn pullback(&self, before: &Record, gradient: &mut Record, context: &Context) -> Result<()> {
        let lenient = Context { strict: false, ..context.clone() };
        self.run(before, &lenient, |key, source, (column, indices)| {
            let Ok(outer) = find(gradient, key) else { return Ok(()) };
            super::elementwise::check_shapes(key, &column, outer)?;
            let sums = scatter_add(&outer.array.to_f64(), &indices, source.array.len());
            let inner = super::columns::with_array(source, Array::f64(source.array.shape(), sums)?);
            replace(gradient, key, inner)
        })
    }
}

/// For each element of the result the flat index in the source; both have as many axes.
fn source_indices(own: &[Size], out: &[Size]) -> Vec<usize> {
    let fixed = |size: &Size| match size {
        Size::Fixed(n) => *n,
        Size::Ragged(_) => 1,
    };
    // The leading two axes may be ragged; the others are a rectangular block per row.
    let lead = out.len().min(2);
    let strides: Vec<usize> = (lead..own.len())
        .map(|axis| if fixed(&own[axis]) == 1 { 0 } else { own[axis + 1..].iter().map(fixed).product() })
        .collect();
    let block: usize = own[lead..].iter().map(fixed).product();
    let mut pattern = vec![0];
    for (axis, &stride) in (lead..).zip(&strides) {
        pattern = pattern.iter().flat_map(|&at| (0..fixed(&out[axis])).map(move |i| at + i * stride)).collect();
    }
    let mut indices = Vec::new();
    let mut push = |row: usize| indices.extend(pattern.iter().map(|at| row * block + at));
    match (out.first(), out.get(1)) {
        (None, _) => push(0),
        (Some(first), None) => {
            let step = usize::from(fixed(&own[0]) != 1);
            (0..fixed(first)).for_each(|i| push(i * step));
        }
        (Some(first), Some(second)) => {
            let (step0, step1) = (usize::from(fixed(&own[0]) != 1), usize::from(own[1] != Size::Fixed(1)));
            for b in 0..fixed(first) {
                let count = match second {
                    Size::Fixed(n) => *n,
                    Size::Ragged(offsets) => offsets[b + 1] - offsets[b],
                };
                for j in 0..count {
                    push(match &own[1] {
                        Size::Ragged(offsets) => offsets[b] + j,
                        Size::Fixed(n) => b * step0 * n + j * step1,
                    });
                }
            }
        }
    }
    indices
}

impl std::fmt::Display for Broadcast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "broadcast {} to {}", self.keys, self.to)?;
        match &self.expand {
            Expand::Left => {}
            Expand::Right => write!(f, ", expand right")?,
            Expand::At(axes) => write!(f, ", expand {axes}")?,
        }
        if self.exclude != last_axis() {
            write!(f, ", exclude {}", self.exclude)?;
        }
        if is_empty(&self.squeeze) { Ok(()) } else { write!(f, ", squeeze {}", self.squeeze) }
    }
}
