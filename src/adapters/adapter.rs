//! The adapter: a list of transforms.

use std::ops::{Bound, Index, RangeBounds};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::codecs::Values;
use crate::data::{Column, Entry, Record};
use crate::error::{Error, Result};

use super::columns::place;
use super::custom::CustomTransform;
use super::pass::{Context, LogDeterminants, Pass, Strictness};
use super::transform::Transform;

/// An ordered list of transforms between data space and network space.
///
/// Forward applies them in order, inverse their inverses in reverse order. Nothing but the record that is returned changes.
///
/// **Learning.** Some transforms learn: the widths of a concatenation, the moments of a standardisation, the types and
/// axes that the way back restores. [`Adapter::fit`] and [`Adapter::forward_learning`] take `&mut self` and learn from a
/// record (the first one fixes widths and types, each updates moments); [`Adapter::freeze`] ends it. Everything else
/// takes `&self` and uses what was learned.
///
/// ```
/// use ferroflow::adapters::{Adapter, Strictness, lower};
/// use ferroflow::codecs::{Array, Dtype};
/// use ferroflow::data::{Column, Record};
///
/// let mut adapter = Adapter::new()
///     .broadcast("N", "x")
///     .as_set(["x", "y"])
///     .constrain("sigma", lower(0.0))
///     .sqrt("N")
///     .convert_dtype(Dtype::F64, Dtype::F32)
///     .concatenate(["beta", "sigma"], "inference_variables")
///     .concatenate(["x", "y"], "summary_variables")
///     .rename("N", "inference_conditions");
/// let mut record = Record::new()
///     .with("beta", Array::f64([2, 2], vec![0.5, -1.0, 2.0, 0.0])?)
///     .with("sigma", Array::f64([2, 1], vec![1.5, 0.7])?)
///     .with("x", Array::f64([2, 3], vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.6])?)
///     .with("y", Array::f64([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?);
/// record.insert("N", Column::shared(Array::scalar(3.0)));
/// adapter.fit(&record)?;
/// let batch = adapter.forward(&record, Strictness::Strict)?;
/// assert_eq!(batch.column("inference_variables")?.array.shape(), [2, 3]);
/// assert_eq!(batch.column("summary_variables")?.array.shape(), [2, 3, 2]);
/// assert_eq!(batch.column("inference_conditions")?.array.shape(), [2, 1]);
/// println!("{}", adapter.describe(&record)?);
/// # Ok::<(), ferroflow::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adapter {
    /// True to do as the peer does also where that is a defect; each transform says where it matters.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    peer_compatible: bool,
    #[serde(default)]
    pub(super) transforms: Vec<Transform>,
}

impl Adapter {
    /// An adapter without transforms: records pass through as they are.
    pub fn new() -> Self {
        Adapter::default()
    }

    /// The adapter for variables that need no preparation: f64 becomes f32, and the given variables are joined to the
    /// `inference_variables`.
    pub fn create_default(inference_variables: impl Into<super::Keys>) -> Self {
        use crate::codecs::Dtype::{F32, F64};
        Adapter::new().to_array().convert_dtype(F64, F32).concatenate(inference_variables, "inference_variables")
    }

    /// Whether to do as the peer does also where that is a defect (false by default).
    pub fn peer_compatible(mut self, peer_compatible: bool) -> Self {
        self.peer_compatible = peer_compatible;
        self
    }

    fn context(&self, pass: impl Into<Pass>) -> Context {
        let Pass { strictness, randomness } = pass.into();
        Context { strict: strictness == Strictness::Strict, peer: self.peer_compatible, randomness }
    }

    /// An error if the arguments of a transform cannot be right, whatever the data.
    pub fn check(&self) -> Result<()> {
        self.transforms.iter().try_for_each(Transform::check)
    }

    /// Learns from a record of training data: widths and types from the first one, moments from every one.
    pub fn fit(&mut self, record: &Record) -> Result<()> {
        // A fit has no use for a random subset, but its shape matters.
        let key = crate::random::Key::new(0).fork("fit");
        self.forward_learning(record, Strictness::Strict.with_key(key)).map(drop)
    }

    /// Data space to network space, learning from the record before each transform. For the batches of a training.
    /// After an error nothing was learned.
    pub fn forward_learning(&mut self, record: &Record, pass: impl Into<Pass>) -> Result<Record> {
        let context = self.context(pass);
        let mut learned = self.transforms.clone();
        let mut record = record.clone();
        for transform in &mut learned {
            transform.check()?;
            transform.learn(&record, &context)?;
            transform.forward(&mut record, None, &context)?;
        }
        self.transforms = learned;
        Ok(record)
    }

    /// Ends the learning: moments no longer change.
    pub fn freeze(&mut self) {
        for transform in &mut self.transforms {
            if let Transform::Standardize(standardize) = transform {
                standardize.frozen = true;
            }
        }
    }

    /// Data space to network space.
    pub fn forward(&self, record: &Record, pass: impl Into<Pass>) -> Result<Record> {
        self.run_forward(record, None, &self.context(pass))
    }

    /// Data space to network space, with `ln |∂out/∂in|` per key and data set.
    pub fn forward_with_log_det(&self, record: &Record, pass: impl Into<Pass>) -> Result<(Record, LogDeterminants)> {
        let mut log_det = LogDeterminants::default();
        let record = self.run_forward(record, Some(&mut log_det), &self.context(pass))?;
        Ok((record, log_det))
    }

    fn run_forward(
        &self,
        record: &Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<Record> {
        let mut record = record.clone();
        for transform in &self.transforms {
            transform.check()?;
            transform.forward(&mut record, log_det.as_deref_mut(), context)?;
        }
        Ok(record)
    }

    /// Network space to data space. Draws may have further axes behind the data sets, `[datasets, draws, …]`.
    pub fn inverse(&self, record: &Record, pass: impl Into<Pass>) -> Result<Record> {
        self.run_inverse(record, None, &self.context(pass))
    }

    /// Network space to data space, with `ln |∂in/∂out|` of the inverse per key and data set: minus the
    /// log-determinant of the forward pass at the same point.
    pub fn inverse_with_log_det(&self, record: &Record, pass: impl Into<Pass>) -> Result<(Record, LogDeterminants)> {
        let mut log_det = LogDeterminants::default();
        let record = self.run_inverse(record, Some(&mut log_det), &self.context(pass))?;
        Ok((record, log_det))
    }

    fn run_inverse(
        &self,
        record: &Record,
        mut log_det: Option<&mut LogDeterminants>,
        context: &Context,
    ) -> Result<Record> {
        let mut record = record.clone();
        for transform in self.transforms.iter().rev() {
            transform.check()?;
            transform.inverse(&mut record, log_det.as_deref_mut(), context)?;
        }
        Ok(record)
    }

    /// The gradient with respect to the data-space values of `data`, from the gradient with respect to network-space
    /// values: for `z = f(x)`, `g ↦ (∂z/∂x)ᵀ g`.
    ///
    /// `gradient` holds f64 columns under network-space keys, such as `inference_variables`, with the shapes of the forward
    /// pass. Entries without a gradient are left out, and so are those of the result.
    pub fn pullback(&self, data: &Record, gradient: &Record, pass: impl Into<Pass>) -> Result<Record> {
        self.run_pullback(data, gradient, false, &self.context(pass))
    }

    /// The gradient of a log density on the original scale: for `ln p(x) = ln q(f(x)) + ln |∂f/∂x|` and
    /// `gradient = ∂ ln q/∂z`, the result is `(∂z/∂x)ᵀ gradient + ∂/∂x ln |∂f/∂x|`, with the log-determinants of the
    /// entries that have a gradient.
    pub fn pullback_log_density(&self, data: &Record, gradient: &Record, pass: impl Into<Pass>) -> Result<Record> {
        self.run_pullback(data, gradient, true, &self.context(pass))
    }

    fn run_pullback(&self, data: &Record, gradient: &Record, density: bool, context: &Context) -> Result<Record> {
        let mut befores = Vec::with_capacity(self.transforms.len());
        let mut record = data.clone();
        for transform in &self.transforms {
            transform.check()?;
            befores.push(record.clone());
            transform.forward(&mut record, None, context)?;
        }
        for (key, column) in gradient.columns() {
            let values = record.column(key)?;
            super::elementwise::check_shapes(key, values, column)?;
        }
        let mut gradient = gradient.clone();
        for (transform, before) in self.transforms.iter().zip(&befores).rev() {
            transform.pullback(before, &mut gradient, density, context)?;
        }
        Ok(gradient)
    }

    /// Hands over the code of a custom transform after loading; an error if no transform has its name.
    pub fn register(&mut self, code: Arc<dyn CustomTransform>) -> Result<()> {
        let mut found = false;
        for transform in &mut self.transforms {
            if let Transform::Custom(custom) = transform
                && custom.name == code.name()
            {
                custom.code = Some(code.clone());
                found = true;
            }
        }
        match found {
            true => Ok(()),
            false => Err(Error::argument(
                "register",
                format!("the adapter has no custom transform named '{}'; check the name", code.name()),
            )),
        }
    }

    /// Number of transforms.
    pub fn len(&self) -> usize {
        self.transforms.len()
    }

    /// True when there is no transform.
    pub fn is_empty(&self) -> bool {
        self.transforms.is_empty()
    }

    /// The transforms in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Transform> {
        self.transforms.iter()
    }

    /// The transform at a place.
    pub fn get(&self, index: usize) -> Option<&Transform> {
        self.transforms.get(index)
    }

    /// Removes all transforms.
    pub fn clear(&mut self) -> &mut Self {
        self.transforms.clear();
        self
    }

    /// Adds a transform at the end.
    pub fn append(&mut self, transform: Transform) -> &mut Self {
        self.transforms.push(transform);
        self
    }

    /// Adds transforms, for example those of another adapter, at the end.
    pub fn extend(&mut self, transforms: impl IntoIterator<Item = Transform>) -> &mut Self {
        self.transforms.extend(transforms);
        self
    }

    /// Inserts transforms before a place, which may be the end.
    pub fn insert(&mut self, index: usize, transforms: impl IntoIterator<Item = Transform>) -> Result<&mut Self> {
        if index > self.len() {
            return Err(self.no_place(index));
        }
        self.transforms.splice(index..index, transforms);
        Ok(self)
    }

    /// Replaces the transforms in a range by others.
    pub fn set(
        &mut self,
        range: impl RangeBounds<usize>,
        transforms: impl IntoIterator<Item = Transform>,
    ) -> Result<&mut Self> {
        let range = self.range(range)?;
        self.transforms.splice(range, transforms);
        Ok(self)
    }

    /// Removes the transforms in a range.
    pub fn remove(&mut self, range: impl RangeBounds<usize>) -> Result<&mut Self> {
        self.set(range, [])
    }

    /// A new adapter of the transforms in a range.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Result<Adapter> {
        let range = self.range(range)?;
        Ok(Adapter { peer_compatible: self.peer_compatible, transforms: self.transforms[range].to_vec() })
    }

    fn range(&self, range: impl RangeBounds<usize>) -> Result<std::ops::Range<usize>> {
        let start = match range.start_bound() {
            Bound::Included(&i) => i,
            Bound::Excluded(&i) => i.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&i) => i.saturating_add(1),
            Bound::Excluded(&i) => i,
            Bound::Unbounded => self.len(),
        };
        match start <= end && end <= self.len() {
            true => Ok(start..end),
            false => Err(self.no_place(start.max(end))),
        }
    }

    fn no_place(&self, index: usize) -> Error {
        Error::argument("adapter", format!("there is no place {index} in a list of {} transforms", self.len()))
    }
}

/// An error that names key, data set and value of the first number in the given columns that is NaN or infinite. Missing
/// keys and groups are skipped.
pub fn check_finite(record: &Record, keys: &[&str]) -> Result<()> {
    fn check(name: &str, column: &Column) -> Result<()> {
        let bad = match column.array.values() {
            Values::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
            Values::F32(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, f64::from(v[i]))),
            Values::I64(_) | Values::Bool(_) => None,
        };
        match bad {
            None => Ok(()),
            Some((i, x)) => Err(Error::value(
                name,
                format!(
                    "the value {x}{} is not finite; networks take finite numbers only: check the simulator or the observed \
                     data, or treat missing values with nan_to_num",
                    place(column, i)
                ),
            )),
        }
    }
    for (key, entry) in record.iter().filter(|(key, _)| keys.contains(key)) {
        match entry {
            Entry::Column(column) => check(key, column)?,
            Entry::Group(group) => {
                group.columns().try_for_each(|(name, column)| check(&format!("{key}/{name}"), column))?;
            }
        }
    }
    Ok(())
}

impl Index<usize> for Adapter {
    type Output = Transform;

    fn index(&self, index: usize) -> &Transform {
        &self.transforms[index]
    }
}

impl IntoIterator for Adapter {
    type Item = Transform;
    type IntoIter = std::vec::IntoIter<Transform>;

    fn into_iter(self) -> Self::IntoIter {
        self.transforms.into_iter()
    }
}

impl<'a> IntoIterator for &'a Adapter {
    type Item = &'a Transform;
    type IntoIter = std::slice::Iter<'a, Transform>;

    fn into_iter(self) -> Self::IntoIter {
        self.transforms.iter()
    }
}

impl FromIterator<Transform> for Adapter {
    fn from_iter<I: IntoIterator<Item = Transform>>(transforms: I) -> Self {
        Adapter { peer_compatible: false, transforms: transforms.into_iter().collect() }
    }
}

impl std::fmt::Display for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "adapter of {} transforms", self.len())?;
        if self.peer_compatible {
            f.write_str(", as the peer does")?;
        }
        self.transforms.iter().enumerate().try_for_each(|(i, transform)| write!(f, "\n{i:>3}  {transform}"))
    }
}
