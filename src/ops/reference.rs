//! What the suites over the table need from each operation: arrays in f64 and cases to try.

use crate::ops::operation::Attributes;
use crate::tensor::Shape;

/// An array in f64 for the reference implementations.
#[derive(Debug, Clone, PartialEq)]
pub struct Array64 {
    /// The shape.
    pub shape: Shape,
    /// The values, row-major; indices are stored as they are.
    pub values: Vec<f64>,
}

impl Array64 {
    /// An array of a shape and as many values.
    pub fn new(shape: Shape, values: Vec<f64>) -> Self {
        debug_assert_eq!(shape.elements(), values.len());
        Array64 { shape, values }
    }

    /// The rows: slices along the last axis.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.shape.rows()).map(|row| self.row(row))
    }

    /// One row: a slice along the last axis.
    pub fn row(&self, row: usize) -> &[f64] {
        let last = self.shape.last();
        &self.values[row * last..(row + 1) * last]
    }

    /// The values as indices.
    pub fn indices(&self) -> Vec<usize> {
        self.values.iter().map(|&v| v as usize).collect()
    }
}

/// One input of a [`Case`].
#[derive(Debug, Clone)]
pub enum Input {
    /// Real numbers drawn uniformly from the open interval.
    Real {
        /// The shape.
        shape: Shape,
        /// Lower and upper end of the values to draw.
        range: (f64, f64),
        /// Whether the operation has a gradient with respect to this input.
        differentiable: bool,
    },
    /// Given indices.
    Indices {
        /// The shape.
        shape: Shape,
        /// The indices.
        values: Vec<u32>,
    },
}

impl Input {
    /// Real numbers between −2 and 2.
    pub fn real(shape: impl Into<Shape>) -> Self {
        Input::between(shape, -2.0, 2.0)
    }

    /// Real numbers of a range.
    pub fn between(shape: impl Into<Shape>, low: f64, high: f64) -> Self {
        Input::Real { shape: shape.into(), range: (low, high), differentiable: true }
    }

    /// Real numbers of a range, with respect to which there is no gradient.
    pub fn constant(shape: impl Into<Shape>, low: f64, high: f64) -> Self {
        Input::Real { shape: shape.into(), range: (low, high), differentiable: false }
    }

    /// Indices.
    pub fn indices(shape: impl Into<Shape>, values: impl Into<Vec<u32>>) -> Self {
        Input::Indices { shape: shape.into(), values: values.into() }
    }
}

/// A call of an operation that the suites try on every device.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is special about it, for messages.
    pub label: String,
    /// The inputs.
    pub inputs: Vec<Input>,
    /// The attributes.
    pub attributes: Attributes,
    /// Bound of the error of outputs and gradients, relative to the largest absolute value of the reference.
    pub bound: f64,
    /// Whether NaN and infinity in an input turn up in the outputs exactly where the reference has them.
    pub special_values: bool,
}

impl Case {
    /// A case with the usual bound of 2·10⁻⁵.
    pub fn new(label: impl Into<String>, inputs: Vec<Input>, attributes: Attributes) -> Self {
        Case { label: label.into(), inputs, attributes, bound: 2e-5, special_values: true }
    }

    /// With another bound.
    pub fn bound(mut self, bound: f64) -> Self {
        self.bound = bound;
        self
    }

    /// Excepts the case from the comparison with NaN and infinity in the inputs; the operation's documentation says why.
    pub fn without_special_values(mut self) -> Self {
        self.special_values = false;
        self
    }
}
