// with: functions
// with: groups
//
// The norm of all gradients from the sums of squares of segments, what each segment is multiplied by, and a row for the report.
// Formulas: src/ops/update/clipping.rs.
//
// Arguments: `kind` (0 none, 1 for all together, 2 for each on its own), `limit`, the row `slot`, the number of `segments`.
// sums `[segments]`, loss `[1]`, clip `[segments]`, reports `[slots, 2]`: loss and norm.
// Launch: one group; thread t has every 256th segment from t on. A loss or a norm that is not finite makes every factor NaN.

struct Call {
    kind: u32,
    limit: f32,
    slot: u32,
    segments: u32,
    sums: u32,
    loss: u32,
    clip: u32,
    reports: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> clips: array<f32>;
@group(0) @binding(4) var<storage, read_write> reports: array<f32>;

const GLOBAL: u32 = 1u;
const PER_TENSOR: u32 = 2u;

fn factor(norm: f32) -> f32 {
    return call.limit / max(norm, call.limit);
}

@compute @workgroup_size(256)
fn forward(@builtin(local_invocation_index) thread: u32) {
    // A 256th, so that many sums that are finite have a finite sum.
    var sum = 0.0;
    for (var i = thread; i < call.segments; i += 256u) {
        sum += sums[call.sums + i] * 0.00390625;
    }
    let norm = 16.0 * sqrt(sum_over_group(thread, sum));
    let lost = loss[call.loss];
    let taken = is_finite(norm) && is_finite(lost);
    for (var i = thread; i < call.segments; i += 256u) {
        var value = 1.0;
        if call.kind == GLOBAL {
            value = factor(norm);
        } else if call.kind == PER_TENSOR {
            value = factor(sqrt(sums[call.sums + i]));
        }
        clips[call.clip + i] = select(nan(), value, taken);
    }
    if thread == 0u {
        reports[call.reports + 2u * call.slot] = lost;
        reports[call.reports + 2u * call.slot + 1u] = norm;
    }
}
