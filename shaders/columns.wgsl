// y = x[…, start .. start + count], and its backward, which sets or leaves the other columns.
//
// Arguments: `start`, `count`, the `width` of x, `accumulate`, the length n of what is written.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    start: u32,
    count: u32,
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
        y[call.y + i] = x[call.x + i / call.count * call.width + call.start + i % call.count];
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        // x is dy here, y is dx.
        let column = i % call.width;
        var value = 0.0;
        if column >= call.start && column < call.start + call.count {
            value = x[call.x + i / call.width * call.count + column - call.start];
        }
        let at = call.y + i;
        y[at] = select(value, y[at] + value, call.accumulate == 1u);
    }
}
