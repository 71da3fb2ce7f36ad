// Sums of products over rows, y[i, j] = Σ_r a[r, i] b[r, j], for a tile of 32 × 32 results (src/ops/outer_products.rs).
//
// 16 rows at a time: the threads bring the elements of both, 32 in a row, to their slots in shared memory (4.1 KiB) and call
// `add_products` together. A thread has four results, at `tile_row` and `tile_column` of its tile.

const TILE: u32 = 32u;
const DEPTH: u32 = 16u;

var<workgroup> left_rows: array<f32, 528>;
var<workgroup> right_rows: array<f32, 528>;

/// Where an element of a row lies; rows are a word longer than they need be, so that a column lies in different banks.
fn slot(row: u32, column: u32) -> u32 {
    return row * 33u + column;
}

/// Row of result number 0 .. 4 of a thread in the tile.
fn tile_row(thread: u32, number: u32) -> u32 {
    return thread / 16u + number / 2u * 16u;
}

/// Its column.
fn tile_column(thread: u32, number: u32) -> u32 {
    return thread % 16u + number % 2u * 16u;
}

/// The thread's results with the products of the rows in shared memory added to them.
fn add_products(thread: u32, sums: vec4<f32>) -> vec4<f32> {
    workgroupBarrier();
    var total = sums;
    for (var row = 0u; row < DEPTH; row++) {
        let i = slot(row, thread / 16u);
        let j = slot(row, thread % 16u);
        let left = vec2<f32>(left_rows[i], left_rows[i + 16u]);
        let right = vec2<f32>(right_rows[j], right_rows[j + 16u]);
        total += left.xxyy * right.xyxy;
    }
    workgroupBarrier();
    return total;
}
