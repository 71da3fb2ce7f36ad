//! Activations of the form `x·gate(x)`.
//!
//! For the product x is clipped where the gate has gone to zero, so that −∞ gives the limit −0 and not NaN.

use super::Unary;
use super::error_function::normal;
use super::exponential::exp;
use super::sigmoids::{decay, sigmoid};
use crate::device::cpu::lanes::Lanes;

/// `x`, not below −150: there all smooth gates are zero.
#[inline(always)]
fn above<L: Lanes>(l: L, x: L::F) -> L::F {
    l.max(l.splat(-150.0), x)
}

/// `x` clipped to ±150: there all smooth gates are constant.
#[inline(always)]
fn within<L: Lanes>(l: L, x: L::F) -> L::F {
    l.min(l.splat(150.0), above(l, x))
}

/// `xσ(x)`.
#[derive(Clone, Copy)]
pub(super) struct Silu;
impl Unary for Silu {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.mul(above(l, x), sigmoid(l, x))
    }
    /// `(n + xq/d)/d` with `q = e^(−|x|)`, `d = 1 + q`, and n = 1 above zero, q below.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let q = decay(l, x);
        let one = l.splat(1.0);
        let r = l.div(one, l.add(one, q));
        let n = l.select(l.lt(x, l.zero()), q, one);
        l.mul(l.fma(l.mul(within(l, x), q), r, n), r)
    }
}

/// `x tanh(ln(1 + eˣ)) = xu/(u + 2)` with `u = eˣ(eˣ + 2)`: one exponential, no logarithm.
#[derive(Clone, Copy)]
pub(super) struct Mish;
impl Mish {
    /// `eˣ` and u; from x = 20 on the gate is 1.
    #[inline(always)]
    fn parts<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
        let s = exp(l, l.min(l.splat(20.0), x));
        (s, l.mul(s, l.add(s, l.splat(2.0))))
    }
}
impl Unary for Mish {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let (_, u) = Mish::parts(l, x);
        l.mul(above(l, x), l.div(u, l.add(u, l.splat(2.0))))
    }
    /// `(u + 4xs(1 + s)/(u + 2))/(u + 2)` with `s = eˣ`.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let (s, u) = Mish::parts(l, x);
        let r = l.div(l.splat(1.0), l.add(u, l.splat(2.0)));
        let x = l.max(l.splat(-150.0), l.min(l.splat(20.0), x));
        let bump = l.mul(l.mul(l.mul(l.splat(4.0), x), s), l.mul(l.add(l.splat(1.0), s), r));
        l.mul(l.add(u, bump), r)
    }
}

/// `xΦ(x)`.
#[derive(Clone, Copy)]
pub(super) struct Gelu;
impl Unary for Gelu {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.mul(above(l, x), normal(l, x).0)
    }
    /// `Φ(x) + xφ(x)`.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let (distribution, bell) = normal(l, x);
        l.fma(l.mul(within(l, x), l.splat(0.398_942_3)), bell, distribution)
    }
}

/// `xσ(2z)` with `z = √(2/π)(x + 0.044715x³)`.
#[derive(Clone, Copy)]
pub(super) struct GeluTanh;
impl GeluTanh {
    const TWICE_SLOPE: f32 = 1.595_769_2;
    const CUBIC: f32 = 0.044_715;
}
impl Unary for GeluTanh {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let x = l.max(l.splat(-20.0), x);
        let t = l.min(l.splat(20.0), x);
        let z = l.mul(l.mul(l.splat(Self::TWICE_SLOPE), t), l.fma(l.mul(t, t), l.splat(Self::CUBIC), l.splat(1.0)));
        l.mul(x, sigmoid(l, z))
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let t = l.max(l.splat(-20.0), l.min(l.splat(20.0), x));
        let square = l.mul(t, t);
        let one = l.splat(1.0);
        let z = l.mul(l.mul(l.splat(Self::TWICE_SLOPE), t), l.fma(square, l.splat(Self::CUBIC), one));
        let slope = l.mul(l.splat(Self::TWICE_SLOPE), l.fma(square, l.splat(3.0 * Self::CUBIC), one));
        let q = decay(l, z);
        let r = l.div(one, l.add(one, q));
        let n = l.select(l.lt(z, l.zero()), q, one);
        l.mul(l.fma(l.mul(l.mul(t, slope), q), r, n), r)
    }
}

/// `x clip(x + 3, 0, 6)/6`.
#[derive(Clone, Copy)]
pub(super) struct HardSilu;
impl Unary for HardSilu {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let gate = l.max(l.zero(), l.min(l.splat(6.0), l.add(x, l.splat(3.0))));
        l.mul(l.max(l.splat(-3.0), x), l.mul(gate, l.splat(1.0 / 6.0)))
    }
    /// `(2x + 3)/6` between −3 and 3.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let slope = l.fma(l.splat(1.0 / 3.0), x, l.splat(0.5));
        let slope = l.select(l.le(x, l.splat(-3.0)), l.zero(), slope);
        l.select(l.le(l.splat(3.0), x), l.splat(1.0), slope)
    }
}
