// with: philox
//
// Inverted dropout: y_i = s x_i where the random word of i is at least the threshold, else 0; backward is the same of dy.
//
// Arguments: `threshold`, `scale` s = 1/(1 - p), the words of the Philox key, `accumulate`, the length n. The word of i is word
// i mod 4 for the counter [⌊i/4⌋, 0, 0, 2].
// Launch: a thread four elements; threads stride over the rest. A dropped element is 0 even if it was NaN.

struct Call {
    threshold: u32,
    scale: f32,
    key_low: u32,
    key_high: u32,
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
    let blocks = (call.n + 3u) / 4u;
    for (var block = thread.x; block < blocks; block += 256u * groups.x) {
        let words = philox(vec2<u32>(call.key_low, call.key_high), vec4<u32>(block, 0u, 0u, 2u));
        for (var word = 0u; word < 4u && 4u * block + word < call.n; word++) {
            let i = 4u * block + word;
            let value = select(0.0, x[call.x + i] * call.scale, words[word] >= call.threshold);
            let at = call.y + i;
            y[at] = select(value, y[at] + value, call.accumulate == 1u);
        }
    }
}
