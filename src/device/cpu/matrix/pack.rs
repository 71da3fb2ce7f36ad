//! Copies of operands in the order in which the kernel reads them.

use super::transpose::Transpose;
use super::view::View;
use crate::device::cpu::lanes::{Kernel, Lanes};

/// Copies rows `first_row..first_row + depth` of B's columns `first_column..first_column + columns` into a panel:
/// `to[k·width + j]`, columns beyond the matrix are zero.
pub struct PackPanel<'a> {
    /// The matrix.
    pub b: View<'a>,
    /// The first row to copy.
    pub first_row: usize,
    /// Rows to copy.
    pub depth: usize,
    /// The first column to copy.
    pub first_column: usize,
    /// Columns to copy.
    pub columns: usize,
    /// Columns of the panel, whole vectors.
    pub width: usize,
    /// The panel.
    pub to: &'a mut [f32],
}

impl Kernel for PackPanel<'_> {
    type Output = ();

    /// # Panics
    /// When the panel is too small, or the matrix has no such rows and columns.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let PackPanel { b, first_row, depth, first_column, columns, width, to } = self;
        let from = b.from(first_row, first_column);
        let (row_stride, column_stride) = (b.row_stride(), b.column_stride());
        assert!(
            to.len() >= depth * width && columns <= width && width.is_multiple_of(L::WIDTH),
            "a panel has its size"
        );
        assert!(depth == 0 || columns == 0 || (depth - 1) * row_stride + (columns - 1) * column_stride < from.len());
        if column_stride == 1 {
            for k in 0..depth {
                // SAFETY: row k of B's part has `columns` elements and row k of the panel `width`, as asserted.
                unsafe {
                    let (from, to) = (from.as_ptr().add(k * row_stride), to.as_mut_ptr().add(k * width));
                    for j in (0..width).step_by(L::WIDTH) {
                        let value = if j + L::WIDTH <= columns {
                            l.load(from.add(j))
                        } else {
                            l.load_partial(from.wrapping_add(j), columns.saturating_sub(j))
                        };
                        l.store(to.add(j), value);
                    }
                }
            }
        } else if row_stride == 1 {
            let to = &mut to[..depth * width];
            Transpose {
                from,
                from_stride: column_stride,
                rows: columns,
                columns: depth,
                to,
                to_stride: width,
                add: false,
            }
            .run(l);
            if columns < width {
                to.chunks_exact_mut(width).for_each(|row| row[columns..].fill(0.0));
            }
        } else {
            for (k, row) in to.chunks_exact_mut(width).take(depth).enumerate() {
                for (j, lane) in row.iter_mut().enumerate() {
                    *lane = if j < columns { from[k * row_stride + j * column_stride] } else { 0.0 };
                }
            }
        }
    }
}

/// Copies rows of A, columns `first_column..first_column + depth`, so that rows are contiguous.
pub(super) fn pack_rows(a: View, first_row: usize, rows: usize, first_column: usize, depth: usize, to: &mut [f32]) {
    let from = a.from(first_row, first_column);
    for (i, row) in to.chunks_exact_mut(depth).take(rows).enumerate() {
        for (k, element) in row.iter_mut().enumerate() {
            *element = from[i * a.row_stride() + k * a.column_stride()];
        }
    }
}
