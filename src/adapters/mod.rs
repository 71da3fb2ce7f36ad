//! Floor 7: transforms between data and network space.
//!
//! An [`Adapter`] is a list of [`Transform`]s over records. Forward it turns what a simulator gives, or what was observed, into
//! the entries that networks take (`inference_variables`, `inference_conditions`, `summary_variables`, …); inverse it turns
//! draws of the networks into variables of the model. It computes on the host in f64, knows the log-determinant of
//! each step and its derivative, and is plain data: it is stored with the model.
//!
//! Axes are counted with the data sets as axis 0 and, in ragged columns, the set as axis 1.

mod adapter;
mod broadcast;
mod builder;
mod columns;
mod concatenate;
mod constant;
mod constrain;
mod custom;
mod drop_missing;
mod dtype;
mod elementwise;
mod function;
mod joining;
mod keys;
mod missing;
mod names;
mod one_hot;
mod pass;
mod scalar_map;
mod scaling;
mod select;
mod shape;
mod split;
mod standardize;
mod table;
mod transform;

pub use adapter::{Adapter, check_finite};
pub use broadcast::{Broadcast, Expand};
pub use concatenate::{Concatenate, Widths};
pub use constant::Constant;
pub use constrain::{Bounds, Constrain, DEFAULT_EPSILON, Inclusive, Method, between, lower, upper};
pub use custom::{Custom, CustomTransform};
pub use drop_missing::{DropMissing, How};
pub use dtype::{ConvertDtype, MapDtype, ToArray};
pub use function::NamedFunction;
pub use keys::{Keys, Predicate, Selection};
pub use missing::NanToNum;
pub use names::{Drop, Group, Keep, Rename, Ungroup};
pub use one_hot::OneHot;
pub use pass::{LogDeterminants, Pass, Strictness};
pub use scaling::{Apply, Log, Scale, Shift, Sqrt};
pub use select::{Positions, RandomSubsample, SampleSize, Take};
pub use shape::{AsSet, Axes, ExpandDims, Squeeze};
pub use split::{Sections, Split};
pub use standardize::{Moments, Standardize};
pub use table::{Role, Row, Table};
pub use transform::{ToDict, Transform};
