//! Tiles of rows: kernels that take a few rows through many steps keep them as `[features, stride]`, so that vectors hold one
//! feature of several rows.

use crate::device::cpu::Isa;
use crate::device::cpu::matrix::{ACROSS, Transpose};

/// Rows of a tile, a multiple of [`ACROSS`]: what a tile needs of a usual layer stays in the second-level cache.
pub(super) const TILE: usize = 48;
/// Rows for which sums over rows are formed by one thread, a multiple of [`TILE`].
const GROUP: usize = 192;
/// Most groups, beyond which they grow.
const MOST_GROUPS: usize = 16;

/// Some rows.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) first: usize,
    pub(super) count: usize,
    /// Numbers of a feature in the tile's memory: the rows, rounded up to whole vectors.
    pub(super) stride: usize,
}

impl Tile {
    /// Tile number `index` of so many rows.
    pub(super) fn new(index: usize, rows: usize) -> Self {
        let first = index * TILE;
        let count = TILE.min(rows - first);
        Tile { first, count, stride: count.next_multiple_of(ACROSS) }
    }

    /// The tile's rows of a matrix `[rows, width]` as `[width, stride]`, zero beyond the rows.
    pub(super) fn across(self, isa: Isa, matrix: &[f32], width: usize, to: &mut [f32]) {
        let Tile { first, count, stride } = self;
        let (from, to) = (&matrix[first * width..][..count * width], &mut to[..width * stride]);
        isa.run(Transpose { from, from_stride: width, rows: count, columns: width, to, to_stride: stride, add: false });
        if count < stride {
            to.chunks_exact_mut(stride).for_each(|feature| feature[count..].fill(0.0));
        }
    }

    /// Writes or adds `[width, stride]` to the tile's own rows `[count, width]`.
    pub(super) fn along(self, isa: Isa, from: &[f32], width: usize, to: &mut [f32], add: bool) {
        let Tile { count, stride, .. } = self;
        let from = &from[..width * stride];
        isa.run(Transpose { from, from_stride: stride, rows: width, columns: count, to, to_stride: width, add });
    }
}

/// Tiles of so many rows.
pub(super) fn tiles(rows: usize) -> usize {
    rows.div_ceil(TILE)
}

/// Groups of tiles whose sums over rows are formed one after the other, and tiles of each group. They depend on the number of
/// rows alone.
pub(super) fn groups(rows: usize) -> (usize, usize) {
    let wanted = rows.div_ceil(GROUP).clamp(1, MOST_GROUPS);
    let each = tiles(rows).div_ceil(wanted).max(1);
    (tiles(rows).div_ceil(each), each)
}
