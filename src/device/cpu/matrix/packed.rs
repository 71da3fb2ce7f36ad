//! Products with a factor that was packed beforehand and is used again and again: the weights of a trained network.

use super::chunk::{Chunk, expect_factor, panel_width};
use super::pack::PackPanel;
use super::tile::Start;
use super::view::{Target, View};
use crate::device::cpu::lanes::{Isa, Kernel, Lanes};

/// Columns of a packed factor are padded to a multiple of this, the widest vector.
const PADDING: usize = 16;

/// Numbers that a packed factor of `depth` rows and `columns` columns takes.
pub fn packed_length(depth: usize, columns: usize) -> usize {
    depth * columns.next_multiple_of(PADDING)
}

/// Packs B for an instruction set, the one that will multiply with it.
///
/// # Panics
/// When `to` is shorter than [`packed_length`].
pub fn pack(isa: Isa, b: View, to: &mut [f32]) {
    let (depth, columns, lanes) = (b.rows(), b.columns(), isa.width());
    for first_column in (0..columns).step_by(2 * lanes) {
        let width = panel_width(first_column, columns, lanes);
        isa.run(PackPanel {
            b,
            first_row: 0,
            depth,
            first_column,
            columns: width.min(columns - first_column),
            width,
            to: &mut to[first_column * depth..][..width * depth],
        });
    }
}

/// What the sums of a [`PackedProduct`] begin with.
#[derive(Clone, Copy)]
pub enum Begin<'a> {
    /// Zero.
    Zero,
    /// One number per column.
    Bias(&'a [f32]),
    /// What stands in C.
    There,
}

/// `C = begin + A·B` on the calling thread, B packed by [`pack`]. Every sum is one chain of fused multiply-adds in ascending
/// order, as of [`product`](super::product).
pub struct PackedProduct<'a> {
    /// Rows of A and C.
    pub rows: usize,
    /// Columns of A, rows of B.
    pub depth: usize,
    /// Columns of B and C.
    pub columns: usize,
    /// A.
    pub a: &'a [f32],
    /// The distance of A's rows, whose elements follow each other, or with `a_transposed` of A's columns.
    pub a_stride: usize,
    /// Whether A's columns are contiguous instead of its rows.
    pub a_transposed: bool,
    /// B.
    pub panels: &'a [f32],
    /// What the sums begin with.
    pub begin: Begin<'a>,
    /// C, its rows without gaps.
    pub c: &'a mut [f32],
}

impl Kernel for PackedProduct<'_> {
    type Output = ();

    /// # Panics
    /// When a slice is too short.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let PackedProduct { rows, depth, columns, a, a_stride, a_transposed, panels, begin, c } = self;
        if rows == 0 || columns == 0 {
            return;
        }
        expect_factor(a, (rows, depth), a_stride, a_transposed);
        assert!(panels.len() >= depth * columns.next_multiple_of(L::WIDTH), "B has {} elements", panels.len());
        assert!(c.len() >= rows * columns, "C has {} elements", c.len());
        let start = match begin {
            Begin::Zero => Start::Zero,
            Begin::Bias(bias) => {
                assert!(bias.len() >= columns, "the bias has {} elements", bias.len());
                Start::Bias(bias.as_ptr())
            }
            Begin::There => Start::Partial,
        };
        let chunk = Chunk {
            rows,
            columns,
            depth,
            a: a.as_ptr(),
            a_stride,
            a_rows_contiguous: !a_transposed,
            panels: panels.as_ptr(),
            direct: None,
            start,
            to: Target { start: c.as_mut_ptr(), row_stride: columns },
            add: false,
        };
        // SAFETY: the lengths were asserted, and C is borrowed for writing.
        unsafe {
            match rows {
                1 => few_rows::<L, 1, 4>(l, chunk),
                2 => few_rows::<L, 2, 2>(l, chunk),
                _ => chunk.assume_valid().run(l),
            }
        }
    }
}

/// R rows against P full panels at a time, so that enough sums are under way; the rest as always.
///
/// # Safety
/// As of [`Chunk::assume_valid`], for a chunk of R rows.
#[inline(always)]
unsafe fn few_rows<L: Lanes, const R: usize, const P: usize>(l: L, chunk: Chunk) {
    let (panel, together) = (2 * L::WIDTH, 2 * L::WIDTH * P);
    let done = chunk.columns / together * together;
    let (row, column) = if chunk.a_rows_contiguous { (chunk.a_stride, 1) } else { (1, chunk.a_stride) };
    // SAFETY: by the caller, all rows, columns and panels exist; `done` counts full panels.
    unsafe {
        for first in (0..done).step_by(together) {
            let mut sums = [[[l.zero(); 2]; P]; R];
            for (r, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
                    let at = first + v * L::WIDTH;
                    match chunk.start {
                        Start::Zero | Start::RowBias(_) => {}
                        Start::Bias(bias) => *sum = l.load(bias.add(at)),
                        Start::Partial => *sum = l.load(chunk.to.row(r).add(at)),
                    }
                }
            }
            let panels = chunk.panels.add(first * chunk.depth);
            for k in 0..chunk.depth {
                let factors: [L::F; R] = std::array::from_fn(|r| l.splat(*chunk.a.add(r * row + k * column)));
                for p in 0..P {
                    let b = panels.add((p * chunk.depth + k) * panel);
                    for v in 0..2 {
                        let b = l.load(b.add(v * L::WIDTH));
                        for r in 0..R {
                            sums[r][p][v] = l.fma(factors[r], b, sums[r][p][v]);
                        }
                    }
                }
            }
            for (r, sums) in sums.iter().enumerate() {
                for (v, sum) in sums.as_flattened().iter().enumerate() {
                    l.store(chunk.to.row(r).add(first + v * L::WIDTH), *sum);
                }
            }
        }
        if done < chunk.columns {
            let start = match chunk.start {
                Start::Bias(bias) => Start::Bias(bias.add(done)),
                other => other,
            };
            let to = Target { start: chunk.to.row(0).add(done), row_stride: chunk.to.row_stride };
            let panels = chunk.panels.add(done * chunk.depth);
            let rest = Chunk { columns: chunk.columns - done, panels, start, to, ..chunk };
            rest.assume_valid().run(l);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Threads;
    use crate::device::cpu::matrix::{Epilogue, Output, product};
    use crate::random::Key;
    use rand::RngExt;

    /// The same bits as the product that packs for itself, for all instruction sets, few and many rows, both orders of A,
    /// and sums that go on from what is there.
    #[test]
    fn the_bits_of_the_product() {
        let mut stream = Key::new(4).stream();
        let mut numbers = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random_range(-1.0..1.0)).collect() };
        for &isa in Isa::available() {
            for (rows, depth, columns) in
                [(1, 7, 5), (1, 0, 9), (1, 20, 128), (1, 3, 200), (2, 9, 128), (2, 5, 70), (3, 8, 33), (13, 17, 130)]
            {
                let (a, b, bias) = (numbers(rows * depth), numbers(depth * columns), numbers(columns));
                let view = View::row_major(&b, depth, columns).unwrap();
                let mut panels = vec![0.0; packed_length(depth, columns)];
                pack(isa, view, &mut panels);
                let mut expected = vec![0.0; rows * columns];
                let epilogue = Epilogue { bias: Some(&bias), ..Epilogue::default() };
                let (a_view, out) =
                    (View::row_major(&a, rows, depth).unwrap(), Output::row_major(&mut expected, rows, columns));
                product(isa, &Threads::single(), a_view, view, out.unwrap(), epilogue).unwrap();
                let mut transposed = vec![0.0; rows * depth];
                for i in 0..rows * depth {
                    transposed[i % depth * rows + i / depth] = a[i];
                }
                let there: Vec<f32> = (0..rows).flat_map(|_| bias.clone()).collect();
                for a_transposed in [false, true] {
                    for begin in [Begin::Bias(&bias), Begin::There] {
                        let mut c = there.clone();
                        let (a, a_stride) = if a_transposed { (&transposed, rows) } else { (&a, depth) };
                        let panels = &panels;
                        isa.run(PackedProduct {
                            rows,
                            depth,
                            columns,
                            a,
                            a_stride,
                            a_transposed,
                            panels,
                            begin,
                            c: &mut c,
                        });
                        assert_eq!(
                            c,
                            expected,
                            "{rows} × {depth} × {columns}, transposed {a_transposed}, {}",
                            isa.name()
                        );
                    }
                }
            }
        }
    }
}
