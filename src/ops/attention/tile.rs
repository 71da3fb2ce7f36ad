//! A tile: some queries of one set and head, one in each lane, and their numbers for a block of keys.
//!
//! Everything that belongs to a query stays in its lane, and sums go over the keys in ascending order. So a query's result
//! does not depend on the queries beside it, nor on the instruction set.

use std::ops::Range;

use super::sets::Sets;
use crate::device::cpu::lanes::Lanes;
use crate::device::cpu::matrix::{Output, PackPanel, SmallProduct, View, Zeros};
use crate::device::cpu::vector;

/// Vectors of queries in a tile, at most.
pub(super) const VECTORS: usize = 4;
/// Most queries in a tile.
pub(super) const MOST_QUERIES: usize = 64;
/// Keys that share the words of one counter.
const SHARING: usize = 4;
/// The numbers of the lanes.
const LANES: [f32; 16] = [0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.];

/// Queries of one set, one in each lane, of one head.
pub(super) struct Tile<'a> {
    pub(super) sets: &'a Sets<'a>,
    pub(super) head: usize,
    /// The rows of the queries.
    pub(super) queries: Range<usize>,
    /// The rows of all keys of the set.
    pub(super) keys: Range<usize>,
    /// Lanes: the number of queries, rounded up to whole vectors.
    pub(super) width: usize,
}

impl<'a> Tile<'a> {
    #[inline(always)]
    pub(super) fn new<L: Lanes>(
        _: L,
        sets: &'a Sets<'a>,
        head: usize,
        queries: Range<usize>,
        keys: Range<usize>,
    ) -> Self {
        let width = queries.len().next_multiple_of(L::WIDTH);
        Tile { sets, head, queries, keys, width }
    }

    /// The tile's rows and the head's columns of a matrix of the queries, transposed: one query in each lane, zeros beyond.
    #[inline(always)]
    pub(super) fn transposed<L: Lanes>(&self, l: L, matrix: View, to: &mut [f32]) {
        let part = matrix.block(self.queries.clone(), self.sets.columns(self.head));
        let (depth, columns) = (part.columns(), part.rows());
        l.enter(PackPanel {
            b: part.transposed(),
            first_row: 0,
            depth,
            first_column: 0,
            columns,
            width: self.width,
            to,
        });
    }

    /// What was transposed, row by row again; rows are whole vectors long.
    #[inline(always)]
    pub(super) fn in_rows<L: Lanes>(&self, l: L, from: &[f32], to: &mut [f32]) {
        let h = self.sets.arguments.head_width as usize;
        let Ok(b) = View::row_major(from, h, self.width) else { return };
        let (b, depth, width) = (b.transposed(), self.queries.len(), h.next_multiple_of(L::WIDTH));
        l.enter(PackPanel { b, first_row: 0, depth, first_column: 0, columns: h, width, to });
    }

    /// The head's part of the rows of some keys.
    #[inline(always)]
    pub(super) fn of_keys<'b>(&self, matrix: View<'b>, keys: Range<usize>) -> View<'b> {
        matrix.block(keys, self.sets.columns(self.head))
    }

    /// `to = rows · lanes` for some keys, one row of lanes for each: scores, or the slopes of probabilities.
    #[inline(always)]
    pub(super) fn for_keys<L: Lanes>(&self, l: L, rows: View, lanes: &[f32], to: &mut [f32]) {
        let Ok(c) = Output::row_major(to, rows.rows(), self.width) else { return };
        let (b_stride, zeros) = (self.width, Zeros::Count);
        l.enter(SmallProduct { a: rows, b: lanes, b_stride, go_on: false, c, zeros });
    }

    /// `to += rowsᵀ · weights`: sums over some keys, one row of lanes for each column of the head. With `careful` a key of
    /// weight 0 contributes nothing even if its row is not finite.
    #[inline(always)]
    pub(super) fn over_keys<L: Lanes>(&self, l: L, rows: View, weights: &[f32], to: &mut [f32], careful: bool) {
        let Ok(c) = Output::row_major(to, rows.columns(), self.width) else { return };
        let zeros = if careful { Zeros::OfB } else { Zeros::Count };
        let b_stride = self.width;
        l.enter(SmallProduct { a: rows.transposed(), b: weights, b_stride, go_on: true, c, zeros });
    }

    /// Replaces the scores of pairs that the mask excludes by −∞ and returns which lanes attend to any of the keys (above
    /// 0). `keys` are counted from the start of the set; `memory` holds a row of lanes for each of them.
    #[inline(always)]
    pub(super) fn exclude<L: Lanes>(
        &self,
        l: L,
        keys: Range<usize>,
        scores: &mut [f32],
        memory: &mut [f32],
    ) -> [L::F; VECTORS] {
        let mut attended = [l.zero(); VECTORS];
        let Some(mask) = self.sets.mask else { return [l.splat(1.0); VECTORS] };
        let (begin, end) = (keys.start.min(mask.columns()), keys.end.min(mask.columns()));
        let b = mask.block(self.queries.clone(), begin..end).transposed();
        let (depth, columns, width) = (end - begin, self.queries.len(), self.width);
        l.enter(PackPanel { b, first_row: 0, depth, first_column: 0, columns, width, to: &mut memory[..] });
        // Keys beyond the width of the mask are attended.
        memory[depth * width..keys.len() * width].fill(1.0);
        for (scores, mask) in scores.chunks_exact_mut(width).zip(memory.chunks_exact(width)).take(keys.len()) {
            for (v, attended) in attended[..width / L::WIDTH].iter_mut().enumerate() {
                let lanes = v * L::WIDTH..(v + 1) * L::WIDTH;
                let mask = l.lt(l.splat(0.5), l.read(&mask[lanes.clone()]));
                let score = l.read(&scores[lanes.clone()]);
                l.write(&mut scores[lanes], l.select(mask, score, l.splat(f32::NEG_INFINITY)));
                *attended = l.select(mask, l.splat(1.0), *attended);
            }
        }
        attended
    }

    /// The dropout factors of some keys, counted from the start of the set and beginning at a multiple of four: a row of
    /// lanes for each. `to` has room for a multiple of four rows.
    #[inline(always)]
    pub(super) fn factors<L: Lanes>(&self, l: L, keys: Range<usize>, to: &mut [f32]) {
        let drops = &self.sets.arguments.drops;
        let (scale, threshold) = (l.splat(drops.scale), l.splat_int(drops.threshold as i32));
        let (head, purpose) = (l.splat_int(self.head as i32), l.splat_int(3));
        let rows = keys.len().next_multiple_of(SHARING);
        for (tile, rows) in to[..rows * self.width].chunks_exact_mut(SHARING * self.width).enumerate() {
            let index = l.splat_int((keys.start / SHARING + tile) as i32);
            for lane in (0..self.width).step_by(L::WIDTH) {
                let first = l.splat_int((self.queries.start + lane) as i32);
                let query = l.add_int(first, l.to_int(l.read(&LANES)));
                let words = vector::philox4x32(l, drops.key, [query, index, head, purpose]);
                for (row, word) in rows.chunks_exact_mut(self.width).zip(words) {
                    let factor = l.select(l.below(word, threshold), l.zero(), scale);
                    l.write(&mut row[lane..lane + L::WIDTH], factor);
                }
            }
        }
    }

    /// Whether anything is dropped.
    #[inline(always)]
    pub(super) fn drops(&self) -> bool {
        self.sets.arguments.drops.threshold > 0
    }
}

/// Looks for numbers that are not finite.
#[derive(Clone, Copy)]
pub(super) struct Faults<L: Lanes>(L::F);

impl<L: Lanes> Faults<L> {
    #[inline(always)]
    pub(super) fn none(l: L) -> Self {
        Faults(l.zero())
    }

    /// Looks at a row.
    #[inline(always)]
    pub(super) fn look(self, l: L, x: &[f32]) -> Self {
        let mut faults = self.0;
        let vectors = x.chunks_exact(L::WIDTH);
        let rest = l.read(vectors.remainder());
        for x in vectors {
            // Zero, or NaN where x is not finite.
            let x = l.read(x);
            faults = l.or(faults, l.sub(x, x));
        }
        Faults(l.or(faults, l.sub(rest, rest)))
    }

    /// Whether there was any.
    #[inline(always)]
    pub(super) fn any(self, l: L) -> bool {
        let zero = l.zero();
        l.any(l.lt(zero, l.select(l.eq(self.0, zero), zero, l.splat(1.0))))
    }
}

/// Multiplies all numbers of whole vectors.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(l: L, x: &mut [f32], factor: f32) {
    for x in x.chunks_exact_mut(L::WIDTH) {
        l.write(x, l.mul(l.read(x), l.splat(factor)));
    }
}

/// Takes the first numbers of what is left of the working memory.
#[inline(always)]
pub(super) fn take<'a>(memory: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    let (first, rest) = std::mem::take(memory).split_at_mut(length);
    *memory = rest;
    first
}
