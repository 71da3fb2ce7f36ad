// with: functions
// with: sets
//
// One step of Adam or AdamW over all weights: src/ops/update/adam.rs has the formulas.
//
// Arguments: `rate`, `first` (1 - β₁), `second` (1 - β₂), `epsilon`, `decay`, the number of `segments`, the length n of the flat
// tensors. offsets `[segments + 1]`; clip and others `[segments]`: what others marks by 1, or whose clip is NaN, is left
// alone.
// Launch: a thread a weight, which looks for its segment by bisection; threads stride over the rest.

struct Call {
    rate: f32,
    first: f32,
    second: f32,
    epsilon: f32,
    decay: f32,
    segments: u32,
    n: u32,
    gradients: u32,
    offsets: u32,
    clip: u32,
    others: u32,
    weights: u32,
    m: u32,
    v: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read> clips: array<f32>;
@group(0) @binding(4) var<storage, read> others: array<u32>;
@group(0) @binding(5) var<storage, read_write> weights: array<f32>;
@group(0) @binding(6) var<storage, read_write> m: array<f32>;
@group(0) @binding(7) var<storage, read_write> v: array<f32>;

fn offset_of(kind: u32, segment: u32) -> u32 {
    return offsets[call.offsets + segment];
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let end = min(call.n, offsets[call.offsets + call.segments]);
    for (var i = thread.x + offsets[call.offsets]; i < end; i += 256u * groups.x) {
        let segment = set_of(0u, i, call.segments);
        let factor = clips[call.clip + segment];
        if others[call.others + segment] == 0u && !is_nan(factor) {
            let gradient = factor * gradients[call.gradients + i];
            var weight = weights[call.weights + i];
            var mean = m[call.m + i];
            var square = v[call.v + i];
            mean += call.first * (gradient - mean);
            square += call.second * (gradient * gradient - square);
            weight -= call.decay * weight;
            weight -= call.rate * mean / (sqrt(square) + call.epsilon);
            weights[call.weights + i] = weight;
            m[call.m + i] = mean;
            v[call.v + i] = square;
        }
    }
}
