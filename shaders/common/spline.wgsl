// with: functions
//
// The rational-quadratic spline of one element: where a coordinate lies in it, and its value there. The formulas are those of
// src/ops/coupling_spline, with the same names.
//
// A shader that takes this in says where parameters are: `fn parameter(start: u32, p: u32) -> f32` is parameter p of the element
// whose parameters begin at `start`: left, bottom, total width, total height, K widths, K heights, K - 1 derivatives.

struct Spline {
    inverse: u32,
    bins: u32,
    left: f32,
    bottom: f32,
    least_width: f32,
    least_height: f32,
    width_span: f32,
    height_span: f32,
    least_bin_width: f32,
    least_bin_height: f32,
}

/// sinh(1) ln(e - 1), the shift of a raw total.
const TOTAL_OFFSET: f32 = 0.6361656;
/// ln(e - 1), the shift of a raw derivative, and the lower end of its sum with it.
const DERIVATIVE_OFFSET: f32 = 0.54132485;
const LOWEST_DERIVATIVE: f32 = -30.0;

/// A total width or height, and the softmax that shares it among the bins.
struct Side {
    total: f32,
    /// Its derivative after the raw total.
    slope: f32,
    surplus: f32,
    largest: f32,
    /// 1 by the sum of the exponentials.
    reciprocal: f32,
}

/// Where a coordinate lies, and everything about its bin.
struct Point {
    left: f32,
    bottom: f32,
    width: Side,
    height: Side,
    tail: f32,
    relative: f32,
    outside: bool,
    bin: u32,
    last: bool,
    x: f32,
    y: f32,
    dx: f32,
    dy: f32,
    s: f32,
    d0: f32,
    d1: f32,
    d0_slope: f32,
    d1_slope: f32,
    xi: f32,
    zeta: f32,
    theta: f32,
    squares: f32,
    reciprocal: f32,
    numerator: f32,
}

/// The side whose bins begin at parameter `first`.
fn side_of(start: u32, first: u32, bins: u32, raw_total: f32, span: f32, least: f32, least_bin: f32) -> Side {
    let soft = softplus_of(raw_total + TOTAL_OFFSET);
    var side: Side;
    side.total = span * asinh_of(soft) + least;
    side.slope = span * sigmoid_of(raw_total + TOTAL_OFFSET) / hypotenuse(soft, 1.0);
    side.largest = parameter(start, first);
    for (var i = 1u; i < bins; i++) {
        let value = parameter(start, first + i);
        side.largest = select(side.largest, value, value > side.largest || is_nan(value));
    }
    var sum = 0.0;
    for (var i = 0u; i < bins; i++) {
        sum += exp_of(parameter(start, first + i) - side.largest);
    }
    side.surplus = side.total - f32(bins) * least_bin;
    side.reciprocal = 1.0 / sum;
    return side;
}

/// The share of a bin in the softmax.
fn share_of(start: u32, parameter_of_bin: u32, side: Side) -> f32 {
    return exp_of(parameter(start, parameter_of_bin) - side.largest) * side.reciprocal;
}

/// The derivative at a knot in x, and its derivative after the raw one in y; at the outermost knots the slope of the tails.
fn knot_derivative(raw: f32, edge: bool, tail: f32) -> vec2<f32> {
    if edge {
        return vec2<f32>(tail, 0.0);
    }
    let argument = raw + DERIVATIVE_OFFSET;
    if argument < LOWEST_DERIVATIVE {
        return vec2<f32>(softplus_of(LOWEST_DERIVATIVE), 0.0);
    }
    return vec2<f32>(softplus_of(argument), sigmoid_of(argument));
}

/// ξ in x and 1 - ξ in y for a height h in the bin.
fn root(h: f32, s: f32, d0: f32, d1: f32) -> vec2<f32> {
    let rest = 1.0 - h;
    let difference = d1 * h - d0 * rest;
    let twice = s + s;
    let t = sqrt(difference * difference + twice * twice * (h * rest)) + abs(difference);
    let rising = difference > 0.0;
    let other = twice * select(h, rest, rising);
    let reciprocal = 1.0 / (t + other);
    let large = t * reciprocal;
    let small = other * reciprocal;
    return select(vec2<f32>(small, large), vec2<f32>(large, small), rising);
}

/// Finds the bin of a coordinate, x or for the inverse y.
fn point_of(spline: Spline, start: u32, coordinate: f32) -> Point {
    let bins = spline.bins;
    let inverse = spline.inverse == 1u;
    var p: Point;
    p.left = parameter(start, 0u) + spline.left;
    p.bottom = parameter(start, 1u) + spline.bottom;
    p.width = side_of(start, 4u, bins, parameter(start, 2u), spline.width_span, spline.least_width, spline.least_bin_width);
    p.height = side_of(
        start, 4u + bins, bins, parameter(start, 3u), spline.height_span, spline.least_height, spline.least_bin_height,
    );
    p.tail = p.height.total / p.width.total;
    p.relative = coordinate - select(p.left, p.bottom, inverse);

    // The last bin whose lower knot is below the coordinate is kept.
    var next = vec2<f32>(0.0, 0.0);
    for (var i = 0u; i < bins; i++) {
        let size = vec2<f32>(
            share_of(start, 4u + i, p.width) * p.width.surplus + spline.least_bin_width,
            share_of(start, 4u + bins + i, p.height) * p.height.surplus + spline.least_bin_height,
        );
        if i == 0u || select(next.x, next.y, inverse) < p.relative {
            p.x = next.x;
            p.y = next.y;
            p.dx = size.x;
            p.dy = size.y;
            p.bin = i;
        }
        next += size;
    }
    p.last = p.bin + 1u == bins;
    p.outside = p.relative <= 0.0 || p.relative > select(next.x, next.y, inverse);
    var lower = 0.0;
    var upper = 0.0;
    if p.bin > 0u {
        lower = parameter(start, 3u + 2u * bins + p.bin);
    }
    if !p.last {
        upper = parameter(start, 4u + 2u * bins + p.bin);
    }
    let first_knot = knot_derivative(lower, p.bin == 0u, p.tail);
    let second_knot = knot_derivative(upper, p.last, p.tail);
    p.d0 = first_knot.x;
    p.d0_slope = first_knot.y;
    p.d1 = second_knot.x;
    p.d1_slope = second_knot.y;

    let kept = select(p.relative, 0.0, p.outside);
    // Between 0 and 1 up to rounding; NaN stays.
    let fraction = at_most(1.0, at_least(0.0, (kept - select(p.x, p.y, inverse)) / select(p.dx, p.dy, inverse)));
    p.s = p.dy / p.dx;
    var both = vec2<f32>(fraction, 1.0 - fraction);
    if inverse {
        both = root(fraction, p.s, p.d0, p.d1);
    }
    p.xi = both.x;
    p.zeta = both.y;
    p.theta = p.xi * p.zeta;
    p.squares = p.xi * p.xi + p.zeta * p.zeta;
    p.reciprocal = 1.0 / (p.s * p.squares + (p.d0 + p.d1) * p.theta);
    p.numerator = p.d1 * p.xi * p.xi + p.d0 * p.zeta * p.zeta + 2.0 * p.s * p.theta;
    return p;
}

/// How far up in the bin.
fn rise_of(p: Point) -> f32 {
    return (p.s * p.xi * p.xi + p.d0 * p.theta) * p.reciprocal;
}

/// The slope, in the bin or in the tail.
fn slope_at(p: Point) -> f32 {
    let ratio = p.s * p.reciprocal;
    return select(ratio * (ratio * p.numerator), p.tail, p.outside);
}

/// The value in x and the log-determinant of the direction in y.
fn spline_value(p: Point, inverse: bool) -> vec2<f32> {
    let log_slope = log_of(slope_at(p));
    if inverse {
        let inside = p.left + (p.dx * p.xi + p.x);
        return vec2<f32>(select(inside, p.left + p.relative / p.tail, p.outside), -log_slope);
    }
    let inside = p.bottom + (p.dy * rise_of(p) + p.y);
    return vec2<f32>(select(inside, p.tail * p.relative + p.bottom, p.outside), log_slope);
}
