//! What a closure of the user returns for one data set: named values.

use std::borrow::Cow;

use crate::codecs::{Array, Dtype, Values};

/// Name of a variable; a literal costs no allocation.
pub type Name = Cow<'static, str>;

/// One value of one data set. Integers stay integers and booleans stay booleans in the record.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A real number; becomes a column `[datasets, 1]`, from a meta function `[datasets]`.
    Float(f64),
    /// An integer; shaped as a real number is.
    Integer(i64),
    /// A truth value; shaped as a real number is.
    Boolean(bool),
    /// An array of any shape; becomes `[datasets, …]`, or ragged when the first axis differs between data sets.
    Array(Array),
    /// A set or series whose first axis counts the elements; always becomes a ragged column `[elements, …]`.
    Set(Array),
}

/// Marks an array as a set or series: its column is ragged even where the sizes of all data sets happen to agree.
pub fn set(value: impl Into<Value>) -> Value {
    match value.into() {
        Value::Array(array) | Value::Set(array) if !array.shape().is_empty() => Value::Set(array),
        Value::Array(array) | Value::Set(array) => Value::Set(vector(array.into_parts().1)),
        Value::Float(x) => Value::Set(vector(Values::F64(vec![x]))),
        Value::Integer(x) => Value::Set(vector(Values::I64(vec![x]))),
        Value::Boolean(x) => Value::Set(vector(Values::Bool(vec![x]))),
    }
}

impl Value {
    /// The axes; empty for a single number.
    pub fn shape(&self) -> &[usize] {
        match self {
            Value::Array(array) | Value::Set(array) => array.shape(),
            _ => &[],
        }
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        match self {
            Value::Float(_) => Dtype::F64,
            Value::Integer(_) => Dtype::I64,
            Value::Boolean(_) => Dtype::Bool,
            Value::Array(array) | Value::Set(array) => array.dtype(),
        }
    }

    /// The same value as an array; a single number has the empty shape.
    pub fn into_array(self) -> Array {
        let single = |values| Array::new([], values).expect("the empty shape holds one value");
        match self {
            Value::Float(x) => single(Values::F64(vec![x])),
            Value::Integer(x) => single(Values::I64(vec![x])),
            Value::Boolean(x) => single(Values::Bool(vec![x])),
            Value::Array(array) | Value::Set(array) => array,
        }
    }
}

fn vector(values: Values) -> Array {
    Array::new([values.len()], values).expect("the axis is the number of values")
}

impl From<Array> for Value {
    fn from(array: Array) -> Self {
        Value::Array(array)
    }
}

macro_rules! values_from {
    ($($scalar:ty => $variant:ident, $values:ident, $wide:ty);+ $(;)?) => {$(
        impl From<$scalar> for Value {
            fn from(x: $scalar) -> Self {
                Value::$variant(x.into())
            }
        }
        impl From<Vec<$scalar>> for Value {
            fn from(values: Vec<$scalar>) -> Self {
                Value::Array(vector(Values::$values(values.into_iter().map(<$wide>::from).collect())))
            }
        }
        impl From<&[$scalar]> for Value {
            fn from(values: &[$scalar]) -> Self {
                values.to_vec().into()
            }
        }
        impl<const D: usize> From<[$scalar; D]> for Value {
            fn from(values: [$scalar; D]) -> Self {
                values.to_vec().into()
            }
        }
        /// Rows of equal width: shape `[rows, D]`.
        impl<const D: usize> From<Vec<[$scalar; D]>> for Value {
            fn from(rows: Vec<[$scalar; D]>) -> Self {
                let shape = [rows.len(), D];
                let values = rows.into_iter().flatten().map(<$wide>::from).collect();
                Value::Array(Array::new(shape, Values::$values(values)).expect("each of the rows holds D values"))
            }
        }
    )+};
}

values_from! {
    f64 => Float, F64, f64;
    i64 => Integer, I64, i64;
    i32 => Integer, I64, i64;
    u32 => Integer, I64, i64;
    bool => Boolean, Bool, bool;
}

/// Named values of one data set, in the order in which they were drawn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draw {
    pub(super) values: Vec<(Name, Value)>,
}

impl Draw {
    /// No values yet.
    pub fn new() -> Self {
        Draw::default()
    }

    /// Adds a value. A name that is given twice is reported by the simulator.
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.values.push((name.into(), value.into()));
        self
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.values.iter().map(|(n, v)| (n.as_ref(), v))
    }

    /// Adds a value, or replaces the one of the same name in its place.
    pub(super) fn replace(&mut self, name: Name, value: Value) {
        match self.values.iter_mut().find(|(n, _)| *n == name) {
            Some((_, slot)) => *slot = value,
            None => self.values.push((name, value)),
        }
    }
}

/// What a closure may return: a [`Draw`], or an array or vector of `(name, value)` pairs.
pub trait IntoDraw {
    /// The named values.
    fn into_draw(self) -> Draw;
}

impl IntoDraw for Draw {
    fn into_draw(self) -> Draw {
        self
    }
}

impl<const N: usize> IntoDraw for [(&'static str, Value); N] {
    fn into_draw(self) -> Draw {
        Draw { values: self.into_iter().map(|(n, v)| (Name::Borrowed(n), v)).collect() }
    }
}

impl<N: Into<Name>> IntoDraw for Vec<(N, Value)> {
    fn into_draw(self) -> Draw {
        Draw { values: self.into_iter().map(|(n, v)| (n.into(), v)).collect() }
    }
}
