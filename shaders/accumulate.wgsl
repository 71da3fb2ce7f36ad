// y = x, or y += x where `add` is 1.
//
// Arguments: `add`, the length `n` of x and y.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    add: u32,
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
        let value = x[call.x + i];
        let at = call.y + i;
        y[at] = select(value, y[at] + value, call.add == 1u);
    }
}
