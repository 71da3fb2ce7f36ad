//! The error function and the distribution of the standard normal.

use super::Unary;
use super::exponential::{exp, exp_of_minus_square};
use super::polynomial::horner;
use crate::device::cpu::lanes::Lanes;

/// Below this magnitude erf is an odd polynomial, above it is `1 − e^p(|x|)`.
const SPLIT: f32 = 0.927_734_4;

/// `erf x = 2/√π ∫₀ˣ e^(−t²) dt`.
///
/// Both pieces and their coefficients are N. Juffa's (`my_erff`, "a fast, faithfully-rounded error function",
/// published on Stack Overflow, 2016–2019).
#[inline(always)]
pub fn erf<L: Lanes>(l: L, x: L::F) -> L::F {
    let s = l.mul(x, x);
    let inner = [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_25e-1, -3.761_253_4e-1, 1.283_791_7e-1];
    let inner = l.fma(horner(l, s, inner), x, x);
    let t = l.min(l.splat(4.0), l.abs(x));
    let s = l.mul(t, t);
    let high = horner(l, t, [-1.728_534_7e-5, 3.831_971_3e-4]);
    let low = horner(l, t, [-3.883_964_4e-3, 2.425_462_2e-2]);
    let mut p = l.fma(high, s, low);
    for coefficient in [-1.067_778_8e-1, -6.348_468_7e-1, -1.287_175_1e-1] {
        p = l.fma(p, t, l.splat(coefficient));
    }
    let p = l.fma(p, t, l.neg(t));
    let outer = l.copysign(l.sub(l.splat(1.0), exp(l, p)), x);
    l.select(l.lt(l.splat(SPLIT), l.abs(x)), outer, inner)
}

/// Coefficients of `R(q)`, see [`normal`].
const TAIL: [f32; 11] = [
    4.628_385_8e-5,
    1.175_113_4e-5,
    -4.695_616_4e-4,
    -3.400_521_5e-4,
    2.991_073_3e-3,
    1.155_033_7e-3,
    -2.272_663_3e-2,
    4.516_464_5e-2,
    -1.643_236_4e-2,
    -9.652_678e-2,
    4.860_558e-1,
];

/// The distribution Φ(x) of the standard normal and `e^(−x²/2)`.
///
/// With `t = |x|`, `Φ(−t) = e^(−t²/2) R(q)/(1 + t)` where `q = (t − 3)/(t + 3)` maps 0 ..= 14.5 to a range around zero; R
/// is a polynomial of degree 10, minimax for the relative error (2⁻²⁵ with rounded coefficients; Remez's
/// algorithm with 40 digits). So Φ keeps its digits in the lower tail.
#[inline(always)]
pub fn normal<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
    let t = l.min(l.splat(14.5), l.abs(x));
    let bell = exp_of_minus_square(l, t, 0.5);
    let three = l.splat(3.0);
    let q = l.div(l.sub(t, three), l.add(t, three));
    let tail = l.mul(bell, l.div(horner(l, q, TAIL), l.add(l.splat(1.0), t)));
    (l.select(l.lt(x, l.zero()), tail, l.sub(l.splat(1.0), tail)), bell)
}

#[derive(Clone, Copy)]
pub(super) struct Erf;
impl Unary for Erf {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        erf(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.mul(l.splat(std::f32::consts::FRAC_2_SQRT_PI), exp_of_minus_square(l, x, 1.0))
    }
}
