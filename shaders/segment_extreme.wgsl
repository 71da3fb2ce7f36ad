// with: functions
//
// Maximum or minimum over each set of a ragged batch. The gradient goes to the first element that attains it.
//
// Arguments: `minimum`, `elements` of all sets, `width`, `accumulate`, the length n of y. offsets `[sets + 1]`.
// Launch: a thread a column of a set, which goes through the set in ascending order; threads stride over the rest.

struct Call {
    minimum: u32,
    elements: u32,
    width: u32,
    accumulate: u32,
    n: u32,
    // forward: x, offsets, y; backward: x, offsets, y, dy, dx.
    x: u32,
    offsets: u32,
    y: u32,
    dy: u32,
    dx: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read> kept: array<f32>;
@group(0) @binding(4) var<storage, read> dy: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

/// First and last row but one of a set.
fn range_of(owner: u32) -> vec2<u32> {
    let end = min(offsets[call.offsets + owner + 1u], call.elements);
    return vec2<u32>(min(offsets[call.offsets + owner], end), end);
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let rows = range_of(i / call.width);
        var best = select(-infinity(), infinity(), call.minimum == 1u);
        for (var row = rows.x; row < rows.y; row++) {
            let value = x[call.x + row * call.width + i % call.width];
            let better = select(value > best, value < best, call.minimum == 1u);
            if is_nan(value) || (better && !is_nan(best)) {
                best = value;
            }
        }
        y[call.y + i] = best;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let rows = range_of(i / call.width);
        let best = kept[call.y + i];
        var waiting = dy[call.dy + i];
        for (var row = rows.x; row < rows.y; row++) {
            let place = row * call.width + i % call.width;
            var share = 0.0;
            if x[call.x + place] == best {
                share = waiting;
                waiting = 0.0;
            }
            let at = call.dx + place;
            dx[at] = select(share, dx[at] + share, call.accumulate == 1u);
        }
    }
}
