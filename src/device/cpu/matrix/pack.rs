//! Copies of operands in the order in which the kernel reads them.

use super::view::View;
use crate::device::cpu::lanes::{Kernel, Lanes};

/// Copies rows `first_row..first_row + depth` of B's columns `first_column..first_column + columns` into a panel:
/// `to[k·width + j]`, columns beyond the matrix are zero.
pub(super) struct PackPanel<'a> {
    pub b: View<'a>,
    pub first_row: usize,
    pub depth: usize,
    pub first_column: usize,
    pub columns: usize,
    pub width: usize,
    pub to: &'a mut [f32],
}

impl Kernel for PackPanel<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let PackPanel { b, first_row, depth, first_column, columns, width, to } = self;
        let from = b.from(first_row, first_column);
        let rows = to.chunks_exact_mut(width).take(depth).enumerate();
        if b.column_stride() == 1 {
            for (k, row) in rows {
                let from = &from[k * b.row_stride()..][..columns];
                for (to, from) in row.chunks_exact_mut(L::WIDTH).zip(from.chunks(L::WIDTH)) {
                    l.write(to, l.read(from));
                }
                for lane in &mut row[columns.next_multiple_of(L::WIDTH).min(width)..] {
                    *lane = 0.0;
                }
            }
        } else if b.row_stride() == 1 {
            transpose(from, b.column_stride(), columns, depth, to, width);
        } else {
            for (k, row) in rows {
                for (j, lane) in row.iter_mut().enumerate() {
                    *lane = if j < columns { from[k * b.row_stride() + j * b.column_stride()] } else { 0.0 };
                }
            }
        }
    }
}

/// `to[k·width + j] = from[j·stride + k]` for `k < depth`, `j < columns`; zero for the other `j < width`.
#[inline(always)]
fn transpose(from: &[f32], stride: usize, columns: usize, depth: usize, to: &mut [f32], width: usize) {
    for j in (0..columns.next_multiple_of(4).min(width)).step_by(4) {
        if j + 4 <= columns {
            let lines: [&[f32]; 4] = std::array::from_fn(|i| &from[(j + i) * stride..][..depth]);
            let whole = depth - depth % 4;
            for k in (0..whole).step_by(4) {
                let square = transposed(std::array::from_fn(|i| [0, 1, 2, 3].map(|q| lines[i][k + q])));
                for (q, row) in square.iter().enumerate() {
                    to[(k + q) * width + j..][..4].copy_from_slice(row);
                }
            }
            for k in whole..depth {
                for (i, line) in lines.iter().enumerate() {
                    to[k * width + j + i] = line[k];
                }
            }
        } else {
            for k in 0..depth {
                for i in j..j + 4 {
                    to[k * width + i] = if i < columns { from[i * stride + k] } else { 0.0 };
                }
            }
        }
    }
    let filled = columns.next_multiple_of(4).min(width);
    if filled < width {
        for row in to.chunks_exact_mut(width).take(depth) {
            row[filled..].fill(0.0);
        }
    }
}

/// A square of four rows, transposed; on x86-64 by the shuffles that every such processor has.
#[inline(always)]
fn transposed(rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;
        // SAFETY: SSE is part of x86-64, and arrays of four f32 are as large as the vectors.
        unsafe {
            let [mut a, mut b, mut c, mut d] = rows.map(|row| _mm_loadu_ps(row.as_ptr()));
            _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
            [a, b, c, d].map(|row| {
                let mut lanes = [0.0; 4];
                _mm_storeu_ps(lanes.as_mut_ptr(), row);
                lanes
            })
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::array::from_fn(|i| std::array::from_fn(|j| rows[j][i]))
}

/// Copies rows of A, columns `first_column..first_column + depth`, so that rows are contiguous.
pub(super) fn pack_rows(a: View, first_row: usize, rows: usize, first_column: usize, depth: usize, to: &mut [f32]) {
    let from = a.from(first_row, first_column);
    for (i, row) in to.chunks_exact_mut(depth).take(rows).enumerate() {
        for (k, element) in row.iter_mut().enumerate() {
            *element = from[i * a.row_stride() + k * a.column_stride()];
        }
    }
}
