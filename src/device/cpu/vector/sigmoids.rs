//! tanh, sigmoid, softplus and other functions of that shape.
//!
//! Everything is built on `q = e^(−|x|)`, which never overflows.

use super::Unary;
use super::exponential::{exp, expm1_moderate};
use super::logarithm::{hypotenuse, log1p_of_fraction};
use crate::device::cpu::lanes::Lanes;

/// `tanh x = u/(u + 2)` with `u = e^(2x) − 1`, odd; the quotient damps the error of u.
#[inline(always)]
pub fn tanh<L: Lanes>(l: L, x: L::F) -> L::F {
    let t = l.min(l.splat(10.0), l.abs(x));
    let u = expm1_moderate(l, l.add(t, t));
    l.copysign(l.div(u, l.add(u, l.splat(2.0))), x)
}

/// `e^(−|x|)`.
#[inline(always)]
pub(super) fn decay<L: Lanes>(l: L, x: L::F) -> L::F {
    exp(l, l.or(x, l.splat(-0.0)))
}

/// `σ(x) = 1/(1 + e^(−x))`, as `q/(1 + q)` below zero so that small results keep their digits.
#[inline(always)]
pub fn sigmoid<L: Lanes>(l: L, x: L::F) -> L::F {
    let q = decay(l, x);
    let one = l.splat(1.0);
    l.div(l.select(l.lt(x, l.zero()), q, one), l.add(one, q))
}

/// `ln(1 + eˣ) = max(x, 0) + ln(1 + q)`.
#[inline(always)]
pub fn softplus<L: Lanes>(l: L, x: L::F) -> L::F {
    l.add(l.max(l.zero(), x), log1p_of_fraction(l, decay(l, x)))
}

#[derive(Clone, Copy)]
pub(super) struct Tanh;
impl Unary for Tanh {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        tanh(l, x)
    }
    /// `4q²/(1 + q²)²`.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let q = decay(l, l.add(x, x));
        let d = l.add(l.splat(1.0), q);
        l.div(l.mul(l.splat(4.0), q), l.mul(d, d))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Sigmoid;
impl Unary for Sigmoid {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        sigmoid(l, x)
    }
    /// `q/(1 + q)²`.
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let q = decay(l, x);
        let d = l.add(l.splat(1.0), q);
        l.div(q, l.mul(d, d))
    }
}

#[derive(Clone, Copy)]
pub(super) struct LogSigmoid;
impl Unary for LogSigmoid {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        l.neg(softplus(l, l.neg(x)))
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        sigmoid(l, l.neg(x))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Softplus;
impl Unary for Softplus {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        softplus(l, x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        sigmoid(l, x)
    }
}

#[derive(Clone, Copy)]
pub(super) struct Squareplus;
impl Unary for Squareplus {
    /// `½(x + h)` with `h = √(x² + 4)`; below zero `2/(h − x)`.
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let half = l.splat(0.5);
        let mean = l.fma(half, hypotenuse(l, x, 2.0), l.mul(half, l.abs(x)));
        l.select(l.lt(x, l.zero()), l.div(l.splat(1.0), mean), mean)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let h = hypotenuse(l, x, 2.0);
        let tail = l.div(l.div(l.splat(2.0), h), l.add(h, l.abs(x)));
        l.select(l.lt(x, l.zero()), tail, l.sub(l.splat(1.0), tail))
    }
}

#[derive(Clone, Copy)]
pub(super) struct Softsign;
impl Unary for Softsign {
    #[inline(always)]
    fn value<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let t = l.min(l.splat(1e30), l.abs(x));
        l.copysign(l.div(t, l.add(l.splat(1.0), t)), x)
    }
    #[inline(always)]
    fn derivative<L: Lanes>(self, l: L, x: L::F) -> L::F {
        let r = l.div(l.splat(1.0), l.add(l.splat(1.0), l.abs(x)));
        l.mul(r, r)
    }
}
