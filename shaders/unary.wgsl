// with: activations
//
// y = f(x), element by element, and its backward dx = f'(x) dy.
//
// Arguments: `function`, the number of f; `accumulate`, 1 when backward adds to its output. All arrays have the same length n.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    function: u32,
    accumulate: u32,
    n: u32,
    // forward: x, y; backward: x, dy, dx.
    first: u32,
    second: u32,
    third: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        y[call.second + i] = value_of(call.function, x[call.first + i]);
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let d = derivative_of(call.function, x[call.first + i]) * dy[call.second + i];
        let at = call.third + i;
        dx[at] = select(d, dx[at] + d, call.accumulate == 1u);
    }
}
