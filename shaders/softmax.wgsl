// with: rows
//
// softmax(x)_j = exp(x_j - max x) / Σ_i exp(x_i - max x) along the last axis, or its logarithm; backward from the output alone:
// dx = y (dy - Σ y dy), of the logarithm dx = dy - exp(y) Σ dy.
//
// Arguments: `log`, the `width` of a row, `accumulate`, the number of `rows`.
// Launch: 32 threads a row, each every 32nd element; sums and maxima over the row in shared memory, always in the same order.
// A row with NaN or plus infinity, and a row of minus infinity alone, is NaN.

struct Call {
    log: u32,
    width: u32,
    accumulate: u32,
    rows: u32,
    // forward: x, y; backward: y, dy, dx.
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
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        let lane = select(call.width, thread % LANES, row < call.rows);
        let source = call.first + row * call.width;
        let to = call.second + row * call.width;
        var best = -infinity();
        for (var j = lane; j < call.width; j += LANES) {
            best = larger(best, x[source + j]);
        }
        let origin = largest_of_row(thread, best);
        var sum = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            sum += exp_of(x[source + j] - origin);
        }
        let total = sum_over_row(thread, sum);
        let log_total = log_of(total);
        for (var j = lane; j < call.width; j += LANES) {
            let moved = x[source + j] - origin;
            if call.log == 1u {
                y[to + j] = moved - log_total;
            } else {
                y[to + j] = exp_of(moved) / total;
            }
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
        let lane = select(call.width, thread % LANES, row < call.rows);
        let output = call.first + row * call.width;
        let slope = call.second + row * call.width;
        let to = call.third + row * call.width;
        var sum = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            sum += select(x[output + j], 1.0, call.log == 1u) * dy[slope + j];
        }
        let total = sum_over_row(thread, sum);
        for (var j = lane; j < call.width; j += LANES) {
            let own = x[output + j];
            var value = own * (dy[slope + j] - total);
            if call.log == 1u {
                value = dy[slope + j] - exp_of(own) * total;
            }
            let at = to + j;
            dx[at] = select(value, dx[at] + value, call.accumulate == 1u);
        }
    }
}
