// Each row of x `each` times in a row, and all that `times` times; dx is the sum over the copies, in ascending order.
//
// Arguments: `each`, `times`, the `rows` of x, `width`, `accumulate`, the length n of what is written.
// Launch: a thread an element of what is written; threads stride over the rest.

struct Call {
    each: u32,
    times: u32,
    rows: u32,
    width: u32,
    accumulate: u32,
    n: u32,
    x: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let row = i / call.width / call.each % call.rows;
        y[call.y + i] = x[call.x + row * call.width + i % call.width];
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        // x is dy here, y is dx.
        let row = i / call.width;
        var sum = 0.0;
        for (var time = 0u; time < call.times; time++) {
            for (var copy = 0u; copy < call.each; copy++) {
                sum += x[call.x + ((time * call.rows + row) * call.each + copy) * call.width + i % call.width];
            }
        }
        let at = call.y + i;
        y[at] = select(sum, y[at] + sum, call.accumulate == 1u);
    }
}
