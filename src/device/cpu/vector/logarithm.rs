//! `ln x`, `ln(1 + x)` and the inverse hyperbolic sine.
//!
//! The argument is written as `2ᵉ(1 + m)` with m in −¼ .. ½, and `ln(1 + m) = m + m²(−½ + m Q(m))`. Q has degree 7: the
//! minimax polynomial for the relative error of the logarithm (below 2⁻²⁷ with rounded coefficients; Remez's algorithm
//! with 40 digits). The way `ln(1 + x)` gets at m, `x·2⁻ᵉ + (2⁻ᵉ − 1)` with the e of the rounded `1 + x`, is
//! N. Juffa's ("log1p for CUDA", 2015–2017, published on Stack Overflow and in the CUDA forums).

use super::Unary;
use super::polynomial::horner;
use crate::device::cpu::lanes::Lanes;

const COEFFICIENTS: [f32; 8] = [
    -4.508_667e-2,
    1.046_392_8e-1,
    -1.316_102_9e-1,
    1.447_817_5e-1,
    -1.664_730_9e-1,
    1.999_087_8e-1,
    -2.500_009_5e-1,
    3.333_344_8e-1,
];
/// The bits of ¾, where the range of `1 + m` begins.
const THREE_QUARTERS: i32 = 0x3f40_0000;
/// Sign and exponent.
const EXPONENT: i32 = 0xff80_0000_u32 as i32;
const SMALLEST_NORMAL: f32 = f32::MIN_POSITIVE;

/// `e·2²³` for `x = 2ᵉ(1 + m)`.
#[inline(always)]
fn exponent<L: Lanes>(l: L, x: L::F) -> L::I {
    l.and_int(l.sub_int(l.to_bits(x), l.splat_int(THREE_QUARTERS)), l.splat_int(EXPONENT))
}

/// `ln(1 + m) + e ln 2`; ln 2 rounded to f32 happens to be right to 28 bits.
#[inline(always)]
fn combined<L: Lanes>(l: L, m: L::F, e: L::F) -> L::F {
    let r = l.fma(m, horner(l, m, COEFFICIENTS), l.splat(-0.5));
    let y = l.fma(l.mul(m, m), r, m);
    l.fma(e, l.splat(std::f32::consts::LN_2), y)
}

/// `ln x`: −∞ at zeros, NaN below.
#[inline(always)]
pub fn log<L: Lanes>(l: L, x: L::F) -> L::F {
    let subnormal = l.lt(x, l.splat(SMALLEST_NORMAL));
    let normal = l.select(subnormal, l.mul(x, l.splat(16_777_216.0)), x);
    let shift = l.select(subnormal, l.splat(-24.0), l.zero());
    let e = exponent(l, normal);
    let m = l.sub(l.with_bits(l.sub_int(l.to_bits(normal), e)), l.splat(1.0));
    let y = combined(l, m, l.fma(l.to_float(e), l.splat(1.0 / 8_388_608.0), shift));
    let y = l.select(l.lt(x, l.splat(f32::INFINITY)), y, x);
    let outside = l.select(l.eq(x, l.zero()), l.splat(f32::NEG_INFINITY), l.splat(f32::NAN));
    l.select(l.lt(l.zero(), x), y, outside)
}

/// `ln(1 + x)` for `x` finite and above −1, not zero.
#[inline(always)]
fn log1p_inside<L: Lanes>(l: L, x: L::F) -> L::F {
    let e = exponent(l, l.add(l.splat(1.0), x));
    let scaled = l.with_bits(l.sub_int(l.to_bits(x), e));
    let four_scaled = l.with_bits(l.sub_int(l.splat_int(0x4080_0000), e));
    let m = l.add(scaled, l.fma(l.splat(0.25), four_scaled, l.splat(-1.0)));
    combined(l, m, l.mul(l.to_float(e), l.splat(1.0 / 8_388_608.0)))
}

/// `ln(1 + x)` for `x` in 0 ..= 1 or NaN.
#[inline(always)]
pub(super) fn log1p_of_fraction<L: Lanes>(l: L, x: L::F) -> L::F {
    log1p_inside(l, x)
}

/// `ln(1 + x)` without cancellation at zero: −∞ at −1, NaN below.
#[inline(always)]
pub fn log1p<L: Lanes>(l: L, x: L::F) -> L::F {
    let y = log1p_inside(l, x);
    // Infinity, NaN, and the sign of zero.
    let y = l.select(l.mask_or(l.eq(x, l.zero()), l.le(l.splat(f32::INFINITY), x)), x, y);
    let outside = l.select(l.eq(x, l.splat(-1.0)), l.splat(f32::NEG_INFINITY), l.splat(f32::NAN));
    l.select(l.lt(l.splat(-1.0), x), y, outside)
}

/// Beyond this magnitude, 1 is nothing beside x² and x² stays finite up to its square.
const HUGE: f32 = 1e10;

/// `√(x² + c²)` for c of moderate size, without overflow.
#[inline(always)]
pub fn hypotenuse<L: Lanes>(l: L, x: L::F, c: f32) -> L::F {
    let x = l.abs(x);
    l.select(l.lt(x, l.splat(HUGE)), l.sqrt(l.fma(x, x, l.splat(c * c))), x)
}

/// `arsinh x = sign(x) ln(1 + |x| + x²/(1 + √(1 + x²)))`.
#[inline(always)]
pub fn asinh<L: Lanes>(l: L, x: L::F) -> L::F {
    let t = l.abs(x);
    let moderate = l.lt(t, l.splat(HUGE));
    let rest = l.div(l.mul(t, t), l.add(l.splat(1.0), hypotenuse(l, t, 1.0)));
    let argument = l.select(moderate, l.add(t, rest), t);
    let y = l.add(log1p(l, argument), l.select(moderate, l.zero(), l.splat(std::f32::consts::LN_2)));
    l.copysign(y, x)
}

#[derive(Clone, Copy)]
pub(super) struct Log;
impl Unary for Log {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        log(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.div(l.splat(1.0), x)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Log1p;
impl Unary for Log1p {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        log1p(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.div(l.splat(1.0), l.add(l.splat(1.0), x))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Asinh;
impl Unary for Asinh {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        asinh(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.div(l.splat(1.0), hypotenuse(l, x, 1.0))
    }
}
