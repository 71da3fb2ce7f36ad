//! Matrix products and sums over rows on a GPU: what the programs of several operations share.

use crate::device::Slice;
use crate::device::gpu::{BlockSums, Launch, Program, groups_for};
use crate::error::Result;
use crate::math::Function;

/// Rows and columns of a tile of the program.
const TILE: usize = 64;
/// Summed indices beyond which the sum is formed in parts.
const PART: usize = 1024;

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

/// `c = a b`, or `c += a b`. A long sum is formed in parts, which are added in ascending order; parts depend on its length alone.
pub(super) fn product(launch: &Launch, a: Factor, b: Factor, c: Slice, accumulate: u32) -> Result<()> {
    let parts = a.columns.div_ceil(PART);
    if parts <= 1 {
        return dense(launch, a, b, None, Function::Linear, [c, c.nothing()], accumulate);
    }
    let width = a.rows * b.columns;
    let memory = launch.scratch(parts * width)?;
    run(launch, a, b, None, Function::Linear, [memory.all(), c.nothing()], 0, parts)?;
    let arguments = [parts as u32, width as u32, accumulate];
    launch.run_with(Program::new("block_sums", "forward"), &arguments, &[memory.all()], &[c], groups_for(width))
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
    run(launch, a, b, bias, f, [c, before], accumulate, 1)
}

fn run(
    launch: &Launch,
    a: Factor,
    b: Factor,
    bias: Option<Slice>,
    f: Function,
    outputs: [Slice; 2],
    accumulate: u32,
    parts: usize,
) -> Result<()> {
    let depth = a.columns;
    let part_depth = if parts > 1 { PART } else { depth };
    let sizes = [a.rows, depth, b.columns].map(|size| size as u32);
    let strides = [a.strides, b.strides].concat();
    let rest = [part_depth as u32, parts as u32, f.index(), u32::from(bias.is_some()), accumulate];
    let arguments = [&sizes[..], &strides, &rest].concat();
    let inputs = [a.memory, b.memory, bias.unwrap_or(b.memory.nothing())];
    let groups = a.rows.div_ceil(TILE) * b.columns.div_ceil(TILE) * parts;
    launch.run_with(Program::new("linear", "product"), &arguments, &inputs, &outputs, groups)
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
