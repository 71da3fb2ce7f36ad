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

/// What is known of an array without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Type of the values.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: Vec<usize>,
}

impl Form {
    /// Bytes that the values take in memory.
    pub fn bytes(&self) -> usize {
        let each = match self.dtype {
            Dtype::F64 | Dtype::I64 => 8,
            Dtype::F32 => 4,
            Dtype::Bool => 1,
        };
        self.shape.iter().fold(each, |bytes, &axis| bytes.saturating_mul(axis))
    }
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

    /// An array of 32-bit floats.
    pub fn f32(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Result<Self> {
        Array::new(shape, Values::F32(values))
    }

    /// An array of 64-bit signed integers.
    pub fn i64(shape: impl Into<Vec<usize>>, values: Vec<i64>) -> Result<Self> {
        Array::new(shape, Values::I64(values))
    }

    /// An array of booleans.
    pub fn bool(shape: impl Into<Vec<usize>>, values: Vec<bool>) -> Result<Self> {
        Array::new(shape, Values::Bool(values))
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

    /// The same values in another shape of as many elements.
    pub fn reshape(self, shape: impl Into<Vec<usize>>) -> Result<Self> {
        Array::new(shape, self.values)
    }

    /// The rows `rows` of the first axis, as an array with as many axes.
    pub fn rows(&self, rows: std::ops::Range<usize>) -> Result<Self> {
        let Some((&count, rest)) = self.shape.split_first() else {
            return Err(Error::shape("rows", "a scalar has no rows; give it a first axis"));
        };
        if rows.start > rows.end || rows.end > count {
            return Err(Error::shape(
                "rows",
                format!(
                    "rows {rows:?} were asked of an array of shape {:?}; ask for rows within 0..{count}",
                    self.shape
                ),
            ));
        }
        let width = self.len().checked_div(count).unwrap_or(0);
        let range = rows.start * width..rows.end * width;
        let values = match &self.values {
            Values::F64(v) => Values::F64(v[range].to_vec()),
            Values::F32(v) => Values::F32(v[range].to_vec()),
            Values::I64(v) => Values::I64(v[range].to_vec()),
            Values::Bool(v) => Values::Bool(v[range].to_vec()),
        };
        let mut shape = vec![rows.len()];
        shape.extend(rest);
        Array::new(shape, values)
    }

    /// The values as 32-bit floats, rounded to nearest (booleans as 0 and 1).
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Values::F64(v) => v.iter().map(|&x| x as f32).collect(),
            Values::F32(v) => v.clone(),
            Values::I64(v) => v.iter().map(|&x| x as f32).collect(),
            Values::Bool(v) => v.iter().map(|&x| f32::from(u8::from(x))).collect(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_must_hold_the_values() {
        assert!(Array::f64([2, 2], vec![0.0; 3]).is_err());
        assert!(Array::f64([usize::MAX, 2], vec![]).is_err());
        let scalar = Array::f64([], vec![1.0]).unwrap();
        assert_eq!(scalar, Array::scalar(1.0));
        assert_eq!(scalar.reshape([1, 1]).unwrap().shape(), [1, 1]);
    }

    #[test]
    fn rows_of_the_first_axis() {
        let array = Array::i64([3, 2], (0..6).collect()).unwrap();
        assert_eq!(array.rows(1..3).unwrap(), Array::i64([2, 2], vec![2, 3, 4, 5]).unwrap());
        assert_eq!(array.rows(1..1).unwrap(), Array::i64([0, 2], vec![]).unwrap());
        assert!(array.rows(2..4).is_err());
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = array.rows(2..1);
        assert!(reversed.is_err());
        assert!(Array::scalar(1.0).rows(0..0).is_err());
        assert_eq!(Array::bool([0, 3], vec![]).unwrap().rows(0..0).unwrap().shape(), [0, 3]);
    }

    #[test]
    fn conversions_keep_values() {
        let array = Array::bool([2], vec![true, false]).unwrap();
        assert_eq!((array.to_f64(), array.to_f32()), (vec![1.0, 0.0], vec![1.0, 0.0]));
        assert_eq!(Array::vector(vec![0.1]).to_f32(), [0.1_f32]);
    }
}
