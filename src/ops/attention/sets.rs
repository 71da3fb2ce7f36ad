//! What the kernels read, and how the work is cut.

use std::ops::Range;

use super::Arguments;
use crate::device::cpu::Launch;
use crate::device::cpu::matrix::View;
use crate::ops::ragged::{rows_of, set_of};

/// Query rows of a piece of forward's work; a multiple of what is computed together.
const PIECE: usize = 32;

/// What both kernels read.
pub(super) struct Sets<'a> {
    pub(super) arguments: Arguments,
    pub(super) q: View<'a>,
    pub(super) k: View<'a>,
    pub(super) v: View<'a>,
    query_offsets: &'a [u32],
    key_offsets: &'a [u32],
    /// `[queries, mask width]`, if there is a mask.
    pub(super) mask: Option<View<'a>>,
}

impl<'a> Sets<'a> {
    /// Of a launch with the inputs q, k, v, offsets of queries, offsets of keys, mask. Nothing if the offsets do not say which
    /// rows are one set: the kernels then fill their outputs with NaN.
    pub(super) fn of(launch: &Launch<'a>) -> Option<Self> {
        let arguments: Arguments = launch.arguments();
        let (queries, keys) = (arguments.queries as usize, arguments.keys as usize);
        let width = (arguments.heads * arguments.head_width) as usize;
        let matrix = |index: usize, rows: usize, width: usize| View::row_major(launch.input(index), rows, width).ok();
        let masked = arguments.masked == 1 && arguments.mask_width > 0;
        let sets = Sets {
            arguments,
            q: matrix(0, queries, width)?,
            k: matrix(1, keys, width)?,
            v: matrix(2, keys, width)?,
            query_offsets: launch.indices(3),
            key_offsets: launch.indices(4),
            mask: if masked { Some(matrix(5, queries, arguments.mask_width as usize)?) } else { None },
        };
        let fit = |offsets: &[u32], rows: u32| {
            offsets.first() == Some(&0) && offsets.last() == Some(&rows) && offsets.is_sorted()
        };
        (fit(sets.query_offsets, arguments.queries) && fit(sets.key_offsets, arguments.keys)).then_some(sets)
    }

    /// A matrix `[rows, heads · h]` that belongs to the queries.
    pub(super) fn of_queries(&self, matrix: &'a [f32]) -> Option<View<'a>> {
        View::row_major(matrix, self.q.rows(), self.q.columns()).ok()
    }

    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.arguments.sets as usize
    }

    #[inline(always)]
    pub(super) fn set_of(&self, query: usize) -> usize {
        set_of(self.query_offsets, query)
    }

    #[inline(always)]
    pub(super) fn queries_of(&self, set: usize) -> Range<usize> {
        rows_of(self.query_offsets, set, self.arguments.queries as usize)
    }

    #[inline(always)]
    pub(super) fn keys_of(&self, set: usize) -> Range<usize> {
        rows_of(self.key_offsets, set, self.arguments.keys as usize)
    }

    /// The columns of a head.
    #[inline(always)]
    pub(super) fn columns(&self, head: usize) -> Range<usize> {
        let h = self.arguments.head_width as usize;
        head * h..head * h + h
    }

    /// The number of pieces that the query rows are cut into.
    pub(super) fn pieces(&self) -> usize {
        (self.arguments.queries as usize).div_ceil(PIECE)
    }

    /// The query rows of a piece, about [`PIECE`]: inside of a set it begins and ends a multiple of [`PIECE`] after the
    /// set's first row, so that rows which are computed together are seldom cut apart.
    pub(super) fn piece(&self, index: usize) -> Range<usize> {
        let boundary = |row: usize| {
            if row >= self.arguments.queries as usize {
                return self.arguments.queries as usize;
            }
            let Range { start, end } = self.queries_of(self.set_of(row));
            (start + (row - start).next_multiple_of(PIECE)).min(end)
        };
        boundary(index * PIECE)..boundary((index + 1) * PIECE)
    }
}
