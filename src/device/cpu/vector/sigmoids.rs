//! tanh, sigmoid, softplus and other functions of that shape.
//!
//! Everything is built on `q = e^(−|x|)`, which never overflows.

use super::Unary;
use super::exponential::{exp, exp_not_positive, expm1_moderate, expm1_not_positive};
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

/// [`sigmoid`] in fewer steps, for gates: 0 below −87.
#[inline(always)]
pub fn fast_sigmoid<L: Lanes>(l: L, x: L::F) -> L::F {
    let q = exp_not_positive(l, l.or(x, l.splat(-0.0)));
    let one = l.splat(1.0);
    l.div(l.select(l.lt(x, l.zero()), q, one), l.add(one, q))
}

/// [`tanh`] in fewer steps: `−u/(2 + u)` with `u = e^(−2|x|) − 1`, odd.
#[inline(always)]
pub fn fast_tanh<L: Lanes>(l: L, x: L::F) -> L::F {
    let t = l.or(x, l.splat(-0.0));
    let u = expm1_not_positive(l, l.add(t, t));
    l.copysign(l.div(u, l.add(u, l.splat(2.0))), x)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::lanes::{Isa, Kernel};

    struct Both<'a>(&'a [f32], &'a mut [[f32; 2]]);
    impl Kernel for Both<'_> {
        type Output = ();
        #[inline(always)]
        fn run<L: Lanes>(self, l: L) {
            for (x, y) in self.0.iter().zip(self.1) {
                let mut values = [0.0; 16];
                for (y, value) in y.iter_mut().zip([fast_sigmoid(l, l.splat(*x)), fast_tanh(l, l.splat(*x))]) {
                    l.write(&mut values, value);
                    *y = values[0];
                }
            }
        }
    }

    /// Both are within three units in the last place of the exact value, keep NaN, and take their limits at infinity.
    #[test]
    fn the_fast_ones_are_accurate() {
        let mut x: Vec<f32> = (0..=u32::MAX).step_by(65_537 * 5).map(f32::from_bits).collect();
        x.extend((-20_000..20_000).map(|i| i as f32 / 211.0));
        x.extend([f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 0.0, -0.0, 43.5, -86.99, -87.01]);
        for &isa in Isa::available() {
            let mut y = vec![[0.0; 2]; x.len()];
            isa.run(Both(&x, &mut y));
            for (&x, y) in x.iter().zip(&y) {
                let wide = f64::from(x);
                let exact = [1.0 / (1.0 + (-wide).exp()), wide.tanh()];
                for (&y, exact) in y.iter().zip(exact) {
                    let unit = f64::from(f32::EPSILON) / 2.0 * exact.abs();
                    let close = (f64::from(y) - exact).abs() <= 3.0 * 2.0 * unit + 2e-38;
                    assert!(close || y.is_nan() && exact.is_nan(), "{x}: {y} for {exact}, {}", isa.name());
                }
            }
        }
    }
}
