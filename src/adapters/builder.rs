//! The methods that add one transform to an adapter, named as users of the peer know them.

use std::sync::Arc;

use crate::codecs::Dtype;

use super::adapter::Adapter;
use super::broadcast::{Broadcast, Expand};
use super::concatenate::Concatenate;
use super::constant::Constant;
use super::constrain::{Bounds, Constrain};
use super::custom::{Custom, CustomTransform};
use super::drop_missing::{DropMissing, How};
use super::dtype::{ConvertDtype, MapDtype, ToArray};
use super::function::NamedFunction;
use super::keys::{Keys, Selection};
use super::missing::{NanToNum, mask};
use super::names::{Drop, Group, Keep, Rename, Ungroup};
use super::one_hot::OneHot;
use super::scaling::{Apply, Log, Scale, Shift, Sqrt};
use super::select::{Positions, RandomSubsample, SampleSize, Take};
use super::shape::{AsSet, Axes, ExpandDims, Squeeze};
use super::split::{Sections, Split};
use super::standardize::Standardize;
use super::transform::{ToDict, Transform};

impl Adapter {
    /// The same with one more transform.
    pub fn with(mut self, transform: Transform) -> Self {
        self.append(transform);
        self
    }

    /// Applies a named function; see [`Apply`].
    pub fn apply(self, select: impl Into<Selection>, forward: NamedFunction) -> Self {
        self.with(Transform::Apply(Apply { select: select.into(), forward, inverse: None }))
    }

    /// Applies a named function that another one undoes; see [`Apply`].
    pub fn apply_with_inverse(
        self,
        select: impl Into<Selection>,
        forward: NamedFunction,
        inverse: NamedFunction,
    ) -> Self {
        self.with(Transform::Apply(Apply { select: select.into(), forward, inverse: Some(inverse) }))
    }

    /// Applies code of the user; see [`CustomTransform`].
    pub fn custom(self, select: impl Into<Selection>, code: impl CustomTransform + 'static) -> Self {
        self.with(Transform::Custom(Custom::new(select, Arc::new(code))))
    }

    /// Treats columns as sets of observations; see [`AsSet`].
    pub fn as_set(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::AsSet(AsSet { keys: keys.into(), learned: Default::default() }))
    }

    /// Treats columns as series of observations; see [`AsSet`].
    pub fn as_time_series(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::AsTimeSeries(AsSet { keys: keys.into(), learned: Default::default() }))
    }

    /// Spreads columns over the shape of another, but for its last axis; see [`Broadcast`].
    pub fn broadcast(self, keys: impl Into<Keys>, to: impl Into<String>) -> Self {
        self.broadcast_with(keys, to, Expand::Left, -1, [])
    }

    /// Spreads columns over the shape of another, with all choices; see [`Broadcast`].
    pub fn broadcast_with(
        self,
        keys: impl Into<Keys>,
        to: impl Into<String>,
        expand: Expand,
        exclude: impl Into<Axes>,
        squeeze: impl Into<Axes>,
    ) -> Self {
        let (keys, to, exclude, squeeze) = (keys.into(), to.into(), exclude.into(), squeeze.into());
        self.with(Transform::Broadcast(Broadcast { keys, to, expand, exclude, squeeze }))
    }

    /// Joins columns along the last axis; with one key, renames it. See [`Concatenate`].
    pub fn concatenate(self, keys: impl Into<Keys>, into: impl Into<String>) -> Self {
        self.concatenate_along(keys, into, -1)
    }

    /// Joins columns along an axis; with one key, renames it. See [`Concatenate`].
    pub fn concatenate_along(self, keys: impl Into<Keys>, into: impl Into<String>, axis: isize) -> Self {
        let (keys, into) = (keys.into(), into.into());
        match keys.0.as_slice() {
            [key] => self.rename(key.clone(), into),
            _ => self.with(Transform::Concatenate(Concatenate { keys, into, axis, learned: None })),
        }
    }

    /// Maps bounded numbers to the whole line; the bounds come from [`lower`](super::lower), [`upper`](super::upper) or
    /// [`between`](super::between). See [`Constrain`].
    pub fn constrain(self, keys: impl Into<Keys>, bounds: Bounds) -> Self {
        self.with(Transform::Constrain(Constrain::new(keys, bounds)))
    }

    /// Casts all columns of one type to another; see [`ConvertDtype`].
    pub fn convert_dtype(self, from_dtype: Dtype, to_dtype: Dtype) -> Self {
        self.convert_dtype_of(Selection::all(), from_dtype, to_dtype)
    }

    /// Casts the selected columns of one type to another; see [`ConvertDtype`].
    pub fn convert_dtype_of(self, select: impl Into<Selection>, from_dtype: Dtype, to_dtype: Dtype) -> Self {
        self.with(Transform::ConvertDtype(ConvertDtype { select: select.into(), from_dtype, to_dtype }))
    }

    /// Removes entries; see [`Drop`].
    pub fn drop(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::Drop(Drop { keys: keys.into() }))
    }

    /// Leaves out elements of a set of which a value is NaN; see [`DropMissing`].
    pub fn drop_missing(self, keys: impl Into<Keys>) -> Self {
        self.drop_missing_where(keys, How::Any)
    }

    /// Leaves out elements of a set of which a value, or every value, is NaN; see [`DropMissing`].
    pub fn drop_missing_where(self, keys: impl Into<Keys>, how: How) -> Self {
        self.with(Transform::DropMissing(DropMissing { keys: keys.into(), how, count: None }))
    }

    /// Leaves out elements of a set of which a value, or every value, is NaN, and counts those that remain; see [`DropMissing`].
    pub fn drop_missing_and_count(self, keys: impl Into<Keys>, how: How, count: impl Into<String>) -> Self {
        self.with(Transform::DropMissing(DropMissing { keys: keys.into(), how, count: Some(count.into()) }))
    }

    /// Inserts axes of size one; see [`ExpandDims`].
    pub fn expand_dims(self, keys: impl Into<Keys>, axis: impl Into<Axes>) -> Self {
        self.with(Transform::ExpandDims(ExpandDims {
            keys: keys.into(),
            axis: axis.into(),
            learned: Default::default(),
        }))
    }

    /// Moves entries into a group; see [`Group`].
    pub fn group(self, keys: impl Into<Keys>, into: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.with(Transform::Group(Group { keys: keys.into(), into: into.into(), prefix: prefix.into() }))
    }

    /// Removes all entries but those named; see [`Keep`].
    pub fn keep(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::Keep(Keep { keys: keys.into() }))
    }

    /// `ln x`; see [`Log`].
    pub fn log(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::Log(Log { keys: keys.into(), p1: false }))
    }

    /// `ln(1 + x)`; see [`Log`].
    pub fn log1p(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::Log(Log { keys: keys.into(), p1: true }))
    }

    /// Casts columns whatever their type; see [`MapDtype`].
    pub fn map_dtype(self, keys: impl Into<Keys>, to_dtype: Dtype) -> Self {
        self.with(Transform::MapDtype(MapDtype { keys: keys.into(), to_dtype, learned: Default::default() }))
    }

    /// Replaces NaN by a number; see [`NanToNum`].
    pub fn nan_to_num(self, keys: impl Into<Keys>, default_value: f64) -> Self {
        let keys = keys.into();
        self.with(Transform::NanToNum(NanToNum { keys, default_value, return_mask: false, mask_prefix: mask() }))
    }

    /// Replaces NaN by a number and adds a mask; see [`NanToNum`].
    pub fn nan_to_num_with_mask(self, keys: impl Into<Keys>, default_value: f64) -> Self {
        let keys = keys.into();
        self.with(Transform::NanToNum(NanToNum { keys, default_value, return_mask: true, mask_prefix: mask() }))
    }

    /// Turns labels into indicator vectors; see [`OneHot`].
    pub fn one_hot(self, keys: impl Into<Keys>, num_classes: usize) -> Self {
        self.with(Transform::OneHot(OneHot { keys: keys.into(), num_classes, squeezed: Vec::new() }))
    }

    /// Takes a random subset along an axis, so many or such a fraction; see [`RandomSubsample`].
    pub fn random_subsample(self, key: impl Into<String>, sample_size: impl Into<SampleSize>, axis: isize) -> Self {
        let (key, sample_size) = (key.into(), sample_size.into());
        self.with(Transform::RandomSubsample(RandomSubsample { key, sample_size, axis }))
    }

    /// Gives an entry another name; see [`Rename`].
    pub fn rename(self, from_key: impl Into<String>, to_key: impl Into<String>) -> Self {
        self.with(Transform::Rename(Rename { from_key: from_key.into(), to_key: to_key.into() }))
    }

    /// Multiplies by constants; see [`Scale`].
    pub fn scale(self, keys: impl Into<Keys>, by: impl Into<Constant>) -> Self {
        self.with(Transform::Scale(Scale { keys: keys.into(), by: by.into() }))
    }

    /// Adds constants; see [`Shift`].
    pub fn shift(self, keys: impl Into<Keys>, by: impl Into<Constant>) -> Self {
        self.with(Transform::Shift(Shift { keys: keys.into(), by: by.into() }))
    }

    /// Cuts a column into equal parts along the last axis; with one part, renames it. See [`Split`].
    pub fn split(self, key: impl Into<String>, into: impl Into<Keys>) -> Self {
        self.split_along(key, into, None, -1)
    }

    /// Cuts a column along an axis, where `sections` says or into equal parts; with one part, renames it. See [`Split`].
    pub fn split_along(
        self,
        key: impl Into<String>,
        into: impl Into<Keys>,
        sections: Option<Sections>,
        axis: isize,
    ) -> Self {
        let (key, into) = (key.into(), into.into());
        match into.0.as_slice() {
            [part] => self.rename(key, part.clone()),
            _ => self.with(Transform::Split(Split { key, into, indices_or_sections: sections, axis, learned: None })),
        }
    }

    /// `√x`; see [`Sqrt`].
    pub fn sqrt(self, keys: impl Into<Keys>) -> Self {
        self.with(Transform::Sqrt(Sqrt { keys: keys.into() }))
    }

    /// Removes axes of size one; see [`Squeeze`].
    pub fn squeeze(self, keys: impl Into<Keys>, axis: impl Into<Axes>) -> Self {
        self.with(Transform::Squeeze(Squeeze { keys: keys.into(), axis: axis.into(), learned: Default::default() }))
    }

    /// Standardises by moments learned from the training data; see [`Standardize`].
    pub fn standardize(self, select: impl Into<Selection>) -> Self {
        let select = select.into();
        self.with(Transform::Standardize(Standardize {
            select,
            mean: None,
            std: None,
            frozen: false,
            learned: Default::default(),
        }))
    }

    /// Standardises by given moments; see [`Standardize`].
    pub fn standardize_with(
        self,
        select: impl Into<Selection>,
        mean: impl Into<Constant>,
        std: impl Into<Constant>,
    ) -> Self {
        self.with(Transform::Standardize(Standardize {
            select: select.into(),
            mean: Some(mean.into()),
            std: Some(std.into()),
            frozen: false,
            learned: Default::default(),
        }))
    }

    /// Takes positions of an axis; see [`Take`].
    pub fn take(self, select: impl Into<Selection>, indices: impl Into<Positions>, axis: isize) -> Self {
        self.with(Transform::Take(Take { select: select.into(), indices: indices.into(), axis }))
    }

    /// Makes arrays of scalars; see [`ToArray`].
    pub fn to_array(self) -> Self {
        self.with(Transform::ToArray(ToArray::default()))
    }

    /// Makes a map of a table; see [`ToDict`].
    pub fn to_dict(self) -> Self {
        self.with(Transform::ToDict(ToDict {}))
    }

    /// Moves the entries of a group out of it; see [`Ungroup`].
    pub fn ungroup(self, key: impl Into<String>, prefix: impl Into<String>) -> Self {
        self.with(Transform::Ungroup(Ungroup { key: key.into(), prefix: prefix.into(), learned: Vec::new() }))
    }
}
