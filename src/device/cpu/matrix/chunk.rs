//! Some rows of C, all columns, one block of k: the loops around the kernel.

use super::tile::{Operands, Start, Tile};
use super::view::Target;
use crate::device::cpu::lanes::{Kernel, Lanes};

/// Where a chunk finds the rows of its operands and puts its results.
///
/// Panels of B lie behind each other in `panels`, each `depth` rows of two vectors, the last one of one vector if no
/// more is needed. With `direct`, full panels are read from B itself.
#[derive(Clone, Copy)]
pub(super) struct Chunk {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    pub a: *const f32,
    pub a_stride: usize,
    pub a_rows_contiguous: bool,
    pub panels: *const f32,
    /// B's element `[0, 0]` of this block and the distance of its rows, if full panels are to be read there.
    pub direct: Option<(*const f32, usize)>,
    pub start: Start,
    pub to: Target,
    pub add: bool,
}

/// Panics unless a left factor of `rows` rows and `depth` columns, the distance of its rows (or, transposed, of its columns)
/// being `stride`, lies inside of `a`.
pub(super) fn expect_factor(a: &[f32], (rows, depth): (usize, usize), stride: usize, transposed: bool) {
    let (outer, inner) = if transposed { (depth, rows) } else { (rows, depth) };
    assert!(depth == 0 || (outer - 1) * stride + inner <= a.len(), "A has {} elements", a.len());
}

/// The width of the panel that begins at a column.
pub(super) fn panel_width(first_column: usize, columns: usize, lanes: usize) -> usize {
    if columns - first_column > lanes { 2 * lanes } else { lanes }
}

impl Chunk {
    /// # Safety
    /// All pointers are valid for the sizes given, and nobody else uses the rows of the target.
    pub unsafe fn assume_valid(self) -> impl Kernel<Output = ()> {
        ValidChunk(self)
    }

    /// The operands of the tile at a row and column.
    #[inline(always)]
    unsafe fn operands(&self, row: usize, column: usize, b: *const f32, b_stride: usize, width: usize) -> Operands {
        // SAFETY: by the caller, row and column lie inside of the chunk.
        unsafe {
            Operands {
                depth: self.depth,
                a: self.a.add(row * if self.a_rows_contiguous { self.a_stride } else { 1 }),
                a_stride: self.a_stride,
                b,
                b_stride,
                start: match self.start {
                    Start::Bias(bias) => Start::Bias(bias.add(column)),
                    Start::RowBias(bias) => Start::RowBias(bias.add(row)),
                    other => other,
                },
                to: Target { start: self.to.row(row).add(column), row_stride: self.to.row_stride },
                columns: width.min(self.columns - column),
                add: self.add,
            }
        }
    }

    /// One tile; a function of its own in the machine code.
    #[inline(always)]
    unsafe fn tile<L: Lanes, const R: usize, const V: usize>(&self, l: L, operands: Operands) {
        // SAFETY: by the caller.
        unsafe {
            if self.a_rows_contiguous {
                l.enter(Tile::<R, V, true>::new(operands));
            } else {
                l.enter(Tile::<R, V, false>::new(operands));
            }
        }
    }

    /// All rows of one panel: tiles of the best height, then smaller ones for the rest; the last eight rows are two tiles of
    /// four, since one of two has too few sums under way.
    #[inline(always)]
    unsafe fn panel<L: Lanes, const V: usize>(&self, l: L, column: usize, b: *const f32, b_stride: usize) {
        let best = if V == 1 { L::ROWS_OF_ONE } else { L::ROWS_OF_TWO };
        let mut row = 0;
        // SAFETY: by the caller; the rows of each tile exist.
        unsafe {
            macro_rules! strips {
                ($($height:literal)*) => {
                    $(while best >= $height && self.rows - row >= $height && ($height != 6 || self.rows - row != 8) {
                        let operands = self.operands(row, column, b, b_stride, V * L::WIDTH);
                        self.tile::<L, $height, V>(l, operands);
                        row += $height;
                    })*
                };
            }
            strips!(12 6 4 2 1);
        }
    }

    /// One or two rows against as many columns of B as there are registers, so that enough sums are under way.
    /// Returns the first column that is left.
    #[inline(always)]
    unsafe fn flat<L: Lanes>(&self, l: L, b: *const f32, b_stride: usize) -> usize {
        let mut column = 0;
        // SAFETY: by the caller; the columns of each tile exist.
        unsafe {
            macro_rules! strips {
                ($height:literal, $($vectors:literal)*) => {
                    $(while self.columns - column >= $vectors * L::WIDTH {
                        let operands = self.operands(0, column, b.add(column), b_stride, $vectors * L::WIDTH);
                        self.tile::<L, $height, $vectors>(l, operands);
                        column += $vectors * L::WIDTH;
                    })*
                };
            }
            if self.rows == 1 {
                strips!(1, 8 4 2);
            } else {
                strips!(2, 4 2);
            }
        }
        column
    }
}

struct ValidChunk(Chunk);

impl Kernel for ValidChunk {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let chunk = &self.0;
        let mut column = 0;
        // SAFETY: promised to `assume_valid`; panels follow each other as documented.
        unsafe {
            if let (Some((b, b_stride)), 1 | 2) = (chunk.direct, chunk.rows) {
                column = chunk.flat(l, b, b_stride);
            }
            while column < chunk.columns {
                let width = panel_width(column, chunk.columns, L::WIDTH);
                let packed = chunk.panels.wrapping_add(column * chunk.depth);
                let (b, b_stride) = match chunk.direct {
                    Some((b, stride)) if chunk.columns - column >= width => (b.add(column), stride),
                    _ => (packed, width),
                };
                if width == L::WIDTH {
                    chunk.panel::<L, 1>(l, column, b, b_stride);
                } else {
                    chunk.panel::<L, 2>(l, column, b, b_stride);
                }
                column += width;
            }
        }
    }
}
