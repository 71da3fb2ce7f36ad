//! Arithmetic, and functions of straight pieces.

use super::Unary;
use crate::device::cpu::lanes::Lanes;

/// `value`, but NaN where `x` is NaN.
#[inline(always)]
fn unless_nan<L: Lanes>(l: L, x: L::F, value: L::F) -> L::F {
    l.select(l.eq(x, x), value, x)
}

/// 1 where the mask is true, else 0; NaN where `x` is NaN.
#[inline(always)]
fn indicator<L: Lanes>(l: L, x: L::F, mask: L::M) -> L::F {
    unless_nan(l, x, l.select(mask, l.splat(1.0), l.zero()))
}

#[inline(always)]
fn clip<L: Lanes>(l: L, x: L::F, lower: f32, upper: f32) -> L::F {
    l.max(l.splat(lower), l.min(l.splat(upper), x))
}

/// Declares functions by value and derivative.
macro_rules! pieces {
    ($($(#[$doc:meta])* $name:ident($l:ident, $x:ident) { $value:expr, $derivative:expr })*) => {
        $($(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $name;
        impl Unary for $name {
            #[inline(always)]
            #[allow(unused_variables, reason = "some values are formed of numbers alone")]
            fn value<L: Lanes>(self, $l: L, $x: L::F) -> L::F {
                $value
            }
            #[inline(always)]
            fn derivative<L: Lanes>(self, $l: L, $x: L::F) -> L::F {
                $derivative
            }
        })*
    };
}

pieces! {
    Sqrt(l, x) { l.sqrt(x), l.div(l.splat(0.5), l.sqrt(x)) }
    Square(l, x) { l.mul(x, x), l.add(x, x) }
    Abs(l, x) { l.abs(x), l.select(l.eq(x, l.zero()), l.zero(), unless_nan(l, x, l.copysign(l.splat(1.0), x))) }
    /// The derivative is `−(1/x)²`.
    Reciprocal(l, x) {
        l.div(l.splat(1.0), x),
        {
            let r = l.div(l.splat(1.0), x);
            l.neg(l.mul(r, r))
        }
    }
    Neg(l, x) { l.neg(x), unless_nan(l, x, l.splat(-1.0)) }
    Linear(l, x) { x, unless_nan(l, x, l.splat(1.0)) }
    Relu(l, x) { l.max(l.zero(), x), indicator(l, x, l.lt(l.zero(), x)) }
    Relu6(l, x) {
        clip(l, x, 0.0, 6.0),
        indicator(l, x, l.mask_and(l.lt(l.zero(), x), l.lt(x, l.splat(6.0))))
    }
    LeakyRelu(l, x) {
        l.select(l.lt(x, l.zero()), l.mul(l.splat(0.2), x), x),
        unless_nan(l, x, l.select(l.lt(x, l.zero()), l.splat(0.2), l.splat(1.0)))
    }
    HardSigmoid(l, x) {
        l.mul(clip(l, l.add(x, l.splat(3.0)), 0.0, 6.0), l.splat(1.0 / 6.0)),
        l.mul(l.splat(1.0 / 6.0), indicator(l, x, l.lt(l.abs(x), l.splat(3.0))))
    }
    HardTanh(l, x) { clip(l, x, -1.0, 1.0), indicator(l, x, l.le(l.abs(x), l.splat(1.0))) }
    /// At its kinks the derivative is ¼, the mean of both sides.
    SparseSigmoid(l, x) {
        clip(l, l.mul(l.splat(0.5), l.add(x, l.splat(1.0))), 0.0, 1.0),
        {
            let t = l.abs(x);
            let edge = l.select(l.eq(t, l.splat(1.0)), l.splat(0.25), l.zero());
            unless_nan(l, x, l.select(l.lt(t, l.splat(1.0)), l.splat(0.5), edge))
        }
    }
    SparsePlus(l, x) {
        {
            let t = l.add(l.max(l.splat(-1.0), x), l.splat(1.0));
            l.select(l.lt(x, l.splat(1.0)), l.mul(l.mul(l.splat(0.25), t), t), x)
        },
        clip(l, l.mul(l.splat(0.5), l.add(x, l.splat(1.0))), 0.0, 1.0)
    }
    HardShrink(l, x) {
        l.select(l.le(l.abs(x), l.splat(0.5)), l.zero(), x),
        indicator(l, x, l.lt(l.splat(0.5), l.abs(x)))
    }
    SoftShrink(l, x) {
        l.select(l.le(l.abs(x), l.splat(0.5)), l.zero(), l.sub(x, l.copysign(l.splat(0.5), x))),
        indicator(l, x, l.lt(l.splat(0.5), l.abs(x)))
    }
}
