//! Sums of products over rows, `y[i, j] = Σ_r a[r, i] b[r, j]`, on a GPU: what gradients of weights are. A group computes a tile of
//! results (`shaders/common/outer_products.wgsl`).

use crate::device::gpu::{Launch, Program, groups_for};
use crate::device::{Buffer, Slice};
use crate::error::Result;

/// Most blocks of rows, beyond which blocks grow: each takes as much memory as the result.
const MOST_BLOCKS: usize = 32;
/// Fewest rows of a block.
const FEWEST_ROWS: usize = 256;
/// Results on each axis of a tile.
const TILE: usize = 32;

/// Tiles of a matrix of results.
pub(super) fn tiles(rows: usize, columns: usize) -> usize {
    rows.div_ceil(TILE) * columns.div_ceil(TILE)
}

/// The sums over blocks of rows, which a program of the operation fills, and then over the blocks in ascending order. The blocks
/// depend on the number of rows alone.
pub(super) struct OuterProducts {
    memory: Buffer,
    rows: usize,
    blocks: usize,
    results: [usize; 2],
}

impl OuterProducts {
    /// For so many rows and results on both axes.
    pub(super) fn new(launch: &Launch, rows: usize, results: [usize; 2]) -> Result<Self> {
        let each = rows.div_ceil(MOST_BLOCKS).max(FEWEST_ROWS);
        let blocks = rows.div_ceil(each);
        let memory = launch.scratch(blocks * results[0] * results[1])?;
        Ok(OuterProducts { memory, rows: each, blocks, results })
    }

    /// Rows of a block, which the program is told.
    pub(super) fn rows(&self) -> u32 {
        self.rows as u32
    }

    /// The sums of the blocks, `[blocks, i, j]`.
    pub(super) fn slice(&self) -> Slice<'_> {
        self.memory.all()
    }

    /// Groups of that program: one for each tile of each block.
    pub(super) fn groups(&self) -> usize {
        self.blocks * tiles(self.results[0], self.results[1])
    }

    /// Writes or adds the sums over all blocks.
    pub(super) fn finish(&self, launch: &Launch, to: Slice, accumulate: u32) -> Result<()> {
        let width = self.results[0] * self.results[1];
        let arguments = [self.blocks as u32, width as u32, accumulate];
        let program = Program::new("block_sums", "forward");
        launch.run_with(program, &arguments, &[self.slice()], &[to], groups_for(width))
    }
}
