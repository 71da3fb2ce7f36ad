//! Products of small matrices on the calling thread, all of them read where they lie: steps of larger kernels whose operands
//! are in the first-level cache.

use super::packed::Begin;
use super::tile::{Operands, Start, Tile};
use super::view::{Output, Target, View};
use crate::device::cpu::lanes::{Kernel, Lanes};

/// What a zero is worth that meets a number that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeros {
    /// The product is NaN, as in arithmetic.
    Count,
    /// A zero of A contributes nothing.
    OfA,
    /// A zero of B contributes nothing.
    OfB,
}

/// `C = begin + A·B`. Every sum is one chain of fused multiply-adds in ascending order, as of [`product`](super::product);
/// where all numbers are finite, the bits do not depend on [`SmallProduct::zeros`], which costs speed if it is not
/// [`Zeros::Count`].
pub struct SmallProduct<'a> {
    /// A, its rows or its columns contiguous.
    pub a: View<'a>,
    /// B, as many rows as A has columns; each has room for the columns of C, rounded up to whole vectors.
    pub b: &'a [f32],
    /// The distance of B's rows.
    pub b_stride: usize,
    /// What the sums begin with.
    pub begin: Begin<'a>,
    /// C.
    pub c: Output<'a>,
    /// What zeros are worth.
    pub zeros: Zeros,
}

impl Kernel for SmallProduct<'_> {
    type Output = ();

    /// # Panics
    /// When sizes do not fit or A's elements all lie apart.
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let SmallProduct { a, b, b_stride, begin, mut c, zeros } = self;
        let (rows, depth, columns) = (c.rows(), a.columns(), c.columns());
        if rows == 0 || columns == 0 {
            return;
        }
        let by_rows = a.column_stride() == 1;
        assert!(a.rows() == rows && (by_rows || a.row_stride() == 1), "A has {} rows for {rows}", a.rows());
        let padded = columns.next_multiple_of(L::WIDTH);
        assert!(depth == 0 || (depth - 1) * b_stride + padded <= b.len(), "B has {} elements", b.len());
        let start = match begin {
            Begin::Zero => Start::Zero,
            Begin::There => Start::Partial,
            Begin::Bias(bias) => {
                assert!(bias.len() >= columns, "the bias has {} elements", bias.len());
                Start::Bias(bias.as_ptr())
            }
        };
        let whole = Operands {
            depth,
            a: a.from(0, 0).as_ptr(),
            a_stride: if by_rows { a.row_stride() } else { a.column_stride() },
            b: b.as_ptr(),
            b_stride,
            start,
            to: c.raw(),
            columns,
            add: false,
        };
        for column in (0..columns).step_by(2 * L::WIDTH) {
            // SAFETY: the sizes were asserted, and C is borrowed for writing.
            unsafe {
                let operands = Operands {
                    b: whole.b.wrapping_add(column),
                    start: match start {
                        Start::Bias(bias) => Start::Bias(bias.add(column)),
                        other => other,
                    },
                    to: Target { start: whole.to.start.add(column), ..whole.to },
                    columns: (columns - column).min(2 * L::WIDTH),
                    ..whole
                };
                match (operands.columns > L::WIDTH, by_rows, zeros) {
                    (true, true, Zeros::Count) => panel::<L, 2, true>(l, operands, rows),
                    (true, false, Zeros::Count) => panel::<L, 2, false>(l, operands, rows),
                    (false, true, Zeros::Count) => panel::<L, 1, true>(l, operands, rows),
                    (false, false, Zeros::Count) => panel::<L, 1, false>(l, operands, rows),
                    (_, _, zeros) => l.enter(Careful { operands, rows, by_rows, zeros }),
                }
            }
        }
    }
}

/// All rows of V vectors of columns.
///
/// # Safety
/// As of [`Tile::new`], for all rows.
#[inline(always)]
unsafe fn panel<L: Lanes, const V: usize, const BY_ROWS: bool>(l: L, operands: Operands, rows: usize) {
    // Eight sums are enough to be under way together.
    let best = if V == 1 { 8 } else { L::ROWS_OF_TWO };
    let mut row = 0;
    macro_rules! strips {
        ($($height:literal)*) => {
            $(if best >= $height && rows - row >= $height {
                let count = (rows - row) / $height;
                l.enter(Strip::<$height, V, BY_ROWS> { operands: below::<BY_ROWS>(operands, row), count });
                row += count * $height;
            })*
        };
    }
    strips!(12 8 6 4 2 1);
    debug_assert_eq!(row, rows);
}

/// The operands of a tile some rows further down.
#[inline(always)]
fn below<const BY_ROWS: bool>(operands: Operands, rows: usize) -> Operands {
    Operands {
        a: operands.a.wrapping_add(rows * if BY_ROWS { operands.a_stride } else { 1 }),
        to: Target { start: operands.to.start.wrapping_add(rows * operands.to.row_stride), ..operands.to },
        ..operands
    }
}

/// Tiles below each other.
struct Strip<const R: usize, const V: usize, const BY_ROWS: bool> {
    operands: Operands,
    count: usize,
}

impl<const R: usize, const V: usize, const BY_ROWS: bool> Kernel for Strip<R, V, BY_ROWS> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Strip { mut operands, count } = self;
        for _ in 0..count {
            // SAFETY: promised to `panel`.
            unsafe { Tile::<R, V, BY_ROWS>::new(operands) }.run(l);
            operands = below::<BY_ROWS>(operands, R);
        }
    }
}

/// Up to two vectors of columns, without the products of zeros of one factor.
struct Careful {
    operands: Operands,
    rows: usize,
    by_rows: bool,
    zeros: Zeros,
}

impl Kernel for Careful {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Careful { operands: Operands { depth, a, a_stride, b, b_stride, start, to, columns, .. }, .. } = self;
        let (row_stride, column_stride) = if self.by_rows { (a_stride, 1) } else { (1, a_stride) };
        for row in 0..self.rows {
            for column in (0..columns).step_by(L::WIDTH) {
                let count = L::WIDTH.min(columns - column);
                // SAFETY: as of the tiles; rows of B have room for whole vectors.
                unsafe {
                    let place = to.row(row).add(column);
                    let mut sum = match start {
                        Start::Zero => l.zero(),
                        Start::Bias(bias) => l.load_partial(bias.add(column), count),
                        Start::Partial => l.load_partial(place, count),
                    };
                    for k in 0..depth {
                        let left = l.splat(*a.add(row * row_stride + k * column_stride));
                        let right = l.load(b.add(k * b_stride + column));
                        let weight = if self.zeros == Zeros::OfA { left } else { right };
                        sum = l.select(l.eq(weight, l.zero()), sum, l.fma(left, right, sum));
                    }
                    l.store_partial(place, sum, count);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::{Isa, lanes};
    use crate::random::Key;
    use rand::RngExt;

    /// `C = begin + A·B` by the definition; A is `[rows, depth]`.
    fn expected(a: &[f32], b: &[f32], b_stride: usize, c: &[f32], [rows, depth, columns]: [usize; 3]) -> Vec<f32> {
        let mut c = c.to_vec();
        for i in 0..rows {
            for j in 0..columns {
                for k in 0..depth {
                    c[i * columns + j] = a[i * depth + k].mul_add(b[k * b_stride + j], c[i * columns + j]);
                }
            }
        }
        c
    }

    /// Chains in ascending order, for all instruction sets, sizes around tiles and vectors, both orders of A, and C
    /// with others' memory between its rows.
    #[test]
    fn sums_are_chains_in_ascending_order() {
        let mut stream = Key::new(6).stream();
        let mut numbers = |count: usize| -> Vec<f32> { (0..count).map(|_| stream.random_range(-1.0..1.0)).collect() };
        for &isa in Isa::available() {
            for sizes in [[1usize, 1, 1], [3, 0, 5], [16, 9, 8], [25, 16, 16], [7, 5, 33], [48, 3, 20], [13, 2, 7]] {
                let [rows, depth, columns] = sizes;
                let b_stride = columns.next_multiple_of(16) + 16;
                let (a, b, c) = (numbers(rows * depth), numbers(depth * b_stride), numbers(rows * columns));
                let mut transposed = vec![0.0; rows * depth];
                (0..rows * depth).for_each(|i| transposed[i % depth * rows + i / depth] = a[i]);
                for (begin, start) in [(Begin::There, c.clone()), (Begin::Zero, vec![0.0; c.len()])] {
                    let expected = expected(&a, &b, b_stride, &start, sizes);
                    for by_rows in [true, false] {
                        for zeros in [Zeros::Count, Zeros::OfA, Zeros::OfB] {
                            let a = match by_rows {
                                true => View::row_major(&a, rows, depth).unwrap(),
                                false => View::row_major(&transposed, depth, rows).unwrap().transposed(),
                            };
                            let stride = columns + 3;
                            let mut padded = vec![9.0; rows * stride];
                            for (to, from) in padded.chunks_mut(stride).zip(c.chunks(columns)) {
                                to[..columns].copy_from_slice(from);
                            }
                            let output = Output::new(&mut padded, rows, columns, stride).unwrap();
                            isa.run(SmallProduct { a, b: &b, b_stride, begin, c: output, zeros });
                            for (row, expected) in padded.chunks(stride).zip(expected.chunks(columns)) {
                                assert_eq!(&row[..columns], expected, "{sizes:?}, {zeros:?}, {}", isa.name());
                                assert_eq!(row[columns..], [9.0; 3]);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn zeros_of_one_factor_can_be_left_out() {
        for &isa in Isa::available() {
            let width = isa.width();
            let multiply = |a: [f32; 2], b: [f32; 2], zeros: Zeros| {
                let rows: Vec<f32> = b.iter().flat_map(|&b| vec![b; width]).collect();
                let mut c = [1.0];
                let (a, c_view) = (View::row_major(&a, 1, 2).unwrap(), Output::row_major(&mut c, 1, 1).unwrap());
                let begin = Begin::There;
                isa.run(SmallProduct { a, b: &rows, b_stride: width, begin, c: c_view, zeros });
                c[0]
            };
            let infinity = f32::INFINITY;
            assert!(multiply([0.0, 2.0], [infinity, 3.0], Zeros::Count).is_nan());
            assert!(multiply([0.0, 2.0], [infinity, 3.0], Zeros::OfB).is_nan());
            assert_eq!(multiply([0.0, 2.0], [infinity, 3.0], Zeros::OfA), 7.0);
            assert_eq!(multiply([f32::NAN, 2.0], [0.0, 3.0], Zeros::OfB), 7.0);
            assert!(multiply([f32::NAN, 2.0], [0.0, 3.0], Zeros::OfA).is_nan());
        }
    }

    /// The vectors of the instruction set are what the padding is measured in.
    #[test]
    #[should_panic(expected = "B has")]
    fn rows_of_b_without_room_are_refused() {
        struct Try<'a>(&'a [f32]);
        impl lanes::Kernel for Try<'_> {
            type Output = ();
            #[inline(always)]
            fn run<L: Lanes>(self, l: L) {
                let mut c = [0.0];
                let (a, c) = (View::row_major(self.0, 1, 1).unwrap(), Output::row_major(&mut c, 1, 1).unwrap());
                SmallProduct { a, b: self.0, b_stride: 1, begin: Begin::Zero, c, zeros: Zeros::Count }.run(l);
            }
        }
        Isa::default().run(Try(&[1.0]));
    }
}
