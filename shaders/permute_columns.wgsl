// with: functions
//
// y[…, j] = x[…, index[j]], NaN where an index is too large; dx[…, i] = Σ dy[…, j] over the j whose index is i, in ascending order.
//
// Arguments: `rows`, the `width` of x, the number `count` of indices, `accumulate`, the length n of what is written.
// Launch: a thread an element of what is written; threads stride over the rest.

struct Call {
    rows: u32,
    width: u32,
    count: u32,
    accumulate: u32,
    n: u32,
    x: u32,
    index: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> index: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let column = index[call.index + i % call.count];
        var value = nan();
        if column < call.width {
            value = x[call.x + i / call.count * call.width + column];
        }
        y[call.y + i] = value;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        // x is dy here, y is dx.
        let at = call.y + i;
        var sum = 0.0;
        if call.accumulate == 1u {
            sum = y[at];
        }
        for (var j = 0u; j < call.count; j++) {
            if index[call.index + j] == i % call.width {
                sum += x[call.x + i / call.width * call.count + j];
            }
        }
        y[at] = sum;
    }
}
