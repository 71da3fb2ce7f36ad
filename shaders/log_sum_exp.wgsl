// with: rows
//
// y = max x + ln Σ_j exp(x_j - max x) along the last axis, which is removed; dx_j = dy exp(x_j - y).
//
// Arguments: the `width` of a row, `accumulate`, the number of `rows`.
// Launch: 32 threads a row, each every 32nd element; sums and maxima over the row in shared memory, always in the same order.
// No numbers, or minus infinity alone, give minus infinity; such entries have no gradient. NaN gives NaN.

struct Call {
    width: u32,
    accumulate: u32,
    rows: u32,
    // forward: x, y; backward: x, y, dy, dx.
    x: u32,
    y: u32,
    dy: u32,
    dx: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> kept: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        let lane = select(call.width, thread % LANES, row < call.rows);
        let source = call.x + row * call.width;
        var best = -infinity();
        for (var j = lane; j < call.width; j += LANES) {
            best = larger(best, x[source + j]);
        }
        let largest = largest_of_row(thread, best);
        // Without a finite maximum the plain formula gives what is documented.
        let origin = select(0.0, largest, is_finite(largest));
        var sum = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            sum += exp_of(x[source + j] - origin);
        }
        let total = sum_over_row(thread, sum);
        if row < call.rows && thread % LANES == 0u {
            y[call.y + row] = origin + log_of(total);
        }
    }
}

@compute @workgroup_size(256)
fn backward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        if row < call.rows {
            let total = kept[call.y + row];
            for (var j = thread % LANES; j < call.width; j += LANES) {
                let place = row * call.width + j;
                let value = x[call.x + place];
                // Minus infinity less minus infinity is NaN, but such an entry has no share in anything.
                var share = 0.0;
                if value != -infinity() || total != value {
                    share = exp_of(value - total) * dy[call.dy + row];
                }
                let at = call.dx + place;
                dx[at] = select(share, dx[at] + share, call.accumulate == 1u);
            }
        }
    }
}
