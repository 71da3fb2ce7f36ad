// with: functions
//
// The scale of an affine coupling from its raw value: src/ops/coupling_affine.rs has the formula.

/// Lower end of u, so that s, 1/s and ln s stay finite.
const LOWEST: f32 = -80.0;
/// e^LOWEST.
const LEAST: f32 = 1.8048514e-35;
/// ln(e - 1).
const OFFSET: f32 = 0.54132485;

/// s in x and ds/da in y.
fn scale_of(a: f32, clamp: bool) -> vec2<f32> {
    if is_nan(a) {
        return vec2<f32>(a, a);
    }
    if !clamp {
        let u = a + OFFSET;
        if u < LOWEST {
            return vec2<f32>(softplus_of(LOWEST), 0.0);
        }
        return vec2<f32>(softplus_of(u), sigmoid_of(u));
    }
    // e^(asinh a) = a + √(1 + a²) leaves one logarithm: s = ln(1 + t).
    let magnitude = abs(a);
    let root = hypotenuse(a, 1.0);
    let sum = magnitude + root;
    var t = select(1.7182818 * sum, 1.7182818 / sum, a < 0.0);
    if is_finite(a) {
        t = at_most(LARGEST, t);
    }
    if t < LEAST {
        return vec2<f32>(log1p_of(LEAST), 0.0);
    }
    let sigmoid = select(t / (1.0 + t), 1.0, t > 1e30);
    return vec2<f32>(log1p_of(t), sigmoid / root);
}
