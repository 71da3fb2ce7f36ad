// with: activations
// with: product
// with: block_sums
//
// A dense layer and the products of its backward: c = a b with factors of any strides, a bias and an activation; and sums over rows.
//
// Arguments of product: `rows`, `depth` and `columns` of the product; strides of a and b along rows and columns; the depth of a part,
// `parts` of the summed index, each of which writes a matrix of its own; `function`, `bias` (1 if there is one), `accumulate`.
// a, b, bias `[columns]`, c `[parts, rows, columns]`, before: the same before the activation, unless that is linear.
// Launch: a group a tile of 64 × 64 elements of a part (common/product.wgsl: who owns what, 8.1 KiB of shared memory).
//
// columns: Σ_rows x[row, j] over blocks of 256 rows (src/device/gpu.rs, BlockSums); `rows`, `columns`; a group for 32 columns of a
// block, 1 KiB of shared memory.
// A NaN in a row of a reaches only that row: what lies outside of a factor counts as 0 and is not read.

struct Call {
    rows: u32,
    depth: u32,
    columns: u32,
    a_row: u32,
    a_column: u32,
    b_row: u32,
    b_column: u32,
    part_depth: u32,
    parts: u32,
    function: u32,
    has_bias: u32,
    accumulate: u32,
    a: u32,
    b: u32,
    bias: u32,
    c: u32,
    before: u32,
}

struct SumCall {
    rows: u32,
    columns: u32,
    x: u32,
    sums: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> c: array<f32>;
@group(0) @binding(5) var<storage, read_write> before: array<f32>;

@group(0) @binding(0) var<uniform> sum_call: SumCall;
@group(0) @binding(2) var<storage, read_write> sums: array<f32>;

/// The number of the activation that changes nothing.
const LINEAR: u32 = 26u;

fn left_of(row: u32, k: u32) -> f32 {
    if row >= call.rows {
        return 0.0;
    }
    return a[call.a + row * call.a_row + k * call.a_column];
}

fn right_of(k: u32, column: u32) -> f32 {
    if column >= call.columns {
        return 0.0;
    }
    return b[call.b + k * call.b_row + column * call.b_column];
}

fn left_by_rows() -> bool {
    return call.a_row < call.a_column;
}

fn right_by_depth() -> bool {
    return call.b_row < call.b_column;
}

@compute @workgroup_size(256)
fn product(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let row_tiles = (call.rows + TILE - 1u) / TILE;
    let column_tiles = (call.columns + TILE - 1u) / TILE;
    for (var work = group.x; work < row_tiles * column_tiles * call.parts; work += groups.x) {
        let part = work / (row_tiles * column_tiles);
        let first_row = work / column_tiles % row_tiles * TILE;
        let first_column = work % column_tiles * TILE;
        var start: Products;
        if call.has_bias == 1u {
            for (var j = 0u; j < 4u; j++) {
                let column = first_column + column_of_thread(thread, j);
                if column < call.columns {
                    for (var i = 0u; i < 4u; i++) {
                        start.rows[i][j] = bias[call.bias + column];
                    }
                }
            }
        }
        let begin = part * call.part_depth;
        let end = min(call.depth, begin + call.part_depth);
        var sums_of_tile = add_products(start, thread, first_row, first_column, begin, end);
        for (var i = 0u; i < 4u; i++) {
            for (var j = 0u; j < 4u; j++) {
                let row = first_row + row_of_thread(thread, i);
                let column = first_column + column_of_thread(thread, j);
                if row < call.rows && column < call.columns {
                    let value = sums_of_tile.rows[i][j];
                    let place = (part * call.rows + row) * call.columns + column;
                    if call.function == LINEAR {
                        let at = call.c + place;
                        c[at] = select(value, c[at] + value, call.accumulate == 1u);
                    } else {
                        before[call.before + place] = value;
                        c[call.c + place] = value_of(call.function, value);
                    }
                }
            }
        }
    }
}

fn term_of(row: u32, column: u32) -> f32 {
    return a[sum_call.x + row * sum_call.columns + column];
}

fn put_sum(i: u32, sum: f32) {
    sums[sum_call.sums + i] = sum;
}

@compute @workgroup_size(256)
fn columns(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    sum_blocks(sum_call.rows, sum_call.columns, thread, group.x, groups.x);
}
