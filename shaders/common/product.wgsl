// A tile of a matrix product c = a b: 64 rows and 64 columns, 16 of the summed index at a time.
//
//            64 columns                  Thread t owns the 4 × 4 elements with rows ⌊t/16⌋ + 16 i and columns t mod 16 + 16 j:
//         ┌──────────────┐               neighbours in a warp read neighbouring words of b and the same words of a.
//  16 × k │  right (b)   │
//  ┌──┐   ├──────────────┤               Shared memory: 2 × 64 × 16 words, 8 KiB. left lies by the summed index, with a row of 65
//  │l │   │              │               words, so that writing it transposed meets no bank twice.
//  │e │   │   products   │ 64 rows
//  │ft│   │              │               Each element is one chain of additions over the summed index in ascending order: it depends
//  └──┘   └──────────────┘               on its row of a and its column of b alone.
//
// A shader that takes this in says where elements are: `fn left_of(row, k) -> f32` and `fn right_of(k, column) -> f32`, 0 outside.

const TILE: u32 = 64u;
const DEPTH: u32 = 16u;
const LEFT_ROW: u32 = 65u;

var<workgroup> left_tile: array<f32, 1040>;
var<workgroup> right_tile: array<f32, 1024>;

/// The elements of a thread: row i in the i-th vector.
struct Products {
    rows: array<vec4<f32>, 4>,
}

/// Adds the products over k from `begin` to `end` for the tile whose first row and column are given. The whole group calls it.
fn add_products(start: Products, thread: u32, first_row: u32, first_column: u32, begin: u32, end: u32) -> Products {
    var sums = start;
    for (var k = begin; k < end; k += DEPTH) {
        // 1. Sixteen of the summed index, four elements of each factor a thread.
        for (var part = 0u; part < 4u; part++) {
            let i = thread + part * 256u;
            let depth = k + i % DEPTH;
            let row = i / DEPTH;
            var value = 0.0;
            if depth < end {
                value = left_of(first_row + row, depth);
            }
            left_tile[i % DEPTH * LEFT_ROW + row] = value;
            let deep = k + i / TILE;
            value = 0.0;
            if deep < end {
                value = right_of(deep, first_column + i % TILE);
            }
            right_tile[i] = value;
        }
        workgroupBarrier();
        // 2. Products.
        for (var depth = 0u; depth < DEPTH; depth++) {
            let source = depth * TILE + thread % 16u;
            let b = vec4<f32>(right_tile[source], right_tile[source + 16u], right_tile[source + 32u], right_tile[source + 48u]);
            let to = depth * LEFT_ROW + thread / 16u;
            sums.rows[0] += left_tile[to] * b;
            sums.rows[1] += left_tile[to + 16u] * b;
            sums.rows[2] += left_tile[to + 32u] * b;
            sums.rows[3] += left_tile[to + 48u] * b;
        }
        workgroupBarrier();
    }
    return sums;
}
