// with: columns
// with: functions
// with: sets
//
// Sum or mean over each set of a ragged batch, y[s, j] = factor Σ_{e in s} x[e, j], and what spreads a row of each set over its
// elements, y[e, j] = factor x[s, j]. factor is 1, or for the mean 1 by the size of the set.
//
// Arguments: `mean`, `elements` of all sets, `width`, `accumulate`, the number of sets; for spread the length n of y.
// offsets `[sets + 1]`. Launch: sum a group for 32 columns of a set (see common/columns.wgsl); spread a thread an element, which
// looks for its set by bisection.

struct Call {
    mean: u32,
    elements: u32,
    width: u32,
    accumulate: u32,
    sets: u32,
    // sum: x, offsets, y; spread: n, then x, offsets, y.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

/// Of sum, or of spread.
const OF_SUM: u32 = 0u;
const OF_SPREAD: u32 = 1u;

fn offset_of(kind: u32, number: u32) -> u32 {
    return offsets[select(call.second, call.third, kind == OF_SPREAD) + number];
}

/// 0/0 for an empty set.
fn factor(size: u32) -> f32 {
    return select(1.0, select(1.0 / f32(size), nan(), size == 0u), call.mean == 1u);
}

fn put(at: u32, value: f32) {
    y[at] = select(value, y[at] + value, call.accumulate == 1u);
}

@compute @workgroup_size(256)
fn sum(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tiles = (call.width + COLUMNS - 1u) / COLUMNS;
    for (var work = group.x; work < call.sets * tiles; work += groups.x) {
        let owner = work / tiles;
        let column = work % tiles * COLUMNS + thread % COLUMNS;
        let rows = rows_of(OF_SUM, owner, call.elements);
        var sum = 0.0;
        if column < call.width {
            for (var row = rows.x + thread / COLUMNS; row < rows.y; row += STRIDE) {
                sum += x[call.first + row * call.width + column];
            }
        }
        let total = sum_over_column(thread, sum);
        if column < call.width && thread < COLUMNS {
            put(call.third + owner * call.width + column, factor(rows.y - rows.x) * total);
        }
    }
}

@compute @workgroup_size(256)
fn spread(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.first; i += 256u * groups.x) {
        let owner = set_of(OF_SPREAD, i / call.width, call.sets);
        let rows = rows_of(OF_SPREAD, owner, call.elements);
        put(call.fourth + i, factor(rows.y - rows.x) * x[call.second + owner * call.width + i % call.width]);
    }
}
