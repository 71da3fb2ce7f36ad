// with: rows
//
// The mean of a kernel over all pairs of points, 1/(mn) Σ_ij k(x_i, z_j): the mean over z for each x_i, then the mean of those; and
// dx_i = dy 2/(mn) Σ_j k'(‖x_i - z_j‖²) (x_i - z_j).
//
// Arguments: `kernel` (inverse multiquadratic, gaussian, laplacian; src/math/pair_kernel.rs), numbers of `points` x and `others` z,
// `width`, `accumulate`, for backward the length n of dx.
// Launch: forward 32 threads an x_i; total one group; slopes a thread a pair, which leaves k' in a matrix `[points, others]`; backward a
// thread an element of dx.
// The CPU adds up in f64; here each sum carries its rounding error along (Neumaier 1974), because such means nearly cancel.

struct Call {
    kernel: u32,
    points: u32,
    others: u32,
    width: u32,
    accumulate: u32,
    // forward: x, z, means; total: means, y; slopes: x, z, slopes; backward: n, then x, z, dy, slopes, dx.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> means: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> slopes_out: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> slopes_in: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;

const SCALES = array<f32, 11>(1e-6, 1.5849e-5, 2.5119e-4, 3.9811e-3, 6.3096e-2, 1.0, 15.849, 251.19, 3981.1, 63096.0, 1e6);

/// A sum and what rounding took from it.
fn added(sum: vec2<f32>, value: f32) -> vec2<f32> {
    let total = sum.x + value;
    let lost = select((value - total) + sum.x, (sum.x - total) + value, abs(sum.x) >= abs(value));
    return vec2<f32>(total, sum.y + lost);
}

/// Sum and rest together; the sum alone where there is no finite rest.
fn whole(sum: vec2<f32>) -> f32 {
    return select(sum.x, sum.x + sum.y, is_finite(sum.y));
}

fn squared_distance(i: u32, j: u32, x_start: u32, z_start: u32) -> f32 {
    var sum = 0.0;
    for (var column = 0u; column < call.width; column++) {
        let difference = x[x_start + i * call.width + column] - z[z_start + j * call.width + column];
        sum += difference * difference;
    }
    return sum;
}

fn kernel_of(squared: f32) -> f32 {
    var sum = 0.0;
    for (var k = 0; k < 11; k++) {
        let scale = SCALES[k];
        switch call.kernel {
            case 0u: { sum += scale / (scale + squared); }
            case 1u: { sum += exp_of(-squared / (2.0 * scale)); }
            default: { sum += exp_of(-sqrt(squared) / (2.0 * scale)); }
        }
    }
    return sum;
}

/// The derivative after the squared distance; 0 at the kink of the laplacian.
fn slope_of(squared: f32) -> f32 {
    if call.kernel == 2u && squared == 0.0 {
        return 0.0;
    }
    var sum = 0.0;
    for (var k = 0; k < 11; k++) {
        let scale = SCALES[k];
        switch call.kernel {
            case 0u: {
                let part = 1.0 / (scale + squared);
                sum += scale * part * part;
            }
            case 1u: { sum += exp_of(-squared / (2.0 * scale)) / (2.0 * scale); }
            default: { sum += exp_of(-sqrt(squared) / (2.0 * scale)) / (2.0 * scale) / (2.0 * sqrt(squared)); }
        }
    }
    return -sum;
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.points; first += groups.x * ROWS) {
        let i = first + thread / LANES;
        let end = select(0u, call.others, i < call.points);
        var sum = vec2<f32>(0.0, 0.0);
        for (var j = thread % LANES; j < end; j += LANES) {
            sum = added(sum, kernel_of(squared_distance(i, j, call.first, call.second)));
        }
        let total = sum_over_row(thread, sum.x);
        let rest = sum_over_row(thread, sum.y);
        if i < call.points && thread % LANES == 0u {
            means[call.third + i] = select(whole(vec2<f32>(total, rest)) / f32(call.others), nan(), call.others == 0u);
        }
    }
}

@compute @workgroup_size(256)
fn total(@builtin(local_invocation_index) thread: u32) {
    if thread == 0u {
        var sum = vec2<f32>(0.0, 0.0);
        for (var i = 0u; i < call.points; i++) {
            sum = added(sum, x[call.first + i]);
        }
        y[call.second] = select(whole(sum) / f32(call.points), nan(), call.points == 0u);
    }
}

@compute @workgroup_size(256)
fn slopes(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var pair = thread.x; pair < call.points * call.others; pair += 256u * groups.x) {
        let squared = squared_distance(pair / call.others, pair % call.others, call.first, call.second);
        slopes_out[call.third + pair] = slope_of(squared);
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // Here `first` is the length of dx.
    for (var element = thread.x; element < call.first; element += 256u * groups.x) {
        let i = element / call.width;
        let column = element % call.width;
        var sum = vec2<f32>(0.0, 0.0);
        for (var j = 0u; j < call.others; j++) {
            let step = x[call.second + element] - z[call.third + j * call.width + column];
            sum = added(sum, slopes_in[call.fifth + i * call.others + j] * step);
        }
        let factor = 2.0 * dy[call.fourth] / (f32(call.points) * f32(call.others));
        let value = select(whole(sum) * factor, 0.0, call.others == 0u);
        let at = call.sixth + element;
        dx[at] = select(value, dx[at] + value, call.accumulate == 1u);
    }
}
