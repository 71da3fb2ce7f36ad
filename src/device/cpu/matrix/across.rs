//! Products of weights with data whose rows lie across: each vector holds one feature of several rows.

use super::chunk::{Chunk, expect_factor};
use super::tile::Start;
use super::view::Target;
use crate::device::cpu::lanes::{Kernel, Lanes};

/// What the sums of an [`AcrossProduct`] begin with.
#[derive(Clone, Copy)]
pub enum BeginRows<'a> {
    /// Zero.
    Zero,
    /// One number per row of C.
    Bias(&'a [f32]),
    /// What stands in C.
    There,
}

/// `C = begin + A·B` on the calling thread, with B read where it lies: nothing is packed, so that weights that change with
/// every step can be A. Every sum is one chain of fused multiply-adds in ascending order, as of [`product`](super::product).
pub struct AcrossProduct<'a> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of A, rows of B.
    pub depth: usize,
    /// Columns of B and C, a multiple of [`ACROSS`].
    pub columns: usize,
    /// A.
    pub a: &'a [f32],
    /// The distance of A's rows, whose elements follow each other, or with `a_transposed` of A's columns.
    pub a_stride: usize,
    /// Whether A's columns are contiguous instead of its rows.
    pub a_transposed: bool,
    /// B, its rows without gaps.
    pub b: &'a [f32],
    /// What the sums begin with.
    pub begin: BeginRows<'a>,
    /// C, its rows without gaps.
    pub c: &'a mut [f32],
}

/// Columns of B and C come in groups of so many, the widest vector.
pub const ACROSS: usize = 16;

impl Kernel for AcrossProduct<'_> {
    type Output = ();

    /// # Panics
    /// When a slice is too short, or the number of columns is no multiple of [`ACROSS`].
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let AcrossProduct { rows, depth, columns, a, a_stride, a_transposed, b, begin, c } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        expect_factor(a, (rows, depth), a_stride, a_transposed);
        assert!(columns.is_multiple_of(ACROSS), "{columns} columns");
        assert!(b.len() >= depth * columns && c.len() >= rows * columns, "B has {}, C has {}", b.len(), c.len());
        let start = match begin {
            BeginRows::Zero => Start::Zero,
            BeginRows::Bias(bias) => {
                assert!(bias.len() >= rows, "the bias has {} elements", bias.len());
                Start::RowBias(bias.as_ptr())
            }
            BeginRows::There => Start::Partial,
        };
        let chunk = Chunk {
            rows,
            columns,
            depth,
            a: a.as_ptr(),
            a_stride,
            a_rows_contiguous: !a_transposed,
            panels: b.as_ptr(),
            direct: Some((b.as_ptr(), columns)),
            start,
            to: Target { start: c.as_mut_ptr(), row_stride: columns },
            add: false,
        };
        // SAFETY: the lengths were asserted, and C is borrowed for writing; vectors divide the number of columns, so that B
        // is always read directly.
        unsafe { chunk.assume_valid() }.run(l);
    }
}
