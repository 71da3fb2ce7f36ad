// with: rows
// with: affine
//
// The affine map of a coupling layer: y = s x + b with s = softplus(asinh(a) + c), c = ln(e - 1), or without the clamp
// softplus(a + c); ℓ = Σ_j ln s_j; or the inverse. src/ops/coupling_affine.rs has the formulas and the backward.
//
// Arguments: `inverse`, `clamp`, `rows`, the elements n of a row of x, whether there is a gradient of y and of ℓ, whether dx and draw
// are added to, for backward the number of elements. raw `[rows, 2n]`: first a, then b.
// Launch: forward 32 threads a row, the log-determinant added up in shared memory; backward a thread an element of x.

struct Call {
    inverse: u32,
    clamp: u32,
    rows: u32,
    n: u32,
    from_y: u32,
    from_log_det: u32,
    add_x: u32,
    add_raw: u32,
    // forward: x, raw, y, ℓ; backward: the number of elements, then x, raw, dy, dℓ, dx, draw.
    first: u32,
    second: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
    seventh: u32,
}

@group(0) @binding(0) var<uniform> call: Call;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> raw: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_det: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read> dlog_det: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> draw: array<f32>;

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        let end = select(0u, call.n, row < call.rows);
        var sum = 0.0;
        for (var j = thread % LANES; j < end; j += LANES) {
            let place = row * call.n + j;
            let source = call.second + row * 2u * call.n + j;
            let s = scale_of(raw[source], call.clamp == 1u).x;
            let b = raw[source + call.n];
            let value = x[call.first + place];
            y[call.third + place] = select(s * value + b, (value - b) / s, call.inverse == 1u);
            sum += log_of(s);
        }
        let total = sum_over_row(thread, sum);
        if row < call.rows && thread % LANES == 0u {
            log_det[call.fourth + row] = select(total, -total, call.inverse == 1u);
        }
    }
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    // Here `first` is the number of elements of x.
    for (var i = thread.x; i < call.first; i += 256u * groups.x) {
        let row = i / call.n;
        let place = row * 2u * call.n + i % call.n;
        let both = scale_of(raw[call.third + place], call.clamp == 1u);
        let b = raw[call.third + place + call.n];
        let value = x[call.second + i];
        var slope = 0.0;
        if call.from_y == 1u {
            slope = dy[call.fourth + i];
        }
        var volume = 0.0;
        if call.from_log_det == 1u {
            volume = dlog_det[call.fifth + row];
        }
        let reciprocal = 1.0 / both.x;
        var of_x = both.x * slope;
        var of_a = volume * reciprocal * both.y + value * slope * both.y;
        var of_b = slope;
        if call.inverse == 1u {
            of_x = slope * reciprocal;
            of_a = -((value - b) * reciprocal * slope + volume) * reciprocal * both.y;
            of_b = -of_x;
        }
        dx[call.sixth + i] = select(of_x, dx[call.sixth + i] + of_x, call.add_x == 1u);
        let to = call.seventh + place;
        draw[to] = select(of_a, draw[to] + of_a, call.add_raw == 1u);
        draw[to + call.n] = select(of_b, draw[to + call.n] + of_b, call.add_raw == 1u);
    }
}
