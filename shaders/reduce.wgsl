// with: rows
//
// Sum or mean over one axis: y[o, i] = factor Σ_j x[o, j, i], and its backward dx[o, j, i] = factor dy[o, i].
//
// Arguments: `axis`, `mean`, the length n of the axis, the size `inner` of the axes behind it, `accumulate`; `elements` of what is
// written. factor is 1, or 1/n for the mean.
// Launch: rows (inner is 1) 32 threads a row, which add every 32nd element and then each other in shared memory; columns and
// backward a thread an element. Always in the same order.

struct Call {
    axis: u32,
    mean: u32,
    n: u32,
    inner: u32,
    accumulate: u32,
    elements: u32,
    x: u32,
    y: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

fn factor() -> f32 {
    // The mean over nothing is NaN.
    return select(1.0, select(1.0 / f32(call.n), nan(), call.n == 0u), call.mean == 1u);
}

@compute @workgroup_size(256)
fn rows(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.elements; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        var sum = 0.0;
        if row < call.elements {
            for (var j = thread % LANES; j < call.n; j += LANES) {
                sum += x[call.x + row * call.n + j];
            }
        }
        let total = sum_over_row(thread, sum);
        if row < call.elements && thread % LANES == 0u {
            y[call.y + row] = factor() * total;
        }
    }
}

@compute @workgroup_size(256)
fn columns(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.elements; i += 256u * groups.x) {
        let start = call.x + i / call.inner * call.n * call.inner + i % call.inner;
        var sum = 0.0;
        for (var j = 0u; j < call.n; j++) {
            sum += x[start + j * call.inner];
        }
        y[call.y + i] = factor() * sum;
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = thread.x; i < call.elements; i += 256u * groups.x) {
        // x is dy here, y is dx.
        let value = factor() * x[call.x + i / (call.n * call.inner) * call.inner + i % call.inner];
        let at = call.y + i;
        y[at] = select(value, y[at] + value, call.accumulate == 1u);
    }
}
