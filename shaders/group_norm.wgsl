// with: block_sums
// with: functions
// with: groups
// with: sets
//
// Group and batch normalisation: y = (x - μ)/√(v + ε) γ + β, μ and v over the rows of an outer index and the channels of a group.
// Backward with r = 1/√(v + ε), x̂ = (x - μ) r, g = γ dy and means over the n elements of a group:
// dx = r (g - l - x̂ a), l = mean(g) - dμ/(n r), a = mean(g x̂) - 2 dv/(n r²); dγ = Σ dy x̂, dβ = Σ dy.
//
// Arguments: those of the operation: `epsilon`, `groups` of channels, `ragged`, `gain`, `shift`, `outer`, `positions` of each outer
// index, `rows`, `width` of a group, whether there is a gradient of y, μ, v, `of_gain`, `accumulate`; the length n of what is
// written. x, y `[rows, groups width]`, μ, v `[outer, groups]`, sums l and a `[2, outer, groups]`, offsets `[outer + 1]` if ragged.
// Launch: moments and backward_sums a group of threads for each (outer, group), sums in shared memory (1 KiB); forward and
// backward_input a thread an element; backward_statistics a thread for each (outer, group); backward_parameter a group for 32
// columns of a block of 256 rows, which leaves the sum over the block (src/device/gpu.rs, BlockSums). Always in the same order.
// Statistics over no element are NaN.

struct Call {
    epsilon: f32,
    groups: u32,
    ragged: u32,
    gain: u32,
    shift: u32,
    outer: u32,
    positions: u32,
    rows: u32,
    width: u32,
    from_y: u32,
    from_mean: u32,
    from_variance: u32,
    of_gain: u32,
    accumulate: u32,
    n: u32,
    // x, or dμ in backward_statistics; offsets; μ, or dv in backward_statistics; v. Then forward: γ, β, y; backward_sums: γ, dy, sums;
    // backward_statistics: sums; backward_input: γ, dy, sums, dx; backward_parameter: dy, sums over blocks.
    x: u32,
    offsets: u32,
    means: u32,
    variances: u32,
    fifth: u32,
    sixth: u32,
    seventh: u32,
    eighth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> offsets: array<u32>;

// moments
@group(0) @binding(3) var<storage, read_write> means_out: array<f32>;
@group(0) @binding(4) var<storage, read_write> variances_out: array<f32>;

// All others; backward_statistics reads dμ in place of x and dv in place of μ.
@group(0) @binding(3) var<storage, read> means: array<f32>;
@group(0) @binding(4) var<storage, read> variances: array<f32>;
@group(0) @binding(5) var<storage, read> gain: array<f32>;

// forward
@group(0) @binding(6) var<storage, read> shift: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

// backward_sums, backward_input
@group(0) @binding(6) var<storage, read> dy: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums_out: array<f32>;
@group(0) @binding(7) var<storage, read> sums: array<f32>;
@group(0) @binding(8) var<storage, read_write> dx: array<f32>;

// backward_statistics
@group(0) @binding(5) var<storage, read_write> sums_changed: array<f32>;

// backward_parameter
@group(0) @binding(5) var<storage, read> slope: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums_of_blocks: array<f32>;

fn offset_of(kind: u32, outer: u32) -> u32 {
    return offsets[call.offsets + outer];
}

/// The first row of an outer index, and the row behind its last.
fn rows_within(outer: u32) -> vec2<u32> {
    if call.ragged == 0u {
        return vec2<u32>(outer, outer + 1u) * call.positions;
    }
    return rows_of(0u, outer, call.rows);
}

/// The outer index that a row belongs to.
fn owner(row: u32) -> u32 {
    if call.ragged == 0u {
        return row / call.positions;
    }
    return set_of(0u, row, call.outer);
}

/// a/n, and NaN where there is no element.
fn over(a: f32, n: u32) -> f32 {
    return select(a / f32(n), nan(), n == 0u);
}

/// Element e of a group, counted row by row.
fn element(first_row: u32, group: u32, e: u32) -> u32 {
    return (first_row + e / call.width) * call.groups * call.width + group * call.width + e % call.width;
}

@compute @workgroup_size(256)
fn moments(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var at = group.x; at < call.outer * call.groups; at += groups.x) {
        let rows = rows_within(at / call.groups);
        let n = (rows.y - rows.x) * call.width;
        var sum = 0.0;
        for (var e = thread; e < n; e += 256u) {
            sum += x[call.x + element(rows.x, at % call.groups, e)];
        }
        let mean = over(sum_over_group(thread, sum), n);
        var square = 0.0;
        for (var e = thread; e < n; e += 256u) {
            let centred = x[call.x + element(rows.x, at % call.groups, e)] - mean;
            square += centred * centred;
        }
        let variance = over(sum_over_group(thread, square), n);
        if thread == 0u {
            means_out[call.means + at] = mean;
            variances_out[call.variances + at] = variance;
        }
    }
}

@compute @workgroup_size(256)
fn forward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let channels = call.groups * call.width;
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let channel = i % channels;
        let at = owner(i / channels) * call.groups + channel / call.width;
        var value = (x[call.x + i] - means[call.means + at]) / sqrt(variances[call.variances + at] + call.epsilon);
        if call.gain == 1u {
            value *= gain[call.fifth + channel];
        }
        if call.shift == 1u {
            value += shift[call.sixth + channel];
        }
        y[call.seventh + i] = value;
    }
}

/// Σ g and Σ g x̂ over each group; 0 without a gradient of y.
@compute @workgroup_size(256)
fn backward_sums(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let statistics = call.outer * call.groups;
    for (var at = group.x; at < statistics; at += groups.x) {
        let rows = rows_within(at / call.groups);
        let n = select(0u, (rows.y - rows.x) * call.width, call.from_y == 1u);
        let mean = means[call.means + at];
        let r = 1.0 / sqrt(variances[call.variances + at] + call.epsilon);
        var level = 0.0;
        var along = 0.0;
        for (var e = thread; e < n; e += 256u) {
            let i = element(rows.x, at % call.groups, e);
            var g = dy[call.sixth + i];
            if call.gain == 1u {
                g *= gain[call.fifth + at % call.groups * call.width + e % call.width];
            }
            level += g;
            along += g * (x[call.x + i] - mean) * r;
        }
        let total_level = sum_over_group(thread, level);
        let total_along = sum_over_group(thread, along);
        if thread == 0u {
            sums_out[call.seventh + at] = total_level;
            sums_out[call.seventh + statistics + at] = total_along;
        }
    }
}

/// From the sums the means, lowered by the gradients of the statistics.
@compute @workgroup_size(256)
fn backward_statistics(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let statistics = call.outer * call.groups;
    for (var at = thread.x; at < statistics; at += 256u * groups.x) {
        let rows = rows_within(at / call.groups);
        let n = (rows.y - rows.x) * call.width;
        let spread = variances[call.variances + at] + call.epsilon;
        var dmean = 0.0;
        if call.from_mean == 1u {
            dmean = x[call.x + at];
        }
        var dvariance = 0.0;
        if call.from_variance == 1u {
            dvariance = means[call.means + at];
        }
        let level = call.fifth + at;
        let along = level + statistics;
        sums_changed[level] = over(sums_changed[level] - dmean * sqrt(spread), n);
        sums_changed[along] = over(sums_changed[along] - 2.0 * dvariance * spread, n);
    }
}

@compute @workgroup_size(256)
fn backward_input(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let channels = call.groups * call.width;
    let statistics = call.outer * call.groups;
    for (var i = thread.x; i < call.n; i += 256u * groups.x) {
        let channel = i % channels;
        let at = owner(i / channels) * call.groups + channel / call.width;
        let r = 1.0 / sqrt(variances[call.variances + at] + call.epsilon);
        var g = 0.0;
        if call.from_y == 1u {
            g = dy[call.sixth + i];
            if call.gain == 1u {
                g *= gain[call.fifth + channel];
            }
        }
        let scaled = (x[call.x + i] - means[call.means + at]) * r;
        let value = r * (g - sums[call.seventh + at] - scaled * sums[call.seventh + statistics + at]);
        let to = call.eighth + i;
        dx[to] = select(value, dx[to] + value, call.accumulate == 1u);
    }
}

/// What a row adds to the gradient of a parameter.
fn term_of(row: u32, channel: u32) -> f32 {
    let i = row * call.groups * call.width + channel;
    var value = slope[call.fifth + i];
    if call.of_gain == 1u {
        let at = owner(row) * call.groups + channel / call.width;
        value *= (x[call.x + i] - means[call.means + at]) / sqrt(variances[call.variances + at] + call.epsilon);
    }
    return value;
}

fn put_sum(i: u32, sum: f32) {
    sums_of_blocks[call.sixth + i] = sum;
}

@compute @workgroup_size(256)
fn backward_parameter(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    sum_blocks(call.rows, call.groups * call.width, thread, group.x, groups.x);
}
