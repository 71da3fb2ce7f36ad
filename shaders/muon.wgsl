// with: functions
// with: groups
//
// One step of Muon for the weights of hidden layers: src/ops/update/muon.rs has the formulas.
//
// Arguments: `rate`, `momentum`, `decay`, the number of matrices. table `[matrices, 4]`: segment, start in the flat tensors, rows,
// columns; clip by segment, NaN for a step that is not taken; scratch four times as long as the flat tensors: for a matrix that
// starts at s, from 4 s on, Z `[long, short]`, the next Z, S and its polynomial `[short, short]`.
// Launch: a group a matrix, whose threads take every 256th element of each product; between products the group waits for its writes.
// Shared memory: 1 KiB for sums. Sums of products are chains in ascending order.

struct Call {
    rate: f32,
    momentum: f32,
    decay: f32,
    matrices: u32,
    gradients: u32,
    table: u32,
    clip: u32,
    weights: u32,
    momenta: u32,
    scratch: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read> table: array<u32>;
@group(0) @binding(3) var<storage, read> clips: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;
@group(0) @binding(5) var<storage, read_write> momenta: array<f32>;
@group(0) @binding(6) var<storage, read_write> scratch: array<f32>;

const STEPS = array<vec3<f32>, 4>(
    vec3<f32>(8.298704, -24.430499, 18.090305),
    vec3<f32>(3.915221, -2.921131, 0.559223),
    vec3<f32>(3.174604, -2.380433, 0.497826),
    vec3<f32>(2.189463, -1.567221, 0.407887),
);
/// The bound of the largest singular value is taken a little larger against rounding.
const MARGIN: f32 = 1.01;
/// Root mean square of the elements of a step, in learning rates.
const RMS: f32 = 0.2;

/// The gram matrix of a matrix `[rows, columns]` in scratch: to[i, j] = Σ_r from[r, i] from[r, j].
fn gram(thread: u32, origin: u32, rows: u32, columns: u32, to: u32) {
    for (var e = thread; e < columns * columns; e += 256u) {
        var sum = 0.0;
        for (var r = 0u; r < rows; r++) {
            sum += scratch[origin + r * columns + e / columns] * scratch[origin + r * columns + e % columns];
        }
        scratch[to + e] = sum;
    }
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var index = group.x; index < call.matrices; index += groups.x) {
        let entry = call.table + 4u * index;
        let segment = table[entry];
        let first = table[entry + 1u];
        let rows = table[entry + 2u];
        let columns = table[entry + 3u];
        let tall = rows >= columns;
        let skipped = is_nan(clips[call.clip + segment]);
        let long = max(rows, columns);
        let short = min(rows, columns);
        let z = call.scratch + 4u * first;
        let next = z + long * short;
        let s = next + long * short;
        let polynomial = s + short * short;

        // 1. Momentum, and u with its longer side down.
        var square = 0.0;
        for (var e = thread; e < rows * columns; e += 256u) {
            let gradient = clips[call.clip + segment] * gradients[call.gradients + first + e];
            let at = call.momenta + first + e;
            let mean = momenta[at] + (1.0 - call.momentum) * (gradient - momenta[at]);
            momenta[at] = select(mean, momenta[at], skipped);
            let u = call.momentum * mean + (1.0 - call.momentum) * gradient;
            square += u * u;
            scratch[z + select(e % columns * rows + e / columns, e, tall)] = u;
        }
        let norm = sqrt(sum_over_group(thread, square));
        // A gradient of zero moves nothing.
        let scale = select(1.0 / norm, 0.0, norm == 0.0);
        storageBarrier();
        for (var e = thread; e < rows * columns; e += 256u) {
            scratch[z + e] *= scale;
        }
        storageBarrier();

        // 2. Newton–Schulz iterations.
        for (var step = 0u; step < 4u; step++) {
            gram(thread, z, long, short, s);
            storageBarrier();
            var factors = STEPS[step];
            var squares = 0.0;
            for (var e = thread; e < short * short; e += 256u) {
                squares += scratch[s + e] * scratch[s + e];
            }
            let total = MARGIN * sqrt(sum_over_group(thread, squares));
            if step == 0u && total > 0.0 {
                // As if z had been divided by the bound.
                let bound = sqrt(total);
                factors = vec3<f32>(factors.x / bound, factors.y / (total * bound), factors.z / (total * total * bound));
            }
            gram(thread, s, short, short, polynomial);
            storageBarrier();
            for (var e = thread; e < short * short; e += 256u) {
                let diagonal = select(0.0, factors.x, e / short == e % short);
                scratch[polynomial + e] = diagonal + factors.y * scratch[s + e] + factors.z * scratch[polynomial + e];
            }
            storageBarrier();
            for (var e = thread; e < long * short; e += 256u) {
                var sum = 0.0;
                for (var k = 0u; k < short; k++) {
                    sum += scratch[z + e / short * short + k] * scratch[polynomial + k * short + e % short];
                }
                scratch[next + e] = sum;
            }
            storageBarrier();
            for (var e = thread; e < long * short; e += 256u) {
                scratch[z + e] = scratch[next + e];
            }
            storageBarrier();
        }

        // 3. The weights.
        let step = call.rate * RMS * sqrt(f32(long));
        for (var e = thread; e < rows * columns; e += 256u) {
            let at = call.weights + first + e;
            let direction = scratch[z + select(e % columns * rows + e / columns, e, tall)];
            let moved = weights[at] - call.decay * weights[at] - step * direction;
            weights[at] = select(moved, weights[at], skipped);
        }
        storageBarrier();
    }
}
