//! The kernel: a tile of R rows and V vectors of C, held in registers along k.

use super::view::Target;
use crate::device::cpu::lanes::{Kernel, Lanes};

/// What the sums of a tile begin with.
#[derive(Clone, Copy)]
pub(super) enum Start {
    /// Zero.
    Zero,
    /// The same numbers for each row, one per column.
    Bias(*const f32),
    /// The same number for all columns, one per row.
    RowBias(*const f32),
    /// The partial sums that lie where the results go.
    Partial,
}

/// Where a tile finds its operands and puts its results.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    pub depth: usize,
    /// Element `[0, 0]` of the tile's part of A.
    pub a: *const f32,
    /// The distance of A's rows if [`Tile`]'s `ROWS`, else that of its columns; the other distance is 1.
    pub a_stride: usize,
    /// Row 0 of the tile's part of B: V full vectors per row.
    pub b: *const f32,
    /// The distance of B's rows.
    pub b_stride: usize,
    pub start: Start,
    /// Row 0, column 0 of the results.
    pub to: Target,
    /// Columns to write, above `(V − 1)·WIDTH` and up to `V·WIDTH`.
    pub columns: usize,
    /// Whether to add to what lies there.
    pub add: bool,
}

/// A tile of R rows and V vectors; `ROWS` if A's rows are contiguous, else its columns are.
pub(super) struct Tile<const R: usize, const V: usize, const ROWS: bool>(Operands);

impl<const R: usize, const V: usize, const ROWS: bool> Tile<R, V, ROWS> {
    /// # Safety
    /// All pointers are valid: A for R rows of `depth` elements, B for `depth` rows of `V·WIDTH` elements, the bias for
    /// `columns` elements and the target for R rows of `columns` elements, which nobody else uses.
    #[inline(always)]
    pub unsafe fn new(operands: Operands) -> Self {
        Tile(operands)
    }
}

/// Reads a vector, or what is left of a row.
#[inline(always)]
unsafe fn load<L: Lanes>(l: L, from: *const f32, left: usize) -> L::F {
    // SAFETY: by the caller, `left` elements can be read.
    unsafe { if left >= L::WIDTH { l.load(from) } else { l.load_partial(from, left) } }
}

/// Writes a vector, or what is left of a row.
#[inline(always)]
unsafe fn store<L: Lanes>(l: L, to: *mut f32, value: L::F, left: usize) {
    // SAFETY: by the caller, `left` elements can be written.
    unsafe {
        if left >= L::WIDTH {
            l.store(to, value);
        } else {
            l.store_partial(to, value, left);
        }
    }
}

impl<const R: usize, const V: usize, const ROWS: bool> Kernel for Tile<R, V, ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Operands { depth, a, a_stride, b, b_stride, start, to, columns, add } = self.0;
        let mut sums = [[l.zero(); V]; R];
        // SAFETY: promised to `Tile::new`.
        unsafe {
            match start {
                Start::Zero => {}
                Start::Bias(bias) => {
                    for v in 0..V {
                        let value = load(l, bias.add(v * L::WIDTH), columns - v * L::WIDTH);
                        for r in 0..R {
                            sums[r][v] = value;
                        }
                    }
                }
                Start::RowBias(bias) => {
                    for r in 0..R {
                        sums[r] = [l.splat(*bias.add(r)); V];
                    }
                }
                Start::Partial => {
                    for r in 0..R {
                        for v in 0..V {
                            sums[r][v] = load(l, to.row(r).add(v * L::WIDTH), columns - v * L::WIDTH);
                        }
                    }
                }
            }
            let (mut a, mut b) = (a, b);
            for _ in 0..depth {
                let mut row = [l.zero(); V];
                for v in 0..V {
                    row[v] = l.load(b.add(v * L::WIDTH));
                }
                for r in 0..R {
                    let factor = l.splat(*a.add(if ROWS { r * a_stride } else { r }));
                    for v in 0..V {
                        sums[r][v] = l.fma(factor, row[v], sums[r][v]);
                    }
                }
                a = a.wrapping_add(if ROWS { 1 } else { a_stride });
                b = b.wrapping_add(b_stride);
            }
            for r in 0..R {
                for v in 0..V {
                    let (place, left) = (to.row(r).add(v * L::WIDTH), columns - v * L::WIDTH);
                    let value = if add { l.add(load(l, place, left), sums[r][v]) } else { sums[r][v] };
                    store(l, place, value, left);
                }
            }
        }
    }
}
