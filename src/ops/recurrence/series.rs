//! How the series of a batch are cut into tiles, and which of them are still running at a step.

use std::ops::Range;

use super::Arguments;
use crate::ops::ragged::rows_of;

/// Series that are walked through together.
pub(super) const TILE: usize = 16;

/// The series of a batch.
#[derive(Clone, Copy)]
pub(super) struct Series<'a> {
    offsets: &'a [u32],
    elements: usize,
    reversed: bool,
}

impl<'a> Series<'a> {
    /// Nothing if the offsets do not say which elements are one series: the kernels then fill their outputs with NaN.
    pub(super) fn new(arguments: &Arguments, offsets: &'a [u32]) -> Option<Self> {
        let elements = arguments.elements;
        let fit = offsets.first() == Some(&0) && offsets.last() == Some(&elements) && offsets.is_sorted();
        fit.then_some(Series { offsets, elements: elements as usize, reversed: arguments.reversed == 1 })
    }

    pub(super) fn tiles(&self) -> usize {
        (self.offsets.len() - 1).div_ceil(TILE)
    }

    /// The series of a tile.
    pub(super) fn of_tile(&self, tile: usize) -> Range<usize> {
        let last = self.offsets.len() - 1;
        tile * TILE..((tile + 1) * TILE).min(last)
    }

    /// The elements of a tile's series.
    pub(super) fn elements_of(&self, tile: usize) -> Range<usize> {
        let series = self.of_tile(tile);
        self.offsets[series.start] as usize..self.offsets[series.end] as usize
    }

    /// The series of a tile, the longest first.
    pub(super) fn tile(&self, tile: usize) -> Tile {
        let (numbers, first) = (self.of_tile(tile), self.elements_of(tile).start);
        let mut rows = [Row::default(); TILE];
        for (row, series) in rows.iter_mut().zip(numbers.clone()) {
            let elements = rows_of(self.offsets, series, self.elements);
            *row = Row { number: series - numbers.start, start: elements.start - first, length: elements.len() };
        }
        let count = numbers.len();
        rows[..count].sort_unstable_by_key(|row| (std::cmp::Reverse(row.length), row.number));
        Tile { rows, count, first, reversed: self.reversed }
    }
}

/// A series of a tile.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    /// Its number within the tile.
    pub(super) number: usize,
    /// Its first element, counted from the tile's first.
    start: usize,
    length: usize,
}

/// Series that are walked through together, the longest first, so that those still running at a step are the first ones.
pub(super) struct Tile {
    rows: [Row; TILE],
    count: usize,
    /// The first element of its series.
    pub(super) first: usize,
    reversed: bool,
}

impl Tile {
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows[..self.count]
    }

    /// Steps of the longest series.
    pub(super) fn steps(&self) -> usize {
        self.rows().first().map_or(0, |row| row.length)
    }

    /// How many series have a step of this number, counted from 0.
    pub(super) fn running(&self, step: usize) -> usize {
        self.rows().partition_point(|row| row.length > step)
    }

    /// The element of a series at a step, counted from the tile's first element.
    #[inline(always)]
    pub(super) fn element(&self, row: usize, step: usize) -> usize {
        let row = &self.rows[row];
        row.start + if self.reversed { row.length - 1 - step } else { step }
    }

    /// The element of the step before, if there is one.
    #[inline(always)]
    pub(super) fn element_before(&self, row: usize, step: usize) -> Option<usize> {
        step.checked_sub(1).map(|step| self.element(row, step))
    }
}
