//! Plain arrays: a shape and values of one type, row-major. What files hold and what records are made of.

use crate::error::{Error, Result};

/// The element type of an [`Array`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 64-bit floating point.
    F64,
    /// 32-bit floating point.
    F32,
    /// 64-bit signed integer.
    I64,
    /// Boolean.
    Bool,
}

/// The values of an [`Array`], row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 64-bit floating point values.
    F64(Vec<f64>),
    /// 32-bit floating point values.
    F32(Vec<f32>),
    /// 64-bit signed integers.
    I64(Vec<i64>),
    /// Booleans.
    Bool(Vec<bool>),
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Values::F64(v) => v.len(),
            Values::F32(v) => v.len(),
            Values::I64(v) => v.len(),
            Values::Bool(v) => v.len(),
        }
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Values::F64(_) => Dtype::F64,
            Values::F32(_) => Dtype::F32,
            Values::I64(_) => Dtype::I64,
            Values::Bool(_) => Dtype::Bool,
        }
    }
}

/// A dense, row-major array of any number of axes. A scalar has the empty shape and one value.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    values: Values,
}

impl Array {
    /// An array of a shape; the number of values must equal the product of the axes.
    pub fn new(shape: impl Into<Vec<usize>>, values: Values) -> Result<Self> {
        let shape = shape.into();
        let expected = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        if expected != Some(values.len()) {
            return Err(Error::shape(
                "array",
                format!(
                    "{} values were given for the shape {shape:?}; give as many as the product of the axes",
                    values.len()
                ),
            ));
        }
        Ok(Array { shape, values })
    }

    /// An array of 64-bit floats. Panics never: a wrong number of values is an error of [`Array::new`].
    pub fn f64(shape: impl Into<Vec<usize>>, values: Vec<f64>) -> Result<Self> {
        Array::new(shape, Values::F64(values))
    }

    /// A scalar.
    pub fn scalar(value: f64) -> Self {
        Array { shape: Vec::new(), values: Values::F64(vec![value]) }
    }

    /// A vector: one axis.
    pub fn vector(values: Vec<f64>) -> Self {
        Array { shape: vec![values.len()], values: Values::F64(values) }
    }

    /// The axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The parts: shape and values.
    pub fn into_parts(self) -> (Vec<usize>, Values) {
        (self.shape, self.values)
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.values.dtype()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The values as 64-bit floats (booleans as 0 and 1); integers beyond 2^53 are rounded.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.values {
            Values::F64(v) => v.clone(),
            Values::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Values::I64(v) => v.iter().map(|&x| x as f64).collect(),
            Values::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        }
    }
}
