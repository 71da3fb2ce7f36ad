// Scalar functions in f32 with a few units in the last place of error; those built into WGSL promise far less.
//
// The same approximations as on the CPU (src/device/cpu/vector): their comments say where coefficients come from. Sums of a product
// may be rounded once or twice, as the GPU does: nothing here needs a fused multiply-add.
//
// Special values follow the function's reference in src/math; constants that are not finite are made from bits when needed, as
// WGSL allows none in an expression.

const LN_2: f32 = 0.69314718;
const LOG2_E: f32 = 1.442695;
/// The front of ln 2, short enough that a multiple of it is exact, and the rest.
const LN_2_FRONT: f32 = 0.693359375;
const LN_2_REST: f32 = -2.12194440e-4;
const SMALLEST_NORMAL: f32 = 1.17549435e-38;
const LARGEST: f32 = 3.4028234e38;

fn infinity() -> f32 {
    var bits = 0x7f800000u;
    return bitcast<f32>(bits);
}

fn nan() -> f32 {
    var bits = 0x7fc00000u;
    return bitcast<f32>(bits);
}

// By bits, because a comparison may be compiled as if there were no NaN.
fn is_nan(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_finite(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

/// The larger one; NaN if the second is NaN.
fn at_least(lower: f32, x: f32) -> f32 {
    return select(x, lower, x < lower);
}

/// The smaller one; NaN if the second is NaN.
fn at_most(upper: f32, x: f32) -> f32 {
    return select(x, upper, x > upper);
}

fn clip(x: f32, lower: f32, upper: f32) -> f32 {
    return at_least(lower, at_most(upper, x));
}

/// The size of the first with the sign of the second.
fn with_sign(x: f32, sign_of: f32) -> f32 {
    return bitcast<f32>((bitcast<u32>(x) & 0x7fffffffu) | (bitcast<u32>(sign_of) & 0x80000000u));
}

/// 2ⁿ for n in -126 ..= 127.
fn power_of_two(n: i32) -> f32 {
    return bitcast<f32>(u32(n + 127) << 23u);
}

/// x 2ⁿ in two steps, so that the result may be subnormal.
fn scaled(x: f32, n: i32) -> f32 {
    let half = n >> 1u;
    return x * power_of_two(half) * power_of_two(n - half);
}

// eˣ = 2ⁿ(1 + q): n in x, q in y.
fn reduced(x: f32) -> vec2<f32> {
    let n = round(x * LOG2_E);
    let r = (x - n * LN_2_FRONT) - n * LN_2_REST;
    var p = 1.9882774e-4;
    p = p * r + 1.392625e-3;
    p = p * r + 8.333321e-3;
    p = p * r + 4.1666552e-2;
    p = p * r + 1.6666667e-1;
    p = p * r + 0.5;
    return vec2<f32>(n, r * r * p + r);
}

/// eˣ: 0 and infinity where the result is too small or too large.
fn exp_of(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    if x > 88.8 {
        return infinity();
    }
    let parts = reduced(at_least(-105.0, x));
    return scaled(1.0 + parts.y, i32(parts.x));
}

/// eˣ - 1 without cancellation at zero.
fn expm1_of(x: f32) -> f32 {
    if is_nan(x) || abs(x) < 1e-30 {
        return x;
    }
    if x > 88.8 {
        return infinity();
    }
    let parts = reduced(at_least(-20.0, x));
    // At half its size, so that 2ⁿ is finite wherever the result is.
    let power = scaled(0.5, i32(parts.x));
    let half = power * parts.y + (power - 0.5);
    return half + half;
}

/// e^(-x² s) for s = 1 or 1/2.
fn exp_of_minus_square(x: f32, s: f32) -> f32 {
    let t = clip(x, -15.0, 15.0);
    // x² in two parts, so that its rounding error does not grow with x.
    let front = bitcast<f32>(bitcast<u32>(t) & 0xfffff000u);
    return exp_of(-front * front * s) * exp_of(-(t - front) * (t + front) * s);
}

// ln(1 + m) + e ln 2 for m in -1/4 .. 1/2.
fn combined(m: f32, e: f32) -> f32 {
    var p = -4.508667e-2;
    p = p * m + 1.0463928e-1;
    p = p * m - 1.3161029e-1;
    p = p * m + 1.4478175e-1;
    p = p * m - 1.6647309e-1;
    p = p * m + 1.9990878e-1;
    p = p * m - 2.5000095e-1;
    p = p * m + 3.3333448e-1;
    p = p * m - 0.5;
    return e * LN_2 + (m * m * p + m);
}

// e 2²³ for x = 2ᵉ(1 + m).
fn exponent_bits(x: f32) -> i32 {
    return (bitcast<i32>(x) - 0x3f400000) & bitcast<i32>(0xff800000u);
}

/// ln x: minus infinity at zeros, NaN below.
fn log_of(x: f32) -> f32 {
    if is_nan(x) || x < 0.0 {
        return nan();
    }
    if x == 0.0 {
        return -infinity();
    }
    if !is_finite(x) {
        return x;
    }
    let subnormal = x < SMALLEST_NORMAL;
    let normal = select(x, x * 16777216.0, subnormal);
    let e = exponent_bits(normal);
    let m = bitcast<f32>(bitcast<i32>(normal) - e) - 1.0;
    return combined(m, f32(e >> 23u) - select(0.0, 24.0, subnormal));
}

/// ln(1 + x) without cancellation at zero: minus infinity at -1, NaN below.
fn log1p_of(x: f32) -> f32 {
    if is_nan(x) || x < -1.0 {
        return nan();
    }
    if x == -1.0 {
        return -infinity();
    }
    if x == 0.0 || !is_finite(x) {
        return x;
    }
    let e = exponent_bits(1.0 + x);
    let shrunk = bitcast<f32>(bitcast<i32>(x) - e);
    let four = bitcast<f32>(0x40800000 - e);
    return combined(shrunk + (0.25 * four - 1.0), f32(e >> 23u));
}

/// √(x² + c²) for c of moderate size, without overflow.
fn hypotenuse(x: f32, c: f32) -> f32 {
    let t = abs(x);
    return select(t, sqrt(t * t + c * c), t < 1e10);
}

/// arsinh x.
fn asinh_of(x: f32) -> f32 {
    let t = abs(x);
    if !(t < 1e10) {
        return with_sign(log1p_of(t) + LN_2, x);
    }
    return with_sign(log1p_of(t + t * t / (1.0 + hypotenuse(t, 1.0))), x);
}

/// tanh x = u/(u + 2) with u = e^(2x) - 1, odd.
fn tanh_of(x: f32) -> f32 {
    let t = at_most(10.0, abs(x));
    let u = expm1_of(t + t);
    return with_sign(u / (u + 2.0), x);
}

/// e^(-|x|).
fn decay(x: f32) -> f32 {
    return exp_of(-abs(x));
}

/// 1/(1 + e^(-x)), as q/(1 + q) below zero so that small results keep their digits.
fn sigmoid_of(x: f32) -> f32 {
    let q = decay(x);
    return select(1.0, q, x < 0.0) / (1.0 + q);
}

/// ln(1 + eˣ).
fn softplus_of(x: f32) -> f32 {
    return at_least(0.0, x) + log1p_of(decay(x));
}

/// erf x.
fn erf_of(x: f32) -> f32 {
    if abs(x) <= 0.9277344 {
        let s = x * x;
        var p = -5.967617e-4;
        p = p * s + 4.9911942e-3;
        p = p * s - 2.6768135e-2;
        p = p * s + 1.12819925e-1;
        p = p * s - 3.7612534e-1;
        p = p * s + 1.2837917e-1;
        return p * x + x;
    }
    let t = at_most(4.0, abs(x));
    let s = t * t;
    var p = (-1.7285347e-5 * t + 3.8319713e-4) * s + (-3.8839644e-3 * t + 2.4254622e-2);
    p = p * t - 1.0677788e-1;
    p = p * t - 6.3484687e-1;
    p = p * t - 1.2871751e-1;
    p = p * t - t;
    return with_sign(1.0 - exp_of(p), x);
}

/// The distribution of the standard normal at x, and e^(-x²/2).
fn normal_of(x: f32) -> vec2<f32> {
    let t = at_most(14.5, abs(x));
    let bell = exp_of_minus_square(t, 0.5);
    let q = (t - 3.0) / (t + 3.0);
    var p = 4.6283858e-5;
    p = p * q + 1.1751134e-5;
    p = p * q - 4.6956164e-4;
    p = p * q - 3.4005215e-4;
    p = p * q + 2.9910733e-3;
    p = p * q + 1.1550337e-3;
    p = p * q - 2.2726633e-2;
    p = p * q + 4.5164645e-2;
    p = p * q - 1.6432364e-2;
    p = p * q - 9.652678e-2;
    p = p * q + 4.860558e-1;
    let tail = bell * (p / (1.0 + t));
    return vec2<f32>(select(1.0 - tail, tail, x < 0.0), bell);
}

// Quarter turns and the rest of an angle, in parts of π/2 that a few thousand turns multiply exactly (Cody & Waite 1980).
fn quarter_turns(x: f32) -> vec2<f32> {
    let n = round(x * 0.63661977);
    let r = ((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.549789948768648e-8;
    return vec2<f32>(n, r);
}

/// sin x in x and cos x in y, for |x| below about 8000; NaN at infinity. Polynomials of S. Moshier's Cephes (1992).
fn sine_and_cosine(x: f32) -> vec2<f32> {
    if !is_finite(x) {
        return vec2<f32>(nan(), nan());
    }
    let turns = quarter_turns(x);
    let r = turns.y;
    let s = r * r;
    let sine = ((-1.9515295891e-4 * s + 8.3321608736e-3) * s - 1.6666654611e-1) * s * r + r;
    let cosine = ((2.443315711809948e-5 * s - 1.388731625493765e-3) * s + 4.166664568298827e-2) * s * s - 0.5 * s + 1.0;
    let quarter = i32(turns.x) & 3;
    let swapped = select(vec2<f32>(sine, cosine), vec2<f32>(cosine, sine), (quarter & 1) == 1);
    return vec2<f32>(
        select(swapped.x, -swapped.x, quarter >= 2),
        select(swapped.y, -swapped.y, quarter == 1 || quarter == 2),
    );
}

/// arctan x. Polynomial of S. Moshier's Cephes (1992).
fn arctan_of(x: f32) -> f32 {
    if is_nan(x) {
        return x;
    }
    let t = abs(x);
    var origin = 0.0;
    var r = t;
    if t > 2.414213562 {
        origin = 1.57079637;
        r = -1.0 / t;
    } else if t > 0.4142135623 {
        origin = 0.785398163;
        r = (t - 1.0) / (t + 1.0);
    }
    let s = r * r;
    let p = ((8.05374449538e-2 * s - 1.38776856032e-1) * s + 1.99777106478e-1) * s - 3.33329491539e-1;
    return with_sign(origin + (p * s * r + r), x);
}
