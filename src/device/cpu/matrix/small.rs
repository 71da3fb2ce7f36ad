//! Products of small matrices on the calling thread, all of them read where they lie: steps of larger kernels whose operands
//! are in the first-level cache.

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

/// `C = A·B`, or `C + A·B`. Every sum is one chain of fused multiply-adds in ascending order, as of [`product`](super::product);
/// where all numbers are finite, the bits do not depend on [`SmallProduct::zeros`], which costs speed if it is not
/// [`Zeros::Count`].
pub struct SmallProduct<'a> {
    /// A, its rows or its columns contiguous.
    pub a: View<'a>,
    /// B, as many rows as A has columns; each has room for the columns of C, rounded up to whole vectors.
    pub b: &'a [f32],
    /// The distance of B's rows.
    pub b_stride: usize,
    /// Whether the sums go on from what stands in C, instead of from 0.
    pub go_on: bool,
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
        let SmallProduct { a, b, b_stride, go_on, mut c, zeros } = self;
        let (rows, depth, columns) = (c.rows(), a.columns(), c.columns());
        if rows == 0 || columns == 0 {
            return;
        }
        let by_rows = a.column_stride() == 1;
        assert!(a.rows() == rows && (by_rows || a.row_stride() == 1), "A has {} rows for {rows}", a.rows());
        let padded = columns.next_multiple_of(L::WIDTH);
        assert!(depth == 0 || (depth - 1) * b_stride + padded <= b.len(), "B has {} elements", b.len());
        let whole = Panel {
            rows,
            depth,
            a: a.from(0, 0).as_ptr(),
            a_stride: if by_rows { a.row_stride() } else { a.column_stride() },
            b: b.as_ptr(),
            b_stride,
            c: c.raw(),
            columns,
        };
        for column in (0..columns).step_by(2 * L::WIDTH) {
            // SAFETY: the sizes were asserted, and C is borrowed for writing.
            unsafe {
                let panel = Panel {
                    b: whole.b.wrapping_add(column),
                    c: Target { start: whole.c.start.add(column), ..whole.c },
                    columns: (columns - column).min(2 * L::WIDTH),
                    ..whole
                };
                match (zeros, by_rows, go_on) {
                    (Zeros::Count, true, false) => panel.run::<L, true, false>(l),
                    (Zeros::Count, true, true) => panel.run::<L, true, true>(l),
                    (Zeros::Count, false, false) => panel.run::<L, false, false>(l),
                    (Zeros::Count, false, true) => panel.run::<L, false, true>(l),
                    _ => l.enter(Careful { panel, by_rows, go_on, zeros }),
                }
            }
        }
    }
}

/// Up to two vectors of columns. `a_stride` is the distance of A's rows where those are contiguous, else of its columns.
#[derive(Clone, Copy)]
struct Panel {
    rows: usize,
    depth: usize,
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    c: Target,
    columns: usize,
}

impl Panel {
    /// # Safety
    /// The elements exist, B's rows have room for whole vectors, and nobody else uses C.
    #[inline(always)]
    unsafe fn run<L: Lanes, const BY_ROWS: bool, const GO_ON: bool>(self, l: L) {
        // SAFETY: by the caller.
        unsafe {
            if self.columns > L::WIDTH {
                self.strips::<L, 2, BY_ROWS, GO_ON>(l);
            } else {
                self.strips::<L, 1, BY_ROWS, GO_ON>(l);
            }
        }
    }

    /// All rows of V vectors of columns.
    ///
    /// # Safety
    /// As of [`Panel::run`].
    #[inline(always)]
    unsafe fn strips<L: Lanes, const V: usize, const BY_ROWS: bool, const GO_ON: bool>(self, l: L) {
        // Eight sums are enough to be under way together.
        let best = if V == 1 { 8 } else { L::ROWS_OF_TWO };
        let mut row = 0;
        macro_rules! strips {
            ($($height:literal)*) => {
                $(if best >= $height && self.rows - row >= $height {
                    let count = (self.rows - row) / $height;
                    l.enter(Strip::<$height, V, BY_ROWS, GO_ON>(self.below::<BY_ROWS>(row), count));
                    row += count * $height;
                })*
            };
        }
        strips!(12 8 6 4 2 1);
        debug_assert_eq!(row, self.rows);
    }

    /// The panel without its first rows.
    #[inline(always)]
    fn below<const BY_ROWS: bool>(self, rows: usize) -> Self {
        Panel {
            a: self.a.wrapping_add(rows * if BY_ROWS { self.a_stride } else { 1 }),
            c: Target { start: self.c.start.wrapping_add(rows * self.c.row_stride), ..self.c },
            ..self
        }
    }
}

/// Tiles of R rows and V vectors below each other.
struct Strip<const R: usize, const V: usize, const BY_ROWS: bool, const GO_ON: bool>(Panel, usize);

impl<const R: usize, const V: usize, const BY_ROWS: bool, const GO_ON: bool> Kernel for Strip<R, V, BY_ROWS, GO_ON> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Strip(mut panel, count) = self;
        for _ in 0..count {
            // SAFETY: promised to `Panel::strips`.
            unsafe { tile::<L, R, V, BY_ROWS, GO_ON>(l, panel) };
            panel = panel.below::<BY_ROWS>(R);
        }
    }
}

/// Tiles between the one that is computed and the one whose rows of A are asked for.
const AHEAD: usize = 4;

/// R rows and V vectors of columns, held in registers along k.
///
/// # Safety
/// As of [`Panel::run`].
#[inline(always)]
unsafe fn tile<L: Lanes, const R: usize, const V: usize, const BY_ROWS: bool, const GO_ON: bool>(l: L, panel: Panel) {
    let Panel { depth, a, a_stride, mut b, b_stride, c, columns, .. } = panel;
    let whole = columns == V * L::WIDTH;
    let mut sums = [[l.zero(); V]; R];
    // SAFETY: by the caller; only the last vector of a row may be a part.
    unsafe {
        if BY_ROWS {
            for r in 0..R {
                l.prefetch(a.wrapping_add((AHEAD * R + r) * a_stride));
            }
        }
        if GO_ON {
            for r in 0..R {
                l.prefetch(c.start.wrapping_add((R + r) * c.row_stride));
                for v in 0..V {
                    let place = c.row(r).add(v * L::WIDTH);
                    sums[r][v] =
                        if whole || v + 1 < V { l.load(place) } else { l.load_partial(place, columns - v * L::WIDTH) };
                }
            }
        }
        let mut a = a;
        for _ in 0..depth {
            if !BY_ROWS {
                l.prefetch(a.wrapping_add(AHEAD * 8 * a_stride));
            }
            let mut vectors = [l.zero(); V];
            for v in 0..V {
                vectors[v] = l.load(b.add(v * L::WIDTH));
            }
            for r in 0..R {
                let factor = l.splat(*a.add(if BY_ROWS { r * a_stride } else { r }));
                for v in 0..V {
                    sums[r][v] = l.fma(factor, vectors[v], sums[r][v]);
                }
            }
            a = a.wrapping_add(if BY_ROWS { 1 } else { a_stride });
            b = b.wrapping_add(b_stride);
        }
        for r in 0..R {
            for v in 0..V {
                let place = c.row(r).add(v * L::WIDTH);
                if whole || v + 1 < V {
                    l.store(place, sums[r][v]);
                } else {
                    l.store_partial(place, sums[r][v], columns - v * L::WIDTH);
                }
            }
        }
    }
}

/// A panel without the products of zeros of one factor.
struct Careful {
    panel: Panel,
    by_rows: bool,
    go_on: bool,
    zeros: Zeros,
}

impl Kernel for Careful {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Careful { panel: Panel { rows, depth, a, a_stride, b, b_stride, c, columns }, .. } = self;
        let (row_stride, column_stride) = if self.by_rows { (a_stride, 1) } else { (1, a_stride) };
        for row in 0..rows {
            for column in (0..columns).step_by(L::WIDTH) {
                let count = L::WIDTH.min(columns - column);
                // SAFETY: as of the tiles; rows of B have room for whole vectors.
                unsafe {
                    let place = c.row(row).add(column);
                    let mut sum = if self.go_on { l.load_partial(place, count) } else { l.zero() };
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

    /// `C + A·B` by the definition; A is `[rows, depth]`.
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
                for (go_on, start) in [(true, c.clone()), (false, vec![0.0; c.len()])] {
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
                            isa.run(SmallProduct { a, b: &b, b_stride, go_on, c: output, zeros });
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
                isa.run(SmallProduct { a, b: &rows, b_stride: width, go_on: true, c: c_view, zeros });
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
                SmallProduct { a, b: self.0, b_stride: 1, go_on: false, c, zeros: Zeros::Count }.run(l);
            }
        }
        Isa::default().run(Try(&[1.0]));
    }
}
