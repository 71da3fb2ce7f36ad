// with: functions
//
// Every function of `Function::ALL` (src/math/function.rs) by its number there, and its derivative. Formulas as on the CPU
// (src/device/cpu/vector). A product x·gate(x) clips x where the gate has gone to zero, so that minus infinity gives the limit.

/// Below 20, the exponential s of x, and u = s (s + 2): mish x = x u/(u + 2).
fn mish_parts(x: f32) -> vec2<f32> {
    let s = exp_of(at_most(20.0, x));
    return vec2<f32>(s, s * (s + 2.0));
}

fn gelu_tanh_argument(t: f32) -> f32 {
    return 1.5957692 * t * (t * t * 0.044715 + 1.0);
}

/// f(x).
fn value_of(function: u32, x: f32) -> f32 {
    switch function {
        case 0u: { return exp_of(x); }
        case 1u: { return expm1_of(x); }
        case 2u: { return log_of(x); }
        case 3u: { return log1p_of(x); }
        case 4u: { return sqrt(x); }
        case 5u: { return x * x; }
        case 6u: { return abs(x); }
        case 7u: { return 1.0 / x; }
        case 8u: { return -x; }
        case 9u: { return sine_and_cosine(x).x; }
        case 10u: { return sine_and_cosine(x).y; }
        case 11u: {
            let both = sine_and_cosine(x);
            return both.x / both.y;
        }
        case 12u: { return arctan_of(x); }
        case 13u: { return asinh_of(x); }
        case 14u: { return erf_of(x); }
        case 15u: { return tanh_of(x); }
        case 16u: { return sigmoid_of(x); }
        case 17u: { return -softplus_of(-x); }
        case 18u: { return softplus_of(x); }
        case 19u: {
            // squareplus: (x + h)/2 with h = √(x² + 4); below zero 2/(h - x).
            let mean = 0.5 * hypotenuse(x, 2.0) + 0.5 * abs(x);
            return select(mean, 1.0 / mean, x < 0.0);
        }
        case 20u: {
            // softsign
            let t = at_most(1e30, abs(x));
            return with_sign(t / (1.0 + t), x);
        }
        case 21u: {
            // tanh-shrink: x - tanh x, near zero by its series x³/3 - 2x⁵/15 + 17x⁷/315 - 62x⁹/2835 + 1382x¹¹/155925.
            let s = x * x;
            if s < 0.1 {
                let p = (8.8632355e-3 * s - 2.1869489e-2) * s + 5.3968254e-2;
                return x * s * ((p * s - 1.3333333e-1) * s + 3.3333333e-1);
            }
            return x - tanh_of(x);
        }
        case 22u: { return clip(x + 3.0, 0.0, 6.0) * (1.0 / 6.0); }
        case 23u: { return clip(x, -1.0, 1.0); }
        case 24u: { return clip(0.5 * (x + 1.0), 0.0, 1.0); }
        case 25u: {
            // sparse-plus
            let t = at_least(-1.0, x) + 1.0;
            return select(x, 0.25 * t * t, x < 1.0);
        }
        case 26u: { return x; }
        case 27u: { return at_least(0.0, x); }
        case 28u: { return clip(x, 0.0, 6.0); }
        case 29u: { return select(x, 0.2 * x, x < 0.0); }
        case 30u, 31u: { return select(expm1_of(at_most(0.0, x)), x, x > 0.0); }
        case 32u: { return select(1.7580993 * expm1_of(at_most(0.0, x)), 1.050701 * x, x > 0.0); }
        case 33u: { return select(x, 0.0, abs(x) <= 0.5); }
        case 34u: { return select(x - with_sign(0.5, x), 0.0, abs(x) <= 0.5); }
        case 35u: { return at_least(-150.0, x) * sigmoid_of(x); }
        case 36u: { return at_least(-3.0, x) * (clip(x + 3.0, 0.0, 6.0) * (1.0 / 6.0)); }
        case 37u: { return at_least(-150.0, x) * normal_of(x).x; }
        case 38u: {
            let above = at_least(-20.0, x);
            return above * sigmoid_of(gelu_tanh_argument(at_most(20.0, above)));
        }
        case 39u: {
            let u = mish_parts(x).y;
            return at_least(-150.0, x) * (u / (u + 2.0));
        }
        default: { return nan(); }
    }
}

/// value where x is a number, else NaN.
fn unless_nan(x: f32, value: f32) -> f32 {
    return select(value, x, is_nan(x));
}

/// f'(x).
fn derivative_of(function: u32, x: f32) -> f32 {
    switch function {
        case 0u, 1u: { return exp_of(x); }
        case 2u: { return 1.0 / x; }
        case 3u: { return 1.0 / (1.0 + x); }
        case 4u: { return 0.5 / sqrt(x); }
        case 5u: { return x + x; }
        case 6u: { return unless_nan(x, select(with_sign(1.0, x), 0.0, x == 0.0)); }
        case 7u: {
            let r = 1.0 / x;
            return -(r * r);
        }
        case 8u: { return unless_nan(x, -1.0); }
        case 9u: { return sine_and_cosine(x).y; }
        case 10u: { return -sine_and_cosine(x).x; }
        case 11u: {
            let r = 1.0 / sine_and_cosine(x).y;
            return r * r;
        }
        case 12u: {
            let r = 1.0 / hypotenuse(x, 1.0);
            return r * r;
        }
        case 13u: { return 1.0 / hypotenuse(x, 1.0); }
        case 14u: { return unless_nan(x, 1.1283792 * exp_of_minus_square(x, 1.0)); }
        case 15u: {
            let q = decay(x + x);
            let d = 1.0 + q;
            return 4.0 * q / (d * d);
        }
        case 16u: {
            let q = decay(x);
            let d = 1.0 + q;
            return q / (d * d);
        }
        case 17u: { return sigmoid_of(-x); }
        case 18u: { return sigmoid_of(x); }
        case 19u: {
            let h = hypotenuse(x, 2.0);
            let tail = 2.0 / h / (h + abs(x));
            return select(1.0 - tail, tail, x < 0.0);
        }
        case 20u: {
            let r = 1.0 / (1.0 + abs(x));
            return r * r;
        }
        case 21u: {
            let t = tanh_of(x);
            return t * t;
        }
        case 22u: { return unless_nan(x, select(0.0, 1.0 / 6.0, abs(x) < 3.0)); }
        case 23u: { return unless_nan(x, select(0.0, 1.0, abs(x) <= 1.0)); }
        case 24u: {
            // The mean of both sides at the kinks.
            let t = abs(x);
            return unless_nan(x, select(select(0.0, 0.25, t == 1.0), 0.5, t < 1.0));
        }
        case 25u: { return clip(0.5 * (x + 1.0), 0.0, 1.0); }
        case 26u: { return unless_nan(x, 1.0); }
        case 27u: { return unless_nan(x, select(0.0, 1.0, x > 0.0)); }
        case 28u: { return unless_nan(x, select(0.0, 1.0, x > 0.0 && x < 6.0)); }
        case 29u: { return unless_nan(x, select(1.0, 0.2, x < 0.0)); }
        case 30u, 31u: { return unless_nan(x, select(exp_of(at_most(0.0, x)), 1.0, x > 0.0)); }
        case 32u: { return unless_nan(x, select(1.7580993 * exp_of(at_most(0.0, x)), 1.050701, x > 0.0)); }
        case 33u, 34u: { return unless_nan(x, select(0.0, 1.0, abs(x) > 0.5)); }
        case 35u: {
            let q = decay(x);
            let r = 1.0 / (1.0 + q);
            return (clip(x, -150.0, 150.0) * q * r + select(1.0, q, x < 0.0)) * r;
        }
        case 36u: {
            let slope = x * (1.0 / 3.0) + 0.5;
            return select(select(slope, 0.0, x <= -3.0), 1.0, x >= 3.0);
        }
        case 37u: {
            let both = normal_of(x);
            return clip(x, -150.0, 150.0) * 0.3989423 * both.y + both.x;
        }
        case 38u: {
            // σ(z) + x z' σ(z)(1 - σ(z)), z' = slope.
            let t = clip(x, -20.0, 20.0);
            let slope = 1.5957692 * (t * t * 0.134145 + 1.0);
            let z = gelu_tanh_argument(t);
            let q = decay(z);
            let r = 1.0 / (1.0 + q);
            return (t * slope * q * r + select(1.0, q, z < 0.0)) * r;
        }
        case 39u: {
            let parts = mish_parts(x);
            let r = 1.0 / (parts.y + 2.0);
            let t = clip(x, -150.0, 20.0);
            return (parts.y + 4.0 * t * parts.x * ((1.0 + parts.x) * r)) * r;
        }
        default: { return nan(); }
    }
}
