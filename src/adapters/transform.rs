//! The closed list of transforms.

use serde::{Deserialize, Serialize};

use crate::data::Record;
use crate::error::Result;

use super::broadcast::Broadcast;
use super::columns::reshaped;
use super::concatenate::Concatenate;
use super::constrain::Constrain;
use super::custom::Custom;
use super::drop_missing::DropMissing;
use super::dtype::{ConvertDtype, MapDtype, ToArray};
use super::elementwise::Elementwise;
use super::keys::{Keys, find, replace};
use super::missing::NanToNum;
use super::names::{Drop, Group, Keep, Rename, Ungroup};
use super::one_hot::OneHot;
use super::pass::{Context, LogDeterminants};
use super::scaling::{Apply, Log, Scale, Shift, Sqrt};
use super::select::{RandomSubsample, Take};
use super::shape::{AsSet, ExpandDims, Squeeze};
use super::split::Split;
use super::standardize::Standardize;
use super::table::Origins;

/// One step of an [`Adapter`](super::Adapter). In files it is a table whose entry `transform` holds the name in snake case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "transform", rename_all = "snake_case")]
pub enum Transform {
    /// See [`Apply`].
    Apply(Apply),
    /// See [`AsSet`].
    AsSet(AsSet),
    /// The same as [`Transform::AsSet`], for series.
    AsTimeSeries(AsSet),
    /// See [`Broadcast`].
    Broadcast(Broadcast),
    /// See [`Concatenate`].
    Concatenate(Concatenate),
    /// See [`Constrain`].
    Constrain(Constrain),
    /// See [`ConvertDtype`].
    ConvertDtype(ConvertDtype),
    /// See [`Custom`].
    Custom(Custom),
    /// See [`Drop`].
    Drop(Drop),
    /// See [`DropMissing`].
    DropMissing(DropMissing),
    /// See [`ExpandDims`].
    ExpandDims(ExpandDims),
    /// See [`Group`].
    Group(Group),
    /// See [`Keep`].
    Keep(Keep),
    /// See [`Log`].
    Log(Log),
    /// See [`MapDtype`].
    MapDtype(MapDtype),
    /// See [`NanToNum`].
    NanToNum(NanToNum),
    /// See [`OneHot`].
    OneHot(OneHot),
    /// See [`RandomSubsample`].
    RandomSubsample(RandomSubsample),
    /// See [`Rename`].
    Rename(Rename),
    /// See [`Scale`].
    Scale(Scale),
    /// See [`Shift`].
    Shift(Shift),
    /// See [`Split`].
    Split(Split),
    /// See [`Sqrt`].
    Sqrt(Sqrt),
    /// See [`Squeeze`].
    Squeeze(Squeeze),
    /// See [`Standardize`].
    Standardize(Standardize),
    /// See [`Take`].
    Take(Take),
    /// See [`ToArray`].
    ToArray(ToArray),
    /// See [`ToDict`].
    ToDict(ToDict),
    /// See [`Ungroup`].
    Ungroup(Ungroup),
}

/// Turns tables into maps of arrays; a record is one already, so that nothing changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToDict {}

type LogDet<'a> = Option<&'a mut LogDeterminants>;

impl Transform {
    /// The elementwise transforms share one driver.
    fn elementwise(&self) -> Option<&dyn Elementwise> {
        match self {
            Transform::Apply(t) => Some(t),
            Transform::Constrain(t) => Some(t),
            Transform::Log(t) => Some(t),
            Transform::Scale(t) => Some(t),
            Transform::Shift(t) => Some(t),
            Transform::Sqrt(t) => Some(t),
            Transform::Standardize(t) => Some(t),
            _ => None,
        }
    }

    /// What is wrong with the arguments, whatever the data.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Transform::Concatenate(t) => t.check(),
            Transform::Constrain(t) => t.check(),
            Transform::Group(t) => t.check(),
            Transform::NanToNum(t) => t.check(),
            Transform::OneHot(t) => t.check(),
            Transform::RandomSubsample(t) => t.check(),
            Transform::Scale(t) => t.check(),
            Transform::Standardize(t) => t.check(),
            _ => Ok(()),
        }
    }

    /// Learns from the record that comes before it.
    pub(super) fn learn(&mut self, record: &Record, context: &Context) -> Result<()> {
        match self {
            Transform::AsSet(t) | Transform::AsTimeSeries(t) => t.learn(record, context),
            Transform::Concatenate(t) => t.learn(record, context),
            Transform::ExpandDims(t) => t.learn(record, context),
            Transform::MapDtype(t) => t.learn(record, context),
            Transform::OneHot(t) => t.learn(record, context),
            Transform::Split(t) => t.learn(record, context),
            Transform::Squeeze(t) => t.learn(record, context),
            Transform::Standardize(t) => t.learn(record, context),
            Transform::ToArray(t) => t.learn(record, context),
            Transform::Ungroup(t) => t.learn(record, context),
            _ => Ok(()),
        }
    }

    pub(super) fn forward(&self, record: &mut Record, log_det: LogDet<'_>, context: &Context) -> Result<()> {
        if let Some(transform) = self.elementwise() {
            return transform.run_forward(record, log_det, context);
        }
        match self {
            Transform::AsSet(t) | Transform::AsTimeSeries(t) => t.forward(record, context),
            Transform::Broadcast(t) => t.forward(record, context),
            Transform::Concatenate(t) => t.forward(record, log_det, context),
            Transform::ConvertDtype(t) => t.forward(record, context),
            Transform::Custom(t) => t.forward(record, log_det, context),
            Transform::Drop(t) => {
                t.forward(record, log_det);
                Ok(())
            }
            Transform::DropMissing(t) => t.forward(record, log_det, context),
            Transform::ExpandDims(t) => t.forward(record, context),
            Transform::Group(t) => t.forward(record, log_det, context),
            Transform::Keep(t) => {
                t.forward(record, log_det);
                Ok(())
            }
            Transform::MapDtype(t) => t.forward(record, context),
            Transform::NanToNum(t) => t.forward(record, context),
            Transform::OneHot(t) => t.forward(record, context),
            Transform::RandomSubsample(t) => t.forward(record, log_det, context),
            Transform::Rename(t) => t.forward(record, log_det, context),
            Transform::Split(t) => t.forward(record, log_det, context),
            Transform::Squeeze(t) => t.forward(record, context),
            Transform::Take(t) => t.forward(record, log_det, context),
            Transform::ToArray(t) => t.forward(record, context),
            Transform::Ungroup(t) => t.forward(record, log_det, context),
            // The others are elementwise and were run above.
            _ => Ok(()),
        }
    }

    pub(super) fn inverse(&self, record: &mut Record, log_det: LogDet<'_>, context: &Context) -> Result<()> {
        if let Some(transform) = self.elementwise() {
            return transform.run_inverse(record, log_det, context);
        }
        match self {
            Transform::AsSet(t) | Transform::AsTimeSeries(t) => t.inverse(record, context),
            Transform::Concatenate(t) => t.inverse(record, log_det, context),
            Transform::ConvertDtype(t) => t.inverse(record, context),
            Transform::Custom(t) => t.inverse(record, log_det, context),
            Transform::ExpandDims(t) => t.inverse(record, context),
            Transform::Group(t) => t.inverse(record, log_det, context),
            Transform::MapDtype(t) => t.inverse(record, context),
            Transform::NanToNum(t) => t.inverse(record, context),
            Transform::OneHot(t) => t.inverse(record, context),
            Transform::Rename(t) => t.inverse(record, log_det, context),
            Transform::Split(t) => t.inverse(record, context),
            Transform::Squeeze(t) => t.inverse(record, context),
            Transform::ToArray(t) => t.inverse(record, context),
            Transform::Ungroup(t) => t.inverse(record, log_det, context),
            // What was thrown away or repeated is not restored.
            _ => Ok(()),
        }
    }

    /// Turns the gradient with respect to what comes after into that with respect to what comes before; with `density`
    /// also adds the gradient of the log-determinant.
    pub(super) fn pullback(
        &self,
        before: &Record,
        gradient: &mut Record,
        density: bool,
        context: &Context,
    ) -> Result<()> {
        if let Some(transform) = self.elementwise() {
            return transform.run_pullback(before, gradient, density, context);
        }
        let lenient = Context { strict: false, ..context.clone() };
        match self {
            Transform::AsSet(t) | Transform::AsTimeSeries(t) => reshape_like(before, gradient, &t.keys),
            Transform::Broadcast(t) => t.pullback(before, gradient, context),
            Transform::Concatenate(t) => t.pullback(before, gradient),
            Transform::Custom(t) => t.pullback(before, gradient, density),
            Transform::DropMissing(t) => t.pullback(before, gradient),
            Transform::ExpandDims(t) => reshape_like(before, gradient, &t.keys),
            Transform::Group(t) => t.inverse(gradient, None, &lenient),
            Transform::NanToNum(t) => t.pullback(before, gradient),
            Transform::OneHot(t) => {
                // Labels have no gradient.
                t.keys.iter().for_each(|key| drop(gradient.remove(key)));
                Ok(())
            }
            Transform::RandomSubsample(t) => t.pullback(before, gradient, context),
            Transform::Rename(t) => t.inverse(gradient, None, &lenient),
            Transform::Split(t) => t.pullback(before, gradient),
            Transform::Squeeze(t) => reshape_like(before, gradient, &t.keys),
            Transform::Take(t) => t.pullback(before, gradient),
            Transform::Ungroup(t) => t.pullback(before, gradient),
            // Types do not matter to gradients, which are f64, and what was dropped has none.
            _ => Ok(()),
        }
    }

    /// Keeps account of which variables of the data each entry is made of.
    pub(super) fn trace(&self, origins: &mut Origins) {
        match self {
            Transform::Concatenate(t) => origins.merge(&t.keys, &t.into),
            Transform::Drop(t) => origins.retain(|key| !t.keys.iter().any(|k| k == key)),
            Transform::DropMissing(t) => {
                if let (Some(key), Some(count)) = (t.keys.first(), &t.count) {
                    origins.copy(key, std::slice::from_ref(count));
                }
            }
            Transform::Group(t) => origins.merge(&t.keys, &t.into),
            Transform::Keep(t) => origins.retain(|key| t.keys.iter().any(|k| k == key)),
            Transform::NanToNum(t) if t.return_mask => {
                t.keys.iter().for_each(|key| origins.copy(key, &[t.mask_key(key)]));
            }
            Transform::Rename(t) => origins.merge(&Keys::from(t.from_key.as_str()), &t.to_key),
            Transform::Split(t) => {
                origins.copy(&t.key, &t.into);
                origins.retain(|key| key != t.key || t.into.iter().any(|k| k == key));
            }
            Transform::Ungroup(t) => {
                let names: Vec<String> = t.learned.iter().map(|name| format!("{}{name}", t.prefix)).collect();
                origins.copy(&t.key, &names);
                origins.retain(|key| key != t.key);
            }
            _ => {}
        }
    }
}

/// Gives the gradients the shapes of the values before.
fn reshape_like(before: &Record, gradient: &mut Record, keys: &Keys) -> Result<()> {
    for key in keys.iter() {
        if let (Ok(column), Ok(outer)) = (find(before, key), find(gradient, key)) {
            let inner = reshaped(outer, column.array.shape().to_vec())?;
            replace(gradient, key, inner)?;
        }
    }
    Ok(())
}

impl std::fmt::Display for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Transform::Apply(t) => t.fmt(f),
            Transform::AsSet(t) => write!(f, "as_set {}", t.keys),
            Transform::AsTimeSeries(t) => write!(f, "as_time_series {}", t.keys),
            Transform::Broadcast(t) => t.fmt(f),
            Transform::Concatenate(t) => t.fmt(f),
            Transform::Constrain(t) => t.fmt(f),
            Transform::ConvertDtype(t) => t.fmt(f),
            Transform::Custom(t) => t.fmt(f),
            Transform::Drop(t) => t.fmt(f),
            Transform::DropMissing(t) => t.fmt(f),
            Transform::ExpandDims(t) => t.fmt(f),
            Transform::Group(t) => t.fmt(f),
            Transform::Keep(t) => t.fmt(f),
            Transform::Log(t) => t.fmt(f),
            Transform::MapDtype(t) => t.fmt(f),
            Transform::NanToNum(t) => t.fmt(f),
            Transform::OneHot(t) => t.fmt(f),
            Transform::RandomSubsample(t) => t.fmt(f),
            Transform::Rename(t) => t.fmt(f),
            Transform::Scale(t) => t.fmt(f),
            Transform::Shift(t) => t.fmt(f),
            Transform::Split(t) => t.fmt(f),
            Transform::Sqrt(t) => t.fmt(f),
            Transform::Squeeze(t) => t.fmt(f),
            Transform::Standardize(t) => t.fmt(f),
            Transform::Take(t) => t.fmt(f),
            Transform::ToArray(t) => t.fmt(f),
            Transform::ToDict(_) => f.write_str("to_dict"),
            Transform::Ungroup(t) => t.fmt(f),
        }
    }
}
