//! Sums in a fixed order that keep the error small: what the kernels of several operations share.
//!
//! A row is summed in eight interleaved partial sums. Columns are summed over blocks of rows, so that the error grows
//! with the square root of the number of blocks at worst; the blocks do not depend on threads or neighbours.

use std::ops::Range;

use crate::device::cpu::{Isa, vector};
use crate::math::Function;

/// Interleaved partial sums of a row.
const PARTIAL: usize = 8;
/// Columns that are summed side by side; also the chunk of columns that one thread takes.
pub(super) const COLUMNS: usize = 32;
/// Rows whose sum is formed before it is added to the total.
const BLOCK: usize = 128;
/// Elements of a row whose exponentials are taken at once.
pub(super) const PIECE: usize = 64;
/// Elements per chunk of rows.
const CHUNK: usize = 8192;

/// Rows per chunk of work for rows of a width.
pub(super) fn rows_per_chunk(width: usize) -> usize {
    (CHUNK / width.max(1)).max(1)
}

/// `Σ f(a)` over a row.
pub(super) fn sum_of(a: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    sum_of_three(a, a, a, |a, _, _| f(a))
}

/// `Σ a b` over two rows of equal length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of_three(a, b, a, |a, b, _| a * b)
}

/// `Σ f(a, b, c)` over three rows of equal length.
pub(super) fn sum_of_three(a: &[f32], b: &[f32], c: &[f32], f: impl Fn(f32, f32, f32) -> f32) -> f32 {
    let mut partial = [0.0f32; PARTIAL];
    let (a, b, c) = (a.chunks_exact(PARTIAL), b.chunks_exact(PARTIAL), c.chunks_exact(PARTIAL));
    let rest = a.remainder().iter().zip(b.remainder()).zip(c.remainder());
    let rest = rest.map(|((&a, &b), &c)| f(a, b, c)).fold(0.0, |sum, term| sum + term);
    for ((a, b), c) in a.zip(b).zip(c) {
        for i in 0..PARTIAL {
            partial[i] += f(a[i], b[i], c[i]);
        }
    }
    let [a, b, c, d, e, f, g, h] = partial;
    (((a + e) + (c + g)) + ((b + f) + (d + h))) + rest
}

/// Sums over `rows` rows for a range of columns: `add(row, first, sums)` adds the terms of a row to the sums of the columns
/// from `first` on, and `finish(first, sums)` takes the totals of up to [`COLUMNS`] columns.
pub(super) fn sum_columns(
    rows: usize,
    columns: Range<usize>,
    add: impl Fn(usize, usize, &mut [f32]),
    mut finish: impl FnMut(usize, &[f32]),
) {
    for first in columns.clone().step_by(COLUMNS) {
        let count = COLUMNS.min(columns.end - first);
        let mut totals = [0.0f32; COLUMNS];
        for block in (0..rows).step_by(BLOCK) {
            let mut sums = [0.0f32; COLUMNS];
            for row in block..rows.min(block + BLOCK) {
                add(row, first, &mut sums[..count]);
            }
            totals.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
        }
        finish(first, &totals[..count]);
    }
}

/// `y = exp(x − origin)` for a row, in pieces that stay in registers and cache.
pub(super) fn exponentials(isa: Isa, x: &[f32], origin: f32, y: &mut [f32]) {
    let mut moved = [0.0; PIECE];
    for (x, y) in x.chunks(PIECE).zip(y.chunks_mut(PIECE)) {
        moved.iter_mut().zip(x).for_each(|(moved, x)| *moved = x - origin);
        vector::apply(isa, Function::Exp, &moved[..x.len()], y);
    }
}

/// Sets an element, or adds to it.
pub(super) fn put(to: &mut f32, accumulate: u32, value: f32) {
    *to = if accumulate == 1 { *to + value } else { value };
}
