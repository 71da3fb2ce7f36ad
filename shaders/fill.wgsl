// y[i] = word.
//
// Arguments: `word`, `n`; y `[n]`, any 32-bit words.
// Launch: a thread an element; threads stride over the rest.

struct Call {
    word: u32,
    n: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(256)
fn fill(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        y[call.y + i] = call.word;
    }
}
