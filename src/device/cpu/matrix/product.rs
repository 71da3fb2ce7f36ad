//! The product as a whole: checks, blocks of k, chunks of rows, activation.

use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::chunk::{Chunk, panel_width};
use super::pack::{PackPanel, pack_rows};
use super::tile::Start;
use super::view::{Output, Target, View};
use crate::device::cpu::lanes::Isa;
use crate::device::cpu::scratch::with_scratch;
use crate::device::cpu::threads::Threads;
use crate::device::cpu::vector::{apply, apply_in_place};
use crate::error::{Error, Result};
use crate::math::Function;

/// Elements of k per block: a panel of B and the rows of A stay in the first-level cache, a block of B in the second.
const DEPTH: usize = 512;
/// Up to this many rows, B is read where it lies if its rows are contiguous.
const DIRECT_ROWS: usize = 128;
/// The most rows of a chunk.
const CHUNK_ROWS: usize = 96;
/// Products with fewer multiplications are left to the calling thread: they take less time than waking another one.
const SMALL: usize = 1 << 17;
/// Blocks of B with fewer elements are copied by the calling thread.
const SMALL_BLOCK: usize = 1 << 15;

/// What happens to the product.
#[derive(Debug)]
pub struct Epilogue<'a> {
    /// The sums of column j start from `bias[j]` instead of 0.
    pub bias: Option<&'a [f32]>,
    /// Applied to each sum.
    pub activation: Function,
    /// Where the sums before the activation go, for those who need them later.
    pub before: Option<Output<'a>>,
    /// Add to C instead of overwriting it.
    pub accumulate: bool,
}

impl Default for Epilogue<'_> {
    fn default() -> Self {
        Epilogue { bias: None, activation: Function::Linear, before: None, accumulate: false }
    }
}

/// `C = f(A·B + bias)`, or `C += …`, for A `[m, k]`, B `[k, n]` and C `[m, n]`; see the [module](super) for what is
/// promised about the sums. With k = 0 the sums are the bias, or 0.
///
/// # Errors
/// When the shapes do not fit together.
pub fn product(isa: Isa, threads: &Threads, a: View, b: View, mut c: Output, mut epilogue: Epilogue) -> Result<()> {
    check(&a, &b, &c, &epilogue)?;
    let (m, n) = (c.rows(), c.columns());
    if m == 0 || n == 0 {
        return Ok(());
    }
    let target = c.raw();
    let linear = epilogue.activation == Function::Linear;
    let accumulate = epilogue.accumulate;
    let job = |sums: Target, add: bool| Job { isa, threads, a, b, m, n, bias: epilogue.bias, sums, add };
    if let Some(before) = &mut epilogue.before {
        let sums = before.raw();
        job(sums, false).run(&|rows| finish(isa, epilogue.activation, sums, target, n, accumulate, rows));
    } else if !accumulate {
        job(target, false).run(&|rows| {
            if !linear {
                // Rows without gaps are one long row.
                let (length, rows) =
                    if target.row_stride == n { (n * rows.len(), rows.start..rows.start + 1) } else { (n, rows) };
                for row in rows {
                    // SAFETY: the elements exist and belong to this chunk.
                    let row = unsafe { from_raw_parts_mut(target.row(row), length) };
                    apply_in_place(isa, epilogue.activation, row);
                }
            }
        });
    } else if linear && a.columns() <= DEPTH {
        job(target, true).run(&|_| {});
    } else {
        with_scratch(m * n, |scratch| {
            let sums = Target { start: scratch.as_mut_ptr(), row_stride: n };
            job(sums, false).run(&|rows| finish(isa, epilogue.activation, sums, target, n, true, rows));
        });
    }
    Ok(())
}

fn check(a: &View, b: &View, c: &Output, epilogue: &Epilogue) -> Result<()> {
    let wrong = |message: String| Err(Error::shape("matrix product", message));
    let [(m, k), (inner, n), (rows, columns)] =
        [(a.rows(), a.columns()), (b.rows(), b.columns()), (c.rows(), c.columns())];
    if k != inner || m != rows || n != columns {
        return wrong(format!(
            "a {m} × {k} matrix times a {inner} × {n} matrix into a {rows} × {columns} matrix; the inner sizes must be equal \
             and the result must be {m} × {n}"
        ));
    }
    if let Some(bias) = epilogue.bias
        && bias.len() != n
    {
        return wrong(format!(
            "the bias has {} elements, but the result has {n} columns; give one per column",
            bias.len()
        ));
    }
    if let Some(before) = &epilogue.before
        && (before.rows() != m || before.columns() != n)
    {
        let (rows, columns) = (before.rows(), before.columns());
        return wrong(format!("the sums before the activation are {m} × {n}, but their place is {rows} × {columns}"));
    }
    Ok(())
}

/// From the sums to the result, for some rows.
fn finish(
    isa: Isa,
    activation: Function,
    sums: Target,
    c: Target,
    n: usize,
    accumulate: bool,
    rows: std::ops::Range<usize>,
) {
    for row in rows {
        // SAFETY: both rows exist, have n elements, do not overlap, and belong to this chunk.
        let (sums, c) = unsafe { (from_raw_parts(sums.row(row), n), from_raw_parts_mut(c.row(row), n)) };
        if accumulate {
            let mut buffer = [0.0; 64];
            for (c, sums) in c.chunks_mut(64).zip(sums.chunks(64)) {
                let y = &mut buffer[..sums.len()];
                apply(isa, activation, sums, y);
                c.iter_mut().zip(y).for_each(|(c, y)| *c += *y);
            }
        } else {
            apply(isa, activation, sums, c);
        }
    }
}

/// A checked product of at least one element, into `sums`.
struct Job<'a> {
    isa: Isa,
    threads: &'a Threads,
    a: View<'a>,
    b: View<'a>,
    m: usize,
    n: usize,
    bias: Option<&'a [f32]>,
    sums: Target,
    add: bool,
}

impl Job<'_> {
    /// Computes the sums; `finish` gets each range of rows when it is complete.
    fn run(&self, finish: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
        let (k, lanes) = (self.a.columns(), self.isa.width());
        let depth = k.min(DEPTH);
        let padded = self.n.next_multiple_of(lanes);
        let direct =
            self.b.column_stride() == 1 && (self.m <= DIRECT_ROWS || self.b.row_stride() == padded.min(2 * lanes));
        let panel_elements = if direct { 2 * lanes * depth } else { padded * depth };
        with_scratch(panel_elements, |panels| {
            for first in (0..k.max(1)).step_by(DEPTH) {
                let block = Block { first, depth: depth.min(k - first), last: first + depth >= k, direct };
                self.pack(block, panels);
                self.compute(block, panels, finish);
            }
        });
    }

    /// Copies the block of B into panels; with `direct` only the last one, if it is not full.
    fn pack(&self, block: Block, panels: &mut [f32]) {
        let (n, lanes) = (self.n, self.isa.width());
        let pack = |first_column: usize, panel: &mut [f32]| {
            let width = panel_width(first_column, n, lanes);
            self.isa.run(PackPanel {
                b: self.b,
                first_row: block.first,
                depth: block.depth,
                first_column,
                columns: width.min(n - first_column),
                width,
                to: &mut panel[..width * block.depth],
            });
        };
        if block.direct {
            let last = (n - 1) / (2 * lanes) * (2 * lanes);
            if n - last != panel_width(last, n, lanes) {
                pack(last, panels);
            }
            return;
        }
        let panel = 2 * lanes * block.depth;
        if panel == 0 {
            return;
        }
        let padded = &mut panels[..n.next_multiple_of(lanes) * block.depth];
        if padded.len() < SMALL_BLOCK {
            padded.chunks_mut(panel).enumerate().for_each(|(index, panel)| pack(index * 2 * lanes, panel));
        } else {
            self.threads.for_each_chunk(padded, panel, |index, panel| pack(index * 2 * lanes, panel));
        }
    }

    /// The tiles of all rows for one block of k.
    fn compute(&self, block: Block, panels: &[f32], finish: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
        let (m, n) = (self.m, self.n);
        let chunk_rows = m.div_ceil(8).next_multiple_of(12).min(CHUNK_ROWS);
        let rows_contiguous = self.a.column_stride() == 1;
        let copied = !rows_contiguous && self.a.row_stride() != 1;
        let packed_until = (n - 1) / (2 * self.isa.width()) * (2 * self.isa.width());
        // With direct reading the only panel in memory is the last one; the kernel counts from the first.
        let panels = Shared(panels.as_ptr().wrapping_sub(if block.direct { packed_until * block.depth } else { 0 }));
        let b = Shared(self.b.from(block.first.min(self.b.rows().saturating_sub(1)), 0).as_ptr());
        let bias = Shared(self.bias.map_or(std::ptr::null(), <[f32]>::as_ptr));
        let task = |index: usize, scratch: &mut [f32]| {
            let first_row = index * chunk_rows;
            let rows = chunk_rows.min(m - first_row);
            let (a, a_stride) = if block.depth == 0 {
                (scratch.as_ptr(), 0)
            } else if copied {
                pack_rows(self.a, first_row, rows, block.first, block.depth, scratch);
                (scratch.as_ptr(), block.depth)
            } else {
                let stride = if rows_contiguous { self.a.row_stride() } else { self.a.column_stride() };
                (self.a.from(first_row, block.first).as_ptr(), stride)
            };
            let start = if block.first > 0 {
                Start::Partial
            } else if self.bias.is_some() {
                Start::Bias(bias.get())
            } else {
                Start::Zero
            };
            // SAFETY: the views were checked when they were made, and the shapes against each other; the panels were
            // filled for this block; chunks have rows of their own.
            unsafe {
                let to = Target { start: self.sums.row(first_row), row_stride: self.sums.row_stride };
                let chunk = Chunk {
                    rows,
                    columns: n,
                    depth: block.depth,
                    a,
                    a_stride,
                    a_rows_contiguous: rows_contiguous || copied,
                    panels: panels.get(),
                    direct: block.direct.then_some((b.get(), self.b.row_stride())),
                    start,
                    to,
                    add: self.add,
                };
                self.isa.run(chunk.assume_valid());
            }
            if block.last {
                finish(first_row..first_row + rows);
            }
        };
        let chunks = m.div_ceil(chunk_rows);
        let scratch = if copied { chunk_rows * block.depth } else { 0 };
        if m * n * block.depth < SMALL {
            with_scratch(scratch, |scratch| (0..chunks).for_each(|index| task(index, scratch)));
        } else {
            self.threads.run_with_scratch(chunks, scratch, &task);
        }
    }
}

/// A block of k.
#[derive(Clone, Copy)]
struct Block {
    first: usize,
    depth: usize,
    last: bool,
    direct: bool,
}

/// A pointer to memory that all threads read.
struct Shared(*const f32);

// SAFETY: it stands for a shared borrow of f32.
unsafe impl Sync for Shared {}

impl Shared {
    fn get(&self) -> *const f32 {
        self.0
    }
}
