// with: columns
//
// Sums over rows in blocks of 256, the first of two steps (src/device/gpu.rs, BlockSums): a group adds up 32 columns of a block.
//
// A shader that takes this in says what is added up, `fn term_of(row: u32, column: u32) -> f32`, and where a sum goes,
// `fn put_sum(i: u32, sum: f32)` for element i of `[blocks, columns]`.

/// Rows of a block, as in src/device/gpu.rs.
const BLOCK: u32 = 256u;

/// All that a group of so many does. The whole group calls it.
fn sum_blocks(rows: u32, columns: u32, thread: u32, group: u32, groups: u32) {
    let tiles = (columns + COLUMNS - 1u) / COLUMNS;
    let blocks = (rows + BLOCK - 1u) / BLOCK;
    for (var work = group; work < blocks * tiles; work += groups) {
        let block = work / tiles;
        let column = work % tiles * COLUMNS + thread % COLUMNS;
        let end = select(0u, min(rows, block * BLOCK + BLOCK), column < columns);
        var sum = 0.0;
        for (var row = block * BLOCK + thread / COLUMNS; row < end; row += STRIDE) {
            sum += term_of(row, column);
        }
        let total = sum_over_column(thread, sum);
        if column < columns && thread < COLUMNS {
            put_sum(block * columns + column, total);
        }
    }
}
