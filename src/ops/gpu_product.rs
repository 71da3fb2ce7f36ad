//! Matrix products and sums over rows on a GPU: what the programs of several operations share.

use crate::device::gpu::{BlockSums, Launch, Program, add_blocks};
use crate::device::{Buffer, Precision, Slice};
use crate::error::Result;
use crate::math::Function;

/// Rows and columns of a tile of the program.
const TILE: usize = 64;
/// Fewest summed indices of a part.
const PART: usize = 1024;
/// Most parts, beyond which parts grow: each takes as much memory as the result.
const MOST_PARTS: usize = 32;

/// Tiles of a matrix of results.
pub(super) fn tiles(rows: usize, columns: usize) -> usize {
    rows.div_ceil(TILE) * columns.div_ceil(TILE)
}

/// A product whose long sums are formed in parts, which are then added in ascending order. The parts depend on the number of summed
/// indices alone.
pub(super) struct Parts {
    memory: Buffer,
    each: usize,
    count: usize,
    results: [usize; 2],
}

impl Parts {
    /// For so many summed indices, rows and columns.
    pub(super) fn new(launch: &Launch, depth: usize, results: [usize; 2]) -> Result<Self> {
        let each = depth.div_ceil(MOST_PARTS).max(PART);
        let count = depth.div_ceil(each);
        let memory = launch.scratch(count * results[0] * results[1])?;
        Ok(Parts { memory, each, count, results })
    }

    /// Summed indices of a part, which the program is told.
    pub(super) fn each(&self) -> u32 {
        self.each as u32
    }

    /// The products of the parts, `[parts, rows, columns]`, which the program fills.
    pub(super) fn slice(&self) -> Slice<'_> {
        self.memory.all()
    }

    /// Groups of that program: one for each tile of each part.
    pub(super) fn groups(&self) -> usize {
        self.count * tiles(self.results[0], self.results[1])
    }

    /// Writes or adds the sums over all parts.
    pub(super) fn finish(&self, launch: &Launch, to: Slice, accumulate: u32) -> Result<()> {
        add_blocks(launch, self.slice(), [self.count, self.results[0] * self.results[1]], to, accumulate)
    }
}

/// A row-major factor, perhaps transposed.
#[derive(Clone, Copy)]
pub(super) struct Factor<'a> {
    memory: Slice<'a>,
    rows: usize,
    columns: usize,
    /// Strides along rows and columns.
    strides: [u32; 2],
}

impl<'a> Factor<'a> {
    /// A matrix `[rows, columns]`.
    pub(super) fn new(memory: Slice<'a>, rows: usize, columns: usize) -> Self {
        Factor { memory, rows, columns, strides: [columns as u32, 1] }
    }

    /// The same memory as a matrix `[columns, rows]`.
    pub(super) fn transposed(self) -> Self {
        let [row, column] = self.strides;
        Factor { rows: self.columns, columns: self.rows, strides: [column, row], ..self }
    }
}

/// `c = a b`, or `c += a b`.
pub(super) fn product(launch: &Launch, a: Factor, b: Factor, c: Slice, accumulate: u32) -> Result<()> {
    if a.columns <= PART {
        return dense(launch, a, b, None, Function::Linear, [c, c.nothing()], accumulate);
    }
    let parts = Parts::new(launch, a.columns, [a.rows, b.columns])?;
    let outputs = [parts.slice(), c.nothing()];
    run(launch, a, b, None, Function::Linear, outputs, 0, [parts.each, parts.count])?;
    parts.finish(launch, c, accumulate)
}

/// `c = f(a b + bias)`; `before` is what `f` is applied to, and is written unless `f` is linear.
pub(super) fn dense(
    launch: &Launch,
    a: Factor,
    b: Factor,
    bias: Option<Slice>,
    f: Function,
    [c, before]: [Slice; 2],
    accumulate: u32,
) -> Result<()> {
    run(launch, a, b, bias, f, [c, before], accumulate, [a.columns, 1])
}

fn run(
    launch: &Launch,
    a: Factor,
    b: Factor,
    bias: Option<Slice>,
    f: Function,
    outputs: [Slice; 2],
    accumulate: u32,
    [each, parts]: [usize; 2],
) -> Result<()> {
    let sizes = [a.rows, a.columns, b.columns].map(|size| size as u32);
    let strides = [a.strides, b.strides].concat();
    let rest = [each as u32, parts as u32, f.index(), u32::from(bias.is_some()), accumulate];
    let arguments = [&sizes[..], &strides, &rest].concat();
    let inputs = [a.memory, b.memory, bias.unwrap_or(b.memory.nothing())];
    let groups = tiles(a.rows, b.columns) * parts;
    let entry = match launch.precision() {
        Precision::F32 => "product",
        Precision::Tf32x3 => "product_tensor",
        Precision::Tf32 => "product_tf32",
    };
    launch.run_with(Program::new("linear", entry), &arguments, &inputs, &outputs, groups)
}

/// `to[j] = Σ_rows x[row, j]`, or added to it, in blocks of rows.
pub(super) fn sum_rows(
    launch: &Launch,
    x: Slice,
    rows: usize,
    columns: usize,
    to: Slice,
    accumulate: u32,
) -> Result<()> {
    let sums = BlockSums::new(launch, rows, columns)?;
    let arguments = [rows as u32, columns as u32];
    launch.run_with(Program::new("linear", "columns"), &arguments, &[x], &[sums.slice()], sums.groups())?;
    sums.finish(launch, to, accumulate)
}
