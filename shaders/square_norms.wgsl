// with: groups
//
// Sum of squares of each segment of a flat tensor.
//
// Arguments: a word without meaning, the number of `segments`. x, offsets `[segments + 1]`, sums `[segments]`.
// Launch: a group a segment; thread t adds every 256th element from t on, then the group adds up.

struct Call {
    nothing: u32,
    segments: u32,
    x: u32,
    offsets: u32,
    sums: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var segment = group.x; segment < call.segments; segment += groups.x) {
        let end = offsets[call.offsets + segment + 1u];
        var sum = 0.0;
        for (var i = offsets[call.offsets + segment] + thread; i < end; i += 256u) {
            let value = x[call.x + i];
            sum += value * value;
        }
        let total = sum_over_group(thread, sum);
        if thread == 0u {
            sums[call.sums + segment] = total;
        }
    }
}
