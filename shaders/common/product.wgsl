// A tile of a matrix product c = a b: 64 rows and 64 columns, 16 of the summed index at a time.
//
//            64 columns                  Thread t owns the 4 × 4 elements with rows ⌊t/16⌋ + 16 i and columns t mod 16 + 16 j:
//         ┌──────────────┐               neighbours in a warp read neighbouring words of b and the same words of a.
//  16 × k │  right (b)   │
//  ┌──┐   ├──────────────┤               Shared memory: 2 × 65 × 16 words, 8.1 KiB. Both lie by the summed index, with a row of 65
//  │l │   │              │               words, so that writing one transposed meets no bank twice.
//  │e │   │   products   │ 64 rows
//  │ft│   │              │               Each element is one chain of additions over the summed index in ascending order: it depends
//  └──┘   └──────────────┘               on its row of a and its column of b alone.
//
// A shader that takes this in says where elements are, `fn left_of(row: u32, k: u32) -> f32` and `fn right_of(k: u32, column: u32) ->
// f32`, which are 0 outside, and along what they lie side by side: `fn left_by_rows() -> bool` where neighbours in a column of a do,
// `fn right_by_depth() -> bool` where neighbours in a column of b do.

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
const TILE_ROW: u32 = 65u;

var<workgroup> left_tile: array<f32, 1040>;
var<workgroup> right_tile: array<f32, 1040>;

/// The elements of a thread: row i in the i-th vector.
struct Products {
    rows: array<vec4<f32>, 4>,
}

/// Element number i of 1024 in the order in which they lie in memory: its place on the axis of 64, and in the 16.
fn element_of(i: u32, along_tile: bool) -> vec2<u32> {
    return select(vec2<u32>(i / DEPTH, i % DEPTH), vec2<u32>(i % TILE, i / TILE), along_tile);
}

/// Adds the products over k from `begin` to `end` for the tile whose first row and column are given. The whole group calls it.
fn add_products(start: Products, thread: u32, first_row: u32, first_column: u32, begin: u32, end: u32) -> Products {
    var sums = start;
    for (var k = begin; k < end; k += DEPTH) {
        // 1. Sixteen of the summed index, four elements of each factor a thread.
        for (var part = 0u; part < 4u; part++) {
            let l = element_of(thread + part * 256u, left_by_rows());
            var value = 0.0;
            if k + l.y < end {
                value = left_of(first_row + l.x, k + l.y);
            }
            left_tile[l.y * TILE_ROW + l.x] = value;
            let r = element_of(thread + part * 256u, !right_by_depth());
            value = 0.0;
            if k + r.y < end {
                value = right_of(k + r.y, first_column + r.x);
            }
            right_tile[r.y * TILE_ROW + r.x] = value;
        }
        workgroupBarrier();
        // 2. Products.
        for (var depth = 0u; depth < DEPTH; depth++) {
            let source = depth * TILE_ROW + thread % 16u;
            let b = vec4<f32>(right_tile[source], right_tile[source + 16u], right_tile[source + 32u], right_tile[source + 48u]);
            let to = depth * TILE_ROW + thread / 16u;
            sums.rows[0] += left_tile[to] * b;
            sums.rows[1] += left_tile[to + 16u] * b;
            sums.rows[2] += left_tile[to + 32u] * b;
            sums.rows[3] += left_tile[to + 48u] * b;
        }
        workgroupBarrier();
    }
    return sums;
}

/// Row in the tile of the i-th vector of a thread.
fn row_of_thread(thread: u32, i: u32) -> u32 {
    return thread / 16u + 16u * i;
}

/// Column in the tile of element j of each of its vectors.
fn column_of_thread(thread: u32, j: u32) -> u32 {
    return thread % 16u + 16u * j;
}
