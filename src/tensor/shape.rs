//! The axes of a tensor.

use std::fmt;

/// Most axes a tensor can have.
pub const MOST_AXES: usize = 6;

/// Up to [`MOST_AXES`] axes; the scalar has none. Small and copied freely, so that shapes take no memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    axes: [usize; MOST_AXES],
    rank: usize,
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { axes: [0; MOST_AXES], rank: 0 };

    /// A shape of up to [`MOST_AXES`] axes; `None` if there are more or their product overflows.
    pub fn new(axes: &[usize]) -> Option<Self> {
        axes.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis))?;
        let mut shape = Shape { rank: axes.len(), ..Shape::SCALAR };
        shape.axes.get_mut(..axes.len())?.copy_from_slice(axes);
        Some(shape)
    }

    /// The axes.
    pub fn axes(&self) -> &[usize] {
        &self.axes[..self.rank]
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of elements: the product of the axes.
    pub fn elements(&self) -> usize {
        self.axes().iter().product()
    }

    /// Length of the last axis, 1 for a scalar.
    pub fn last(&self) -> usize {
        self.axes().last().copied().unwrap_or(1)
    }

    /// Number of rows: the product of all axes but the last.
    pub fn rows(&self) -> usize {
        self.axes().iter().rev().skip(1).product()
    }

    /// This shape with another last axis.
    pub fn with_last(mut self, last: usize) -> Self {
        match self.rank {
            0 => Shape::from([last]),
            rank => {
                self.axes[rank - 1] = last;
                self
            }
        }
    }

    /// This shape without its last axis.
    pub fn without_last(mut self) -> Self {
        self.rank = self.rank.saturating_sub(1);
        self.axes[self.rank] = 0;
        self
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(axes: [usize; N]) -> Self {
        const { assert!(N <= MOST_AXES) };
        let mut shape = Shape { rank: N, ..Shape::SCALAR };
        shape.axes[..N].copy_from_slice(&axes);
        shape
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.axes(), f)
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
