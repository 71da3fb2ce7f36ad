// y[j] = Σ_b sums[b, j] over blocks in ascending order, or added to y.
//
// Arguments: `blocks`, `width`, `accumulate`; sums `[blocks, width]`, y `[width]`.
// Launch: a thread a column; threads stride over the rest.

struct Call {
    blocks: u32,
    width: u32,
    accumulate: u32,
    sums: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var j = thread.x; j < call.width; j += 256u * groups.x) {
        var sum = 0.0;
        for (var block = 0u; block < call.blocks; block++) {
            sum += sums[call.sums + block * call.width + j];
        }
        let at = call.y + j;
        y[at] = select(sum, y[at] + sum, call.accumulate == 1u);
    }
}
