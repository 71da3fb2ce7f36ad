//! How a kernel runs on a GPU, whichever it is: programs with a block of arguments, slices to read and to write, and a number of
//! groups.
//!
//! A [`Program`] is an entry point of a file: of `shaders/FILE.wgsl` on a WebGPU device, of
//! `kernels/FILE.ptx` on a CUDA device. A group has [`GROUP`] invocations. Programs go
//! through their work with a stride of as many groups as were started, so that a device may start fewer than were asked for.
//! Launches run one after the other: each sees all that was written before it.

use super::{Buffer, Device, Precision, Slice};
use crate::error::{Error, Result};

/// Invocations of a group.
pub const GROUP: usize = 256;

/// A function that runs on a GPU: an entry point of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Program {
    /// The name of the file without its ending, which is that of the operation.
    pub file: &'static str,
    /// The name of the entry point.
    pub entry: &'static str,
}

impl Program {
    /// An entry point of a file.
    pub const fn new(file: &'static str, entry: &'static str) -> Self {
        Program { file, entry }
    }
}

/// Sets every word of a slice.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
pub(super) const FILL: Program = Program::new("fill", "fill");

/// What a kernel sees on a GPU.
pub struct Launch<'a> {
    pub(super) device: &'a Device,
    pub(super) arguments: &'a [u8],
    /// The slices to read.
    pub inputs: &'a [Slice<'a>],
    /// The slices to write, or to read and write.
    pub outputs: &'a [Slice<'a>],
}

impl<'a> Launch<'a> {
    /// The block of arguments; zero if the launch gave a block of another size, which the table's tests exclude.
    pub fn arguments<A: bytemuck::Pod>(&self) -> A {
        bytemuck::try_pod_read_unaligned(self.arguments).unwrap_or_else(|_| A::zeroed())
    }

    /// The words of the block of arguments, and more behind them.
    pub fn words(&self, more: &[u32]) -> Vec<u32> {
        let own = self.arguments.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]));
        own.chain(more.iter().copied()).collect()
    }

    /// Runs a program with the arguments of this launch, `more` behind them, and all slices in their order. Without groups
    /// nothing runs.
    pub fn run(&self, program: Program, more: &[u32], groups: usize) -> Result<()> {
        self.run_with(program, &self.words(more), self.inputs, self.outputs, groups)
    }

    /// Runs a program with arguments and slices of its own.
    pub fn run_with(
        &self,
        program: Program,
        arguments: &[u32],
        inputs: &[Slice],
        outputs: &[Slice],
        groups: usize,
    ) -> Result<()> {
        self.device.dispatch(program, arguments, inputs, outputs, groups)
    }

    /// Sets every number of a slice to zero.
    pub fn clear(&self, slice: Slice) -> Result<()> {
        self.device.fill(slice, 0)
    }

    /// How products of matrices are to be computed.
    pub fn precision(&self) -> Precision {
        self.device.precision()
    }

    /// True on a CUDA device, for which some operations have a second program.
    pub fn is_cuda(&self) -> bool {
        self.device.is_cuda()
    }

    /// What this GPU cannot do.
    pub fn refuse(&self, message: impl Into<String>) -> Error {
        Error::device(self.device.describe().name, message)
    }

    /// Memory for what lies between the programs of one launch.
    pub fn scratch(&self, words: usize) -> Result<Buffer> {
        self.device.allocate(words)
    }
}

/// Rows of which a group takes one each to 32 of its invocations.
pub const ROWS: usize = 8;
/// Columns that a group adds up side by side, with eight of its invocations for each.
pub const COLUMNS: usize = 32;

/// Sums over rows in two steps: over blocks of rows, then over the blocks in ascending order. Blocks depend on the number of rows
/// alone.
pub struct BlockSums {
    memory: Buffer,
    blocks: usize,
    width: usize,
}

impl BlockSums {
    /// Rows of a block; a program that fills [`slice`](Self::slice) divides the rows the same way.
    pub const ROWS: usize = 256;

    /// For a matrix of so many rows and columns.
    pub fn new(launch: &Launch, rows: usize, width: usize) -> Result<Self> {
        let blocks = rows.div_ceil(Self::ROWS);
        Ok(BlockSums { memory: launch.scratch(blocks * width)?, blocks, width })
    }

    /// The sums of the blocks, `[blocks, width]`, which a program fills.
    pub fn slice(&self) -> Slice<'_> {
        self.memory.all()
    }

    /// Groups of that program: one for [`COLUMNS`] columns of a block.
    pub fn groups(&self) -> usize {
        self.blocks * self.width.div_ceil(COLUMNS)
    }

    /// Writes or adds the sums over all blocks.
    pub fn finish(&self, launch: &Launch, to: Slice, accumulate: u32) -> Result<()> {
        add_blocks(launch, self.slice(), [self.blocks, self.width], to, accumulate)
    }
}

/// Writes or adds the sums over blocks `[blocks, width]` in ascending order.
pub fn add_blocks(
    launch: &Launch,
    blocks: Slice,
    [count, width]: [usize; 2],
    to: Slice,
    accumulate: u32,
) -> Result<()> {
    let arguments = [count as u32, width as u32, accumulate];
    launch.run_with(Program::new("block_sums", "forward"), &arguments, &[blocks], &[to], groups_for(width))
}

/// Groups of one invocation for each of so many elements.
pub fn groups_for(elements: usize) -> usize {
    elements.div_ceil(GROUP)
}
