//! `eˣ` and `eˣ − 1`.
//!
//! With `n = round(x / ln 2)` and `r = x − n ln 2` in ±½ ln 2, subtracted in two parts, `eˣ = 2ⁿ(1 + q)` where
//! `q = r + r²P(r)` approximates `eʳ − 1`. P has degree 5: ½ is kept exact and the rest interpolates
//! `((eʳ − 1 − r)/r² − ½)/r` at the Chebyshev nodes (relative error of q below 2⁻²⁸·⁵, computed with 40 digits).

use super::Unary;
use super::polynomial::horner;
use crate::device::cpu::lanes::Lanes;

const COEFFICIENTS: [f32; 6] = [1.988_277_4e-4, 1.392_625e-3, 8.333_321e-3, 4.166_655_2e-2, 1.666_666_7e-1, 0.5];
/// ln 2 rounded to f32: `x − n·LN_2` is exact, as the lowest bits of both are at least 2⁻²⁵ and the result is below ½.
const LN_2: f32 = std::f32::consts::LN_2;
/// ln 2 − [`LN_2`].
const LN_2_REST: f32 = -1.904_654_3e-9;

/// `n` and `q` with `eˣ = 2ⁿ(1 + q)`.
#[inline(always)]
fn reduced<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
    let n = l.round(l.mul(x, l.splat(std::f32::consts::LOG2_E)));
    let r = l.fnma(n, l.splat(LN_2_REST), l.fnma(n, l.splat(LN_2), x));
    (n, l.fma(l.mul(r, r), horner(l, r, COEFFICIENTS), r))
}

/// `eˣ`: 0 and infinity where the result is too small or too large, subnormal numbers in between.
#[inline(always)]
pub fn exp<L: Lanes>(l: L, x: L::F) -> L::F {
    let x = l.max(l.splat(-105.0), l.min(l.splat(90.0), x));
    let (n, q) = reduced(l, x);
    l.scale(l.add(l.splat(1.0), q), n)
}

/// `2ⁿ` and `q` with `eˣ = 2ⁿ(1 + q)` for `x` in −87 ..= 0; anything below.
#[inline(always)]
fn reduced_not_positive<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
    // In the sum with 1.5 · 2²³ the last bits count ones: n, and 127 more for the field of the exponent.
    let magic = l.splat(12_582_912.0 + 127.0);
    let shifted = l.fma(x, l.splat(std::f32::consts::LOG2_E), magic);
    let n = l.sub(shifted, magic);
    let r = l.fnma(n, l.splat(LN_2_REST), l.fnma(n, l.splat(LN_2), x));
    let q = l.fma(l.mul(r, r), horner(l, r, COEFFICIENTS), r);
    (l.with_bits(l.shift_left_23(l.to_bits(shifted))), q)
}

/// `eˣ` for `x ≤ 0` in fewer steps: 0 below −87, where [`exp`] nears the subnormal numbers.
#[inline(always)]
pub fn exp_not_positive<L: Lanes>(l: L, x: L::F) -> L::F {
    let (power, q) = reduced_not_positive(l, x);
    l.select(l.lt(x, l.splat(-87.0)), l.zero(), l.fma(q, power, power))
}

/// `eˣ − 1` for `x ≤ 0` in fewer steps than [`expm1`].
#[inline(always)]
pub(super) fn expm1_not_positive<L: Lanes>(l: L, x: L::F) -> L::F {
    let (power, q) = reduced_not_positive(l, x);
    let one = l.splat(1.0);
    l.select(l.lt(x, l.splat(-87.0)), l.splat(-1.0), l.fma(q, power, l.sub(power, one)))
}

/// `eˣ − 1` without cancellation at zero.
///
/// `2ⁿq + (2ⁿ − 1)` with one rounding; at half its size, so that 2ⁿ is finite wherever the result is.
#[inline(always)]
pub fn expm1<L: Lanes>(l: L, x: L::F) -> L::F {
    let clipped = l.max(l.splat(-20.0), l.min(l.splat(89.0), x));
    let (n, q) = reduced(l, clipped);
    let half = l.splat(0.5);
    let power = l.scale(half, n);
    let result = l.fma(power, q, l.sub(power, half));
    l.select(l.lt(l.abs(x), l.splat(1e-30)), x, l.add(result, result))
}

/// `eˣ − 1` for `x` in 0 ..= 80, where nothing overflows.
#[inline(always)]
pub(super) fn expm1_moderate<L: Lanes>(l: L, x: L::F) -> L::F {
    let (n, q) = reduced(l, x);
    let power = l.scale(l.splat(1.0), n);
    l.fma(power, q, l.sub(power, l.splat(1.0)))
}

/// `e^(−x²·s)` for s = 1 or ½: the rounding error of x² is corrected to first order.
#[inline(always)]
pub(super) fn exp_of_minus_square<L: Lanes>(l: L, x: L::F, s: f32) -> L::F {
    let x = l.max(l.splat(-15.0), l.min(l.splat(15.0), x));
    let square = l.mul(x, x);
    let rest = l.fnma(x, x, square);
    let value = exp(l, l.mul(square, l.splat(-s)));
    l.fma(value, l.mul(rest, l.splat(s)), value)
}

#[derive(Clone, Copy)]
pub(super) struct Exp;
impl Unary for Exp {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        exp(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        exp(l, x)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Expm1;
impl Unary for Expm1 {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        expm1(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        exp(l, x)
    }
}

/// `x` for `x > 0`, else `eˣ − 1`, each times its factor: elu, celu and selu.
#[derive(Clone, Copy)]
pub(super) struct ExponentialLinear {
    pub scale: f32,
    pub scale_below: f32,
}
impl ExponentialLinear {
    pub const ELU: Self = ExponentialLinear { scale: 1.0, scale_below: 1.0 };
    pub const SELU: Self = ExponentialLinear { scale: 1.050_701, scale_below: 1.758_099_3 };
}
impl Unary for ExponentialLinear {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let below = l.mul(l.splat(self.scale_below), expm1(l, l.min(l.zero(), x)));
        l.select(l.lt(l.zero(), x), l.mul(l.splat(self.scale), x), below)
    }
    /// At zero the left derivative, which is the right one too except for selu.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let below = l.mul(l.splat(self.scale_below), exp(l, l.min(l.zero(), x)));
        l.select(l.lt(l.zero(), x), l.splat(self.scale), below)
    }
}
