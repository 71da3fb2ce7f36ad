// One part of a concatenation along the last axis: y[…, start .. start + count] = x, and its backward.
//
// Arguments: `width` of y, `start` and `count` of the part, `accumulate`, the length n of the part.
// Launch: a thread an element of the part; threads stride over the rest.

struct Call {
    width: u32,
    start: u32,
    count: u32,
    accumulate: u32,
    n: u32,
    x: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

/// Where an element of the part lies in the whole.
fn place(i: u32) -> u32 {
    return i / call.count * call.width + call.start + i % call.count;
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        y[call.y + place(i)] = x[call.x + i];
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        // x is dy here, y is the gradient of the part.
        let value = x[call.x + place(i)];
        let at = call.y + i;
        y[at] = select(value, y[at] + value, call.accumulate == 1u);
    }
}
