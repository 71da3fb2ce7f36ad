// with: rows
// with: block_sums
//
// Layer and RMS normalisation: y = (x - m) r γ + β along the last axis, r = 1/√(mean((x - m)²) + ε), m the mean or 0.
// Backward with x̂ = (x - m) r and g = γ dy: dx = r (g - mean(g) - x̂ mean(g x̂)), dγ = Σ_rows dy x̂, dβ = Σ_rows dy.
//
// Arguments: `epsilon`, the `width` of a row, flags `centred`, `gain`, `shift`, `of_gain`, `accumulate`, the number of `rows`.
// Launch: forward and backward_input 32 threads a row, each every 32nd element, sums in shared memory; backward_parameter a group for
// 32 columns of a block of 256 rows, which leaves the sum over the block (src/device/gpu.rs, BlockSums). Always in the same order.

struct Call {
    epsilon: f32,
    width: u32,
    centred: u32,
    gain: u32,
    shift: u32,
    of_gain: u32,
    accumulate: u32,
    rows: u32,
    // forward: x, γ, β, y, r, m; backward_input: x, γ, r, m, dy, dx; backward_parameter: x, r, m, dy, sums.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;

// forward
@group(0) @binding(2) var<storage, read> gain: array<f32>;
@group(0) @binding(3) var<storage, read> shift: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> r_out: array<f32>;
@group(0) @binding(6) var<storage, read_write> m_out: array<f32>;

// backward_input
@group(0) @binding(3) var<storage, read> r: array<f32>;
@group(0) @binding(4) var<storage, read> m: array<f32>;
@group(0) @binding(5) var<storage, read> dy: array<f32>;
@group(0) @binding(6) var<storage, read_write> dx: array<f32>;

// backward_parameter
@group(0) @binding(2) var<storage, read> r_of_row: array<f32>;
@group(0) @binding(3) var<storage, read> m_of_row: array<f32>;
@group(0) @binding(4) var<storage, read> slope: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;

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
        var sum = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            sum += x[source + j];
        }
        let total = sum_over_row(thread, sum);
        let mean = select(0.0, total / f32(call.width), call.centred == 1u);
        var square = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            let centred = x[source + j] - mean;
            square += centred * centred;
        }
        let variance = sum_over_row(thread, square) / f32(call.width);
        let reciprocal = 1.0 / sqrt(variance + call.epsilon);
        for (var j = lane; j < call.width; j += LANES) {
            var value = (x[source + j] - mean) * reciprocal;
            if call.gain == 1u {
                value *= gain[call.second + j];
            }
            if call.shift == 1u {
                value += shift[call.third + j];
            }
            y[call.fourth + row * call.width + j] = value;
        }
        if row < call.rows && thread % LANES == 0u {
            r_out[call.fifth + row] = reciprocal;
            if call.centred == 1u {
                m_out[call.sixth + row] = mean;
            }
        }
    }
}

@compute @workgroup_size(256)
fn backward_input(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        let lane = select(call.width, thread % LANES, row < call.rows);
        var reciprocal = 0.0;
        var mean = 0.0;
        if row < call.rows {
            reciprocal = r[call.third + row];
            if call.centred == 1u {
                mean = m[call.fourth + row];
            }
        }
        var along = 0.0;
        var level = 0.0;
        for (var j = lane; j < call.width; j += LANES) {
            let place = row * call.width + j;
            var g = dy[call.fifth + place];
            if call.gain == 1u {
                g *= gain[call.second + j];
            }
            along += g * (x[call.first + place] - mean) * reciprocal;
            level += g;
        }
        along = sum_over_row(thread, along) / f32(call.width);
        level = sum_over_row(thread, level) / f32(call.width);
        if call.centred == 0u {
            level = 0.0;
        }
        for (var j = lane; j < call.width; j += LANES) {
            let place = row * call.width + j;
            var g = dy[call.fifth + place];
            if call.gain == 1u {
                g *= gain[call.second + j];
            }
            let value = reciprocal * (g - level - (x[call.first + place] - mean) * reciprocal * along);
            let at = call.sixth + place;
            dx[at] = select(value, dx[at] + value, call.accumulate == 1u);
        }
    }
}

/// What a row adds to the gradient of a parameter.
fn term_of(row: u32, column: u32) -> f32 {
    let place = row * call.width + column;
    var value = slope[call.fourth + place];
    if call.of_gain == 1u {
        var mean = 0.0;
        if call.centred == 1u {
            mean = m_of_row[call.third + row];
        }
        value *= (x[call.first + place] - mean) * r_of_row[call.second + row];
    }
    return value;
}

fn put_sum(i: u32, sum: f32) {
    sums[call.fifth + i] = sum;
}

@compute @workgroup_size(256)
fn backward_parameter(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    sum_blocks(call.rows, call.width, thread, group.x, groups.x);
}
