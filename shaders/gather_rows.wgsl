// with: functions
//
// y[i] = x[index[i]] for rows of x, NaN where an index is too large; dx[r] = Σ dy[i] over the i whose index is r, in ascending order.
//
// Arguments: `rows` and `width` of x, `accumulate`, the length n of what is written, for backward the number `count` of indices.
// Launch: a thread an element of what is written; threads stride over the rest.

struct Call {
    rows: u32,
    width: u32,
    accumulate: u32,
    n: u32,
    // forward: x, index, y; backward: count, then dy, index, dx.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let row = index[call.second + i / call.width];
        var value = nan();
        if row < call.rows {
            value = x[call.first + row * call.width + i % call.width];
        }
        y[call.third + i] = value;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        // x is dy here, y is dx.
        let at = call.fourth + i;
        let row = i / call.width;
        var sum = 0.0;
        if call.accumulate == 1u {
            sum = y[at];
        }
        for (var j = 0u; j < call.first; j++) {
            if index[call.third + j] == row {
                sum += x[call.second + j * call.width + i % call.width];
            }
        }
        y[at] = sum;
    }
}
