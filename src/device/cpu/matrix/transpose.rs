//! Transposed copies.

use crate::device::cpu::lanes::{Kernel, Lanes};

/// `to[j·to_stride + i] = from[i·from_stride + j]` for `i < rows`, `j < columns`, or with `add` `to += from` there.
pub struct Transpose<'a> {
    /// The matrix to read.
    pub from: &'a [f32],
    /// The distance of its rows.
    pub from_stride: usize,
    /// Rows to read.
    pub rows: usize,
    /// Columns to read.
    pub columns: usize,
    /// Where the columns become rows.
    pub to: &'a mut [f32],
    /// The distance of these rows.
    pub to_stride: usize,
    /// Whether to add to what is there.
    pub add: bool,
}

impl Kernel for Transpose<'_> {
    type Output = ();

    /// # Panics
    /// When a slice is too short.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Transpose { from, from_stride, rows, columns, to, to_stride, add } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        assert!((rows - 1) * from_stride + columns <= from.len(), "{} elements to read", from.len());
        assert!((columns - 1) * to_stride + rows <= to.len(), "{} elements to write", to.len());
        let side = L::SQUARE;
        let (whole_rows, whole_columns) = (rows - rows % side, columns - columns % side);
        for i in (0..whole_rows).step_by(side) {
            for j in (0..whole_columns).step_by(side) {
                // SAFETY: the square lies inside of both matrices, whose lengths were asserted.
                unsafe {
                    let (from, to) = (from.as_ptr().add(i * from_stride + j), to.as_mut_ptr().add(j * to_stride + i));
                    l.transpose_square(from, from_stride, to, to_stride, add);
                }
            }
        }
        let mut rest = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            for i in rows {
                for j in columns.clone() {
                    let (value, to) = (from[i * from_stride + j], &mut to[j * to_stride + i]);
                    *to = if add { *to + value } else { value };
                }
            }
        };
        rest(0..whole_rows, whole_columns..columns);
        rest(whole_rows..rows, 0..columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Isa;

    #[test]
    fn all_sizes_and_gaps() {
        for &isa in Isa::available() {
            for (rows, columns) in [(0, 3), (1, 1), (3, 5), (4, 4), (8, 8), (9, 17), (16, 8), (19, 35)] {
                let (from_stride, to_stride) = (columns + 3, rows + 2);
                let from: Vec<f32> = (0..rows * from_stride).map(|i| i as f32).collect();
                for add in [false, true] {
                    let mut to = vec![0.5; columns * to_stride];
                    isa.run(Transpose { from: &from, from_stride, rows, columns, to: &mut to, to_stride, add });
                    for (at, &got) in to.iter().enumerate() {
                        let (j, i) = (at / to_stride, at % to_stride);
                        let there = if add { 0.5 } else { 0.0 };
                        let expected = if i < rows { from[i * from_stride + j] + there } else { 0.5 };
                        assert_eq!(got, expected, "{rows} × {columns}, element {j}, {i}, {}", isa.name());
                    }
                }
            }
        }
    }
}
