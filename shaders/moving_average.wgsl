// a ← a + share (x - a), element by element.
//
// Arguments: `share`, the length n of x and a.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    share: f32,
    n: u32,
    x: u32,
    average: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let at = call.average + i;
        average[at] += call.share * (x[call.x + i] - average[at]);
    }
}
