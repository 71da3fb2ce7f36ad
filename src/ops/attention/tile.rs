//! A tile: some queries of one set and head, one in each lane, and their numbers for a block of keys.
//!
//! Everything that belongs to a query stays in its lane, and sums go over the keys in ascending order. So a query's result
//! does not depend on the queries beside it, nor on the instruction set.

use std::ops::Range;

use super::sets::Sets;
use crate::device::cpu::lanes::Lanes;
use crate::device::cpu::matrix::{Begin, Output, PackPanel, SmallProduct, View, Zeros};
use crate::random::philox4x32_many;

/// Vectors of queries in a tile, at most.
pub(super) const VECTORS: usize = 2;
/// Most queries in a tile.
pub(super) const MOST_QUERIES: usize = 32;
/// Keys that share the words of one counter.
const SHARING: usize = 4;

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
        l.enter(PackPanel { b: part.transposed(), first_row: 0, depth, first_column: 0, columns, width: self.width, to });
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
        let (b_stride, begin, zeros) = (self.width, Begin::Zero, Zeros::Count);
        l.enter(SmallProduct { a: rows, b: lanes, b_stride, begin, c, zeros });
    }

    /// `to += rowsᵀ · weights`: sums over some keys, one row of lanes for each column of the head. With `careful` a key of
    /// weight 0 contributes nothing even if its row is not finite.
    #[inline(always)]
    pub(super) fn over_keys<L: Lanes>(&self, l: L, rows: View, weights: &[f32], to: &mut [f32], careful: bool) {
        let Ok(c) = Output::row_major(to, rows.columns(), self.width) else { return };
        let zeros = if careful { Zeros::OfB } else { Zeros::Count };
        let b_stride = self.width;
        l.enter(SmallProduct { a: rows.transposed(), b: weights, b_stride, begin: Begin::There, c, zeros });
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
    pub(super) fn factors<L: Lanes>(&self, _: L, keys: Range<usize>, to: &mut [f32]) {
        let rows = keys.len().next_multiple_of(SHARING);
        let first = (keys.start / SHARING) as u32;
        for (tile, rows) in to[..rows * self.width].chunks_exact_mut(SHARING * self.width).enumerate() {
            let index = first + tile as u32;
            let mut lane = 0;
            while self.width - lane >= 16 {
                self.factors_together::<16>(index, lane, rows);
                lane += 16;
            }
            while self.width - lane >= 8 {
                self.factors_together::<8>(index, lane, rows);
                lane += 8;
            }
            while self.width - lane >= 4 {
                self.factors_together::<4>(index, lane, rows);
                lane += 4;
            }
        }
    }

    /// The factors of N lanes for the four keys of an index; plain loops, which the compiler turns into vectors.
    #[inline(always)]
    fn factors_together<const N: usize>(&self, index: u32, lane: usize, rows: &mut [f32]) {
        let drops = &self.sets.arguments.drops;
        let first = (self.queries.start + lane) as u32;
        let queries = std::array::from_fn(|i| first.wrapping_add(i as u32));
        let words = philox4x32_many(drops.key, [queries, [index; N], [self.head as u32; N], [3; N]]);
        for (row, words) in rows.chunks_exact_mut(self.width).zip(words) {
            for (factor, word) in row[lane..lane + N].iter_mut().zip(words) {
                *factor = drops.factor(word);
            }
        }
    }

    /// Whether anything is dropped.
    #[inline(always)]
    pub(super) fn drops(&self) -> bool {
        self.sets.arguments.drops.threshold > 0
    }
}

/// Whether all numbers of whole vectors are finite.
#[inline(always)]
pub(super) fn are_finite<L: Lanes>(l: L, x: &[f32]) -> bool {
    let mut faults = l.zero();
    for x in x.chunks(L::WIDTH) {
        // Zero, or NaN where x is not finite.
        let x = l.read(x);
        faults = l.or(faults, l.sub(x, x));
    }
    let faults = l.select(l.eq(faults, l.zero()), l.zero(), l.splat(1.0));
    !l.any(l.lt(l.zero(), faults))
}

/// Multiplies all numbers of whole vectors.
#[inline(always)]
pub(super) fn multiply<L: Lanes>(l: L, x: &mut [f32], factor: f32) {
    for x in x.chunks_exact_mut(L::WIDTH) {
        l.write(x, l.mul(l.read(x), l.splat(factor)));
    }
}

/// Takes the first numbers of what is left of the working memory.
pub(super) fn take<'a>(memory: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    let (first, rest) = std::mem::take(memory).split_at_mut(length);
    *memory = rest;
    first
}
