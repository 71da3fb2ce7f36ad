// with: rows
// with: spline
//
// The rational-quadratic spline of a coupling layer, forward or inverse, and its backward: src/ops/coupling_spline has the formulas.
//
// Arguments: those of the operation: `inverse`, `bins`, `rows`, the elements n of a row of x, whether there is a gradient of y and of
// ℓ, whether dx and draw are added to, the domain; for backward the number of elements of x. raw `[rows, n (3K + 3)]`.
// Launch: forward 32 threads a row, an element each, the log-determinant added up in shared memory; backward a thread an element,
// which reads its parameters again rather than keep 3K + 3 of them.

struct Call {
    inverse: u32,
    bins: u32,
    rows: u32,
    n: u32,
    from_y: u32,
    from_log_det: u32,
    add_x: u32,
    add_raw: u32,
    left: f32,
    bottom: f32,
    least_width: f32,
    least_height: f32,
    width_span: f32,
    height_span: f32,
    least_bin_width: f32,
    least_bin_height: f32,
    // forward: x, raw, y, ℓ; backward: x, raw, dy, dℓ, dx, draw.
    x: u32,
    raw: u32,
    third: u32,
    fourth: u32,
    fifth: u32,
    sixth: u32,
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

fn parameter(start: u32, p: u32) -> f32 {
    return raw[start + p];
}

fn spline_of_call() -> Spline {
    return Spline(
        call.inverse, call.bins, call.left, call.bottom, call.least_width, call.least_height, call.width_span, call.height_span,
        call.least_bin_width, call.least_bin_height,
    );
}

@compute @workgroup_size(256)
fn forward(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let spline = spline_of_call();
    let count = 3u * call.bins + 3u;
    for (var first = group.x * ROWS; first < call.rows; first += groups.x * ROWS) {
        let row = first + thread / LANES;
        let end = select(0u, call.n, row < call.rows);
        var sum = 0.0;
        for (var j = thread % LANES; j < end; j += LANES) {
            let element = row * call.n + j;
            let value = spline_value(point_of(spline, call.raw + element * count, x[call.x + element]), call.inverse == 1u);
            y[call.third + element] = value.x;
            sum += value.y;
        }
        let total = sum_over_row(thread, sum);
        if row < call.rows && thread % LANES == 0u {
            log_det[call.fourth + row] = total;
        }
    }
}

fn put(at: u32, value: f32) {
    draw[at] = select(value, draw[at] + value, call.add_raw == 1u);
}

/// The gradient of the size of bin i: `corner` below the bin of the point, `own` at it, zero above.
fn of_bin(i: u32, bin: u32, corner: f32, own: f32) -> f32 {
    return select(select(0.0, own, i == bin), corner, i < bin);
}

/// Gradients of the raw bins of a side; returns that of the total.
fn through_softmax(start: u32, to: u32, first: u32, side: Side, bin: u32, corner: f32, own: f32) -> f32 {
    var mean = 0.0;
    for (var i = 0u; i < call.bins; i++) {
        mean += of_bin(i, bin, corner, own) * share_of(start, first + i, side);
    }
    for (var i = 0u; i < call.bins; i++) {
        let share = share_of(start, first + i, side);
        put(to + first + i, side.surplus * share * (of_bin(i, bin, corner, own) - mean));
    }
    return mean;
}

@compute @workgroup_size(256)
fn backward(@builtin(global_invocation_id) thread: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let spline = spline_of_call();
    let inverse = call.inverse == 1u;
    let bins = call.bins;
    let count = 3u * bins + 3u;
    for (var element = thread.x; element < call.rows * call.n; element += 256u * groups.x) {
        let start = call.raw + element * count;
        let to = call.sixth + element * count;
        let p = point_of(spline, start, x[call.x + element]);
        var dvalue = 0.0;
        if call.from_y == 1u {
            dvalue = dy[call.third + element];
        }
        var dvolume = 0.0;
        if call.from_log_det == 1u {
            dvolume = dlog_det[call.fourth + element / call.n];
        }

        // 1. The logarithm of the slope by the coordinate: L'/L - 2 D'/D.
        let slope = slope_at(p);
        let per_numerator = 1.0 / p.numerator;
        let per_width = 1.0 / p.dx;
        let xi2 = p.xi * p.xi;
        let zeta2 = p.zeta * p.zeta;
        let twice_theta = 2.0 * p.theta * p.reciprocal;
        let turn = p.zeta - p.xi;
        let bend = p.d0 + p.d1 - 2.0 * p.s;
        let numerator_by_xi = 2.0 * (p.d1 * p.xi + (p.s * turn - p.d0 * p.zeta));
        let log_by_xi = numerator_by_xi * per_numerator - 2.0 * bend * (turn * p.reciprocal);
        let log_by_x = select(log_by_xi * per_width, 0.0, p.outside);

        // 2. Cotangents of f's value and of ln f', and the gradient of the coordinate.
        var of_value = dvalue;
        var of_log = dvolume;
        var of_coordinate = dvalue * slope + dvolume * log_by_x;
        if inverse {
            of_log = -dvolume;
            of_value = -((of_log * log_by_x + dvalue) / slope);
            of_coordinate = -of_value;
        }

        // 3. Within the bin: by s and the two derivatives, then by the corners.
        let scaled = of_value * p.dy * (p.reciprocal * p.reciprocal);
        var ds = scaled * p.theta * (p.d1 * xi2 - p.d0 * zeta2)
            + of_log * (2.0 * ((p.theta * per_numerator + 1.0 / p.s) - p.squares * p.reciprocal));
        var dd0 = scaled * p.theta * (p.s * zeta2 + p.d1 * p.theta) + of_log * (zeta2 * per_numerator - twice_theta);
        var dd1 = of_log * (xi2 * per_numerator - twice_theta) - scaled * p.theta * (p.s * xi2 + p.d0 * p.theta);
        var dxi_per_width = of_value * slope + of_log * log_by_x;
        if p.outside {
            ds = 0.0;
            dd0 = 0.0;
            dd1 = 0.0;
            dxi_per_width = 0.0;
        }
        let corner = -dxi_per_width;
        let dwidth = -(ds * p.s * per_width + dxi_per_width * p.xi);
        let dheight = select(of_value * rise_of(p) + ds * per_width, 0.0, p.outside);

        // 4. The slope of the tails: outside, and as the derivative at the outermost knots.
        let run = select(p.relative, p.relative / p.tail, inverse);
        var dtail = select(0.0, of_value * run + of_log / p.tail, p.outside);
        dtail += select(0.0, dd0, p.bin == 0u);
        dtail += select(0.0, dd1, p.last);

        // 5. The raw parameters.
        put(to, select(corner, -(of_value * slope), p.outside));
        put(to + 1u, of_value);
        var dtotal_width = -(dtail * p.tail / p.width.total);
        var dtotal_height = dtail / p.width.total;
        dtotal_width += through_softmax(start, to, 4u, p.width, p.bin, corner, dwidth);
        let corner_height = select(of_value, 0.0, p.outside);
        dtotal_height += through_softmax(start, to, 4u + bins, p.height, p.bin, corner_height, dheight);
        put(to + 2u, dtotal_width * p.width.slope);
        put(to + 3u, dtotal_height * p.height.slope);
        for (var i = 0u; i + 1u < bins; i++) {
            let from_above = select(0.0, dd0 * p.d0_slope, p.bin == i + 1u);
            put(to + 4u + 2u * bins + i, select(from_above, dd1 * p.d1_slope, p.bin == i));
        }
        let at = call.fifth + element;
        dx[at] = select(of_coordinate, dx[at] + of_coordinate, call.add_x == 1u);
    }
}
