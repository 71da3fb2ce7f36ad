//! Where the windows of a convolution lie.

use serde::{Deserialize, Serialize};

/// What lies outside of a series or image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// As many zeros as make one result per `stride` elements.
    #[default]
    Same,
    /// Nothing: windows lie inside.
    Valid,
}

/// Stride and padding, the same for all axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Elements from one window to the next, at least 1.
    pub stride: usize,
    /// What lies outside.
    pub padding: Padding,
}

impl Window {
    /// Number of windows of `size` elements on an axis of `length` elements.
    pub fn positions(&self, length: usize, size: usize) -> usize {
        let stride = self.stride.max(1);
        match self.padding {
            Padding::Same => length.div_ceil(stride),
            Padding::Valid => (length + 1).saturating_sub(size).div_ceil(stride),
        }
    }

    /// Number of zeros in front of an axis of `length` elements.
    pub fn before(&self, length: usize, size: usize) -> usize {
        match (self.padding, self.positions(length, size)) {
            (Padding::Valid, _) | (_, 0) => 0,
            (Padding::Same, positions) => ((positions - 1) * self.stride.max(1) + size).saturating_sub(length) / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_zeros() {
        // padding, stride, length, size: positions, zeros in front.
        for (padding, stride, length, size, positions, before) in [
            (Padding::Same, 1, 7, 3, 7, 1),
            (Padding::Same, 1, 7, 4, 7, 1),
            (Padding::Same, 2, 7, 3, 4, 1),
            (Padding::Same, 2, 6, 3, 3, 0),
            (Padding::Same, 4, 7, 4, 2, 0),
            (Padding::Same, 4, 1, 4, 1, 1),
            (Padding::Same, 3, 0, 5, 0, 0),
            (Padding::Valid, 1, 7, 3, 5, 0),
            (Padding::Valid, 2, 7, 3, 3, 0),
            (Padding::Valid, 4, 7, 4, 1, 0),
            (Padding::Valid, 1, 2, 3, 0, 0),
        ] {
            let window = Window { stride, padding };
            let got = (window.positions(length, size), window.before(length, size));
            assert_eq!(got, (positions, before), "{window:?} of {size} on {length}");
        }
    }
}
