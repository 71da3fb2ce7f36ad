//! Products with a factor that was packed beforehand and is used again and again: the weights of a trained network.

use super::chunk::{Chunk, panel_width};
use super::pack::PackPanel;
use super::tile::Start;
use super::view::{Target, View};
use crate::device::cpu::lanes::{Isa, Kernel, Lanes};

/// Columns of a packed factor are padded to a multiple of this, the widest vector.
const PADDING: usize = 16;

/// Numbers that a packed factor of `depth` rows and `columns` columns takes.
pub fn packed_length(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PADDING)
}

/// Packs B for an instruction set, the one that will multiply with it.
///
/// # Panics
/// When `to` is shorter than [`packed_length`].
pub fn pack(isa: Isa, b: View, to: &mut [f32]) {
    let (depth, columns, lanes) = (b.rows(), b.columns(), isa.width());
    for first_column in (0..columns).step_by(2 * lanes) {
        let width = panel_width(first_column, columns, lanes);
        isa.run(PackPanel {
            b,
            first_row: 0,
            depth,
            first_column,
            columns: width.min(columns - first_column),
            width,
            to: &mut to[first_column * depth..][..width * depth],
        });
    }
}

/// What the sums of a [`PackedProduct`] begin with.
#[derive(Clone, Copy)]
pub enum Begin<'a> {
    /// One number per column.
    Bias(&'a [f32]),
    /// What stands in C.
    There,
}

/// `C = begin + A·B` on the calling thread, B packed by [`pack`]. Every sum is one chain of fused multiply-adds in ascending
/// order, as of [`product`](super::product).
pub struct PackedProduct<'a> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of A, rows of B.
    pub depth: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// A.
    pub a: &'a [f32],
    /// The distance of A's rows, whose elements follow each other, or with `a_transposed` of A's columns.
    pub a_stride: usize,
    /// Whether A's columns are contiguous instead of its rows.
    pub a_transposed: bool,
    /// B.
    pub panels: &'a [f32],
    /// What the sums begin with.
    pub begin: Begin<'a>,
    /// C, its rows without gaps.
    pub c: &'a mut [f32],
}

impl Kernel for PackedProduct<'_> {
    type Output = ();

    /// # Panics
    /// When a slice is too short.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let PackedProduct { rows, depth, columns, a, a_stride, a_transposed, panels, begin, c } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        let (outer, inner) = if a_transposed { (depth, rows) } else { (rows, depth) };
        assert!(depth == 0 || (outer - 1) * a_stride + inner <= a.len(), "A has {} elements", a.len());
        assert!(panels.len() >= depth * columns.next_multiple_of(L::WIDTH), "B has {} elements", panels.len());
        assert!(c.len() >= rows * columns, "C has {} elements", c.len());
        let start = match begin {
            Begin::Bias(bias) => {
                assert!(bias.len() >= columns, "the bias has {} elements", bias.len());
                Start::Bias(bias.as_ptr())
            }
            Begin::There => Start::Partial,
        };
        let chunk = Chunk {
            rows,
            columns,
            depth,
            a: a.as_ptr(),
            a_stride,
            a_rows_contiguous: !a_transposed,
            panels: panels.as_ptr(),
            direct: None,
            start,
            to: Target { start: c.as_mut_ptr(), row_stride: columns },
            add: false,
        };
        // SAFETY: the lengths were asserted, and C is borrowed for writing.
        unsafe { chunk.assume_valid().run(l) };
    }
}
