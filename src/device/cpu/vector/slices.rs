//! Functions over slices.
#![allow(unsafe_code)]

use super::Unary;
use super::table::{Visitor, visit};
use crate::device::cpu::lanes::{Isa, Kernel, Lanes};
use crate::math::Function;

/// `y[i] = f(x[i])`.
///
/// # Panics
/// When the lengths differ.
pub fn apply(isa: Isa, function: Function, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "as many results as arguments");
    visit(function, Values { isa, x: x.as_ptr(), y: y.as_mut_ptr(), length: x.len() });
}

/// `x[i] = f(x[i])`.
pub fn apply_in_place(isa: Isa, function: Function, x: &mut [f32]) {
    let y = x.as_mut_ptr();
    visit(function, Values { isa, x: y, y, length: x.len() });
}

/// `slope[i] = f′(x[i])`, then `x[i] = f(x[i])`.
///
/// # Panics
/// When the lengths differ.
pub fn with_derivative(isa: Isa, function: Function, x: &mut [f32], slope: &mut [f32]) {
    assert_eq!(x.len(), slope.len(), "as many slopes as arguments");
    visit(function, Both { isa, x, slope });
}

/// `out[i] = g[i] · f′(x[i])`, or with `accumulate` `out[i] += g[i] · f′(x[i])` (product and sum are rounded one after
/// the other, as if the product had been stored).
///
/// # Panics
/// When the lengths differ.
pub fn derivative(isa: Isa, function: Function, x: &[f32], g: &[f32], out: &mut [f32], accumulate: bool) {
    assert!(x.len() == out.len() && g.len() == out.len(), "as many results as arguments and as gradients");
    visit(function, Derivatives { isa, x, g, out, accumulate });
}

/// Arguments and results, which are the same memory or do not overlap.
struct Values {
    isa: Isa,
    x: *const f32,
    y: *mut f32,
    length: usize,
}

impl Visitor for Values {
    fn vector(self, implementation: impl Unary) {
        self.isa.run(ValuesOf(self, implementation));
    }
    fn scalar(self, function: Function) {
        for i in 0..self.length {
            // SAFETY: both pointers are valid for `length` numbers.
            unsafe { *self.y.add(i) = function.value(f64::from(*self.x.add(i))) as f32 };
        }
    }
}

struct ValuesOf<U>(Values, U);

impl<U: Unary> Kernel for ValuesOf<U> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let ValuesOf(Values { x, y, length, .. }, function) = self;
        let whole = length - length % L::WIDTH;
        let mut i = 0;
        // SAFETY: both pointers are valid for `length` numbers; each element is read before it is written.
        unsafe {
            while i < whole {
                l.store(y.add(i), function.value(l, l.load(x.add(i))));
                i += L::WIDTH;
            }
            if i < length {
                let rest = length - i;
                l.store_partial(y.add(i), function.value(l, l.load_partial(x.add(i), rest)), rest);
            }
        }
    }
}

struct Both<'a> {
    isa: Isa,
    x: &'a mut [f32],
    slope: &'a mut [f32],
}

impl Visitor for Both<'_> {
    fn vector(self, implementation: impl Unary) {
        self.isa.run(BothOf(self, implementation));
    }
    fn scalar(self, function: Function) {
        for (x, slope) in self.x.iter_mut().zip(self.slope) {
            let at = f64::from(*x);
            (*x, *slope) = (function.value(at) as f32, function.derivative(at) as f32);
        }
    }
}

struct BothOf<'a, U>(Both<'a>, U);

impl<U: Unary> Kernel for BothOf<'_, U> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let BothOf(Both { x, slope, .. }, function) = self;
        for (x, slope) in x.chunks_mut(L::WIDTH).zip(slope.chunks_mut(L::WIDTH)) {
            let at = l.read(x);
            l.write(slope, function.derivative(l, at));
            l.write(x, function.value(l, at));
        }
    }
}

struct Derivatives<'a> {
    isa: Isa,
    x: &'a [f32],
    g: &'a [f32],
    out: &'a mut [f32],
    accumulate: bool,
}

impl Visitor for Derivatives<'_> {
    fn vector(self, implementation: impl Unary) {
        self.isa.run(DerivativesOf(self, implementation));
    }
    fn scalar(self, function: Function) {
        for ((out, &g), &x) in self.out.iter_mut().zip(self.g).zip(self.x) {
            let product = g * function.derivative(f64::from(x)) as f32;
            *out = if self.accumulate { *out + product } else { product };
        }
    }
}

struct DerivativesOf<'a, U>(Derivatives<'a>, U);

impl<U: Unary> Kernel for DerivativesOf<'_, U> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let DerivativesOf(Derivatives { x, g, out, accumulate, .. }, function) = self;
        let pieces = out.chunks_mut(L::WIDTH).zip(g.chunks(L::WIDTH)).zip(x.chunks(L::WIDTH));
        for ((out, g), x) in pieces {
            let mut product = l.mul(l.read(g), function.derivative(l, l.read(x)));
            if accumulate {
                product = l.add(l.read(out), product);
            }
            l.write(out, product);
        }
    }
}
