//! Memory that the threads of a team write together: each piece by one call of the task.

#![allow(unsafe_code)]

use std::ops::Range;

use super::matrix::Output;
use super::scratch::with_scratch;
use super::threads::Threads;

impl Threads {
    /// Cuts `out` into pieces of `chunk` elements (the last one may be shorter) and calls `task` with each piece's index.
    ///
    /// # Panics
    /// As [`Threads::run`], and for `chunk` = 0.
    pub fn for_each_chunk<T: Send>(&self, out: &mut [T], chunk: usize, task: impl Fn(usize, &mut [T]) + Sync) {
        let rows = out.len();
        self.for_each_rows(rows, chunk, [(out, 1)], |index, [piece]| task(index, piece));
    }

    /// Cuts several row-major matrices of `rows` rows at the same rows, `rows_per_chunk` rows each (the last piece may be
    /// shorter), and calls `task` with each piece's index and its part of every matrix. A matrix is given with its
    /// width, the distance from row to row; its last row may be shorter than that.
    ///
    /// # Panics
    /// As [`Threads::run`], for `rows_per_chunk` = 0, and for a matrix without room for `rows − 1` full rows.
    pub fn for_each_rows<T: Send, const N: usize>(
        &self,
        rows: usize,
        rows_per_chunk: usize,
        outputs: [(&mut [T], usize); N],
        task: impl Fn(usize, [&mut [T]; N]) + Sync,
    ) {
        assert!(rows_per_chunk > 0, "a chunk holds at least one row");
        let outputs = outputs.map(|(data, width)| {
            let whole = rows.saturating_sub(1).checked_mul(width).is_some_and(|length| length <= data.len());
            assert!(whole, "{} elements cannot hold {rows} rows of {width}", data.len());
            Pieces { start: data.as_mut_ptr(), length: data.len(), width }
        });
        let outputs = &outputs;
        self.run(rows.div_ceil(rows_per_chunk), &|index| {
            let first = index * rows_per_chunk;
            let last = rows.min(first + rows_per_chunk);
            // SAFETY: the ranges of different indices do not overlap, and each index is given to one call.
            task(index, outputs.each_ref().map(|output| unsafe { output.rows(first, last, last == rows) }));
        });
    }

    /// Cuts several equally long slices at the same ranges, `range(0)`, …, `range(count − 1)`, and calls `task` with each
    /// range's index, its part of every slice, and `scratch` numbers of working memory.
    ///
    /// # Panics
    /// As [`Threads::run`], and for ranges that overlap, do not ascend, or leave a slice.
    pub fn for_each_range<T: Send, const N: usize>(
        &self,
        count: usize,
        range: impl Fn(usize) -> Range<usize> + Sync,
        outputs: [&mut [T]; N],
        scratch: usize,
        task: impl Fn(usize, [&mut [T]; N], &mut [f32]) + Sync,
    ) {
        let mut end = 0;
        for index in 0..count {
            let Range { start, end: next } = range(index);
            assert!(end <= start && start <= next, "range {index}, {start}..{next}, begins before {end}");
            end = next;
        }
        let outputs = outputs.map(|data| {
            assert!(end <= data.len(), "the ranges end at {end}, the slice at {}", data.len());
            Pieces { start: data.as_mut_ptr(), length: data.len(), width: 1 }
        });
        let outputs = &outputs;
        self.run_with_scratch(count, scratch, &|index, scratch| {
            let Range { start, end } = range(index);
            // SAFETY: the ranges were checked to lie apart and inside, and each index is given to one call.
            task(index, outputs.each_ref().map(|output| unsafe { output.rows(start, end, false) }), scratch);
        });
    }

    /// Cuts several row-major matrices, given with their widths, into blocks: at ranges of rows, `ranges(0)`, …,
    /// `ranges(count − 1)`, one for each matrix, and into `parts` equally wide parts of columns. Calls `task` with the number
    /// of each range and part, the block of every matrix, and `scratch` numbers of working memory.
    ///
    /// # Panics
    /// As [`Threads::run`], for ranges that overlap, do not ascend, or leave a matrix, and for a width that is no multiple
    /// of `parts`.
    pub fn for_each_block<const N: usize>(
        &self,
        count: usize,
        ranges: impl Fn(usize) -> [Range<usize>; N],
        parts: usize,
        outputs: [(&mut [f32], usize); N],
        scratch: usize,
        task: impl Fn(usize, usize, [Output; N], &mut [f32]) + Sync,
    ) {
        // The ends of all ranges are noted down, so that those that were checked are those that are used.
        with_scratch(2 * N * count, |memory| {
            let noted: &mut [[u32; 2]] = bytemuck::cast_slice_mut(memory);
            let mut ends = [0; N];
            for index in 0..count {
                for (i, Range { start, end: next }) in ranges(index).into_iter().enumerate() {
                    let end = std::mem::replace(&mut ends[i], next);
                    assert!(end <= start && start <= next, "range {index}, {start}..{next}, begins before {end}");
                    noted[index * N + i] = [start as u32, next as u32];
                }
            }
            let mut ends = ends.into_iter();
            let outputs = outputs.map(|(data, width)| {
                let end = ends.next().unwrap_or_default();
                let whole = end.checked_mul(width).is_some_and(|length| length <= data.len());
                assert!(whole && u32::try_from(end).is_ok(), "the ranges end at row {end} of {}", data.len());
                assert!(width.is_multiple_of(parts), "{parts} parts of {width} columns");
                Pieces { start: data.as_mut_ptr(), length: data.len(), width }
            });
            let (outputs, noted) = (&outputs, &*noted);
            self.run_with_scratch(count * parts, scratch, &|index, scratch| {
                let (range, part) = (index / parts, index % parts);
                let blocks = std::array::from_fn(|i| {
                    let [start, end] = noted[range * N + i].map(|row| row as usize);
                    // SAFETY: the rows exist and those of different ranges lie apart, as checked above; so do the parts of
                    // a row; each index is given to one call.
                    unsafe { outputs[i].block(start..end, part, parts) }
                });
                task(range, part, blocks, scratch);
            });
        });
    }
}

/// A matrix whose rows are handed out to several threads.
struct Pieces<T> {
    start: *mut T,
    length: usize,
    width: usize,
}

// SAFETY: it stands for a `&mut [T]` whose disjoint parts go to different threads.
unsafe impl<T: Send> Sync for Pieces<T> {}

impl<T> Pieces<T> {
    /// The rows `first..last`, up to the end of the memory for the last piece.
    ///
    /// # Safety
    /// The rows exist and nobody else uses them.
    #[allow(clippy::mut_from_ref)]
    unsafe fn rows(&self, first: usize, last: usize, is_last: bool) -> &mut [T] {
        let begin = first * self.width;
        let end = if is_last { self.length } else { last * self.width };
        // SAFETY: by the caller, and begin ≤ end ≤ length as checked when the outputs were taken.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(begin), end - begin) }
    }
}

impl Pieces<f32> {
    /// Some rows of one of `parts` equally wide parts of the columns.
    ///
    /// # Safety
    /// The rows and the part exist, and nobody else uses them.
    unsafe fn block(&self, rows: Range<usize>, part: usize, parts: usize) -> Output<'_> {
        let columns = self.width / parts;
        let offset = if rows.is_empty() { 0 } else { rows.start * self.width + part * columns };
        // SAFETY: by the caller; a block without rows has no elements.
        unsafe { Output::from_raw(self.start.add(offset), rows.len(), columns, self.width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_several_outputs_are_cut_alike() {
        let threads = Threads::new(2).unwrap();
        for rows in [0, 1, 2, 7, 64] {
            let (mut a, mut b) = (vec![usize::MAX; rows * 3], vec![usize::MAX; rows]);
            threads.for_each_rows(rows, 3, [(&mut a, 3), (&mut b, 1)], |index, [a, b]| {
                assert_eq!(a.len(), b.len() * 3);
                a.fill(index);
                b.fill(index);
            });
            assert!((0..rows).all(|row| b[row] == row / 3 && a[row * 3..][..3] == [row / 3; 3]));
        }
        let mut out = vec![0; 10];
        threads.for_each_chunk(&mut out, 4, |index, piece| piece.fill(index * 100 + piece.len()));
        assert_eq!(out, [4, 4, 4, 4, 104, 104, 104, 104, 202, 202]);
    }

    #[test]
    fn ranges_of_all_lengths() {
        let ends = [0, 0, 5, 6, 10];
        for count in [1, 2, 3, 8] {
            let (mut a, mut b) = ([0; 12], [0; 12]);
            let range = |index: usize| ends[index] + usize::from(index == 1)..ends[index + 1];
            Threads::new(count).unwrap().for_each_range(4, range, [&mut a, &mut b], 3, |index, [a, b], scratch| {
                assert_eq!((a.len(), scratch.len()), (b.len(), 3));
                a.fill(index + 1);
                b.fill(index + 11);
            });
            assert_eq!(a, [0, 2, 2, 2, 2, 3, 4, 4, 4, 4, 0, 0]);
            assert_eq!(b[1..10], [12, 12, 12, 12, 13, 14, 14, 14, 14]);
        }
    }

    #[test]
    #[should_panic(expected = "begins before 2")]
    fn ranges_that_overlap_are_refused() {
        Threads::single().for_each_range(2, |index| index..index + 2, [&mut [0; 4]], 0, |_, _, _| {});
    }

    #[test]
    fn blocks_of_rows_and_columns() {
        let ends = [0, 2, 2, 3, 7];
        for count in [1, 2, 3, 8] {
            let (mut a, mut b) = ([0.0; 28], [0.0; 16]);
            let ranges = |index: usize| [ends[index]..ends[index + 1], index..index + 1];
            let threads = Threads::new(count).unwrap();
            threads.for_each_block(
                4,
                ranges,
                2,
                [(&mut a, 4), (&mut b, 4)],
                5,
                |range, part, [mut a, mut b], scratch| {
                    assert_eq!(
                        (a.rows(), a.columns(), b.rows(), b.columns()),
                        (ends[range + 1] - ends[range], 2, 1, 2)
                    );
                    assert_eq!(scratch.len(), 5);
                    (0..a.rows()).for_each(|row| a.row(row).fill((10 * range + part) as f32));
                    b.row(0).fill((10 * range + part) as f32);
                },
            );
            let row = |range: usize| [10 * range, 10 * range, 10 * range + 1, 10 * range + 1].map(|x| x as f32);
            assert_eq!(a[..], [0, 0, 2, 3, 3, 3, 3].map(row).concat());
            assert_eq!(b[..], [0, 1, 2, 3].map(row).concat());
        }
        let refused = |ranges: [Range<usize>; 2], parts: usize| {
            let task = || {
                let mut a = [0.0; 12];
                let ranges = |index: usize| [ranges[index].clone()];
                Threads::single().for_each_block(2, ranges, parts, [(&mut a, 4)], 0, |_, _, _, _| {});
            };
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(task)).is_err()
        };
        assert!(!refused([0..1, 1..3], 2));
        assert!(refused([0..2, 1..3], 2) && refused([0..1, 1..4], 2) && refused([0..1, 1..3], 3));
    }
}
