//! Plain Rust on arrays of four numbers, for any processor; the definition of what the other implementations do.

use std::array::from_fn;

use super::{Kernel, Lanes};

/// The implementation in plain Rust.
#[derive(Debug, Clone, Copy)]
pub struct Portable;

const WIDTH: usize = 4;
type F = [f32; WIDTH];
type I = [i32; WIDTH];
type M = [bool; WIDTH];

/// `a · b + c` with one rounding, on processors that lack the instruction.
///
/// The product of two f32 is exact in f64. The sum in f64 is rounded to odd (where it is inexact, the neighbour with an
/// odd last bit is taken), after which the rounding to f32 equals the rounding of the exact value, because f64 has more
/// than two spare bits: S. Boldo and G. Melquiond, "Emulation of a FMA and correctly rounded sums: proved algorithms
/// using rounding to odd", IEEE Transactions on Computers 57(4), 2008.
#[inline(always)]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        return a.mul_add(b, c);
    }
    let product = f64::from(a) * f64::from(b);
    let addend = f64::from(c);
    let sum = product + addend;
    let part = sum - product;
    let error = (product - (sum - part)) + (addend - part);
    let bits = sum.to_bits();
    // Where the sum is infinite or NaN, so is the error or it is NaN, and the comparisons leave the sum alone.
    let inexact = error != 0.0 && error.abs() < f64::INFINITY && bits & 1 == 0;
    let outwards = (error > 0.0) == (sum > 0.0);
    let odd = if outwards { bits.wrapping_add(1) } else { bits.wrapping_sub(1) };
    f64::from_bits(if inexact { odd } else { bits }) as f32
}

/// Not inlined: polynomials and tiles are made of hundreds of these, and the emulation is long.
#[inline(never)]
fn fused_lanes(a: F, b: F, c: F) -> F {
    from_fn(|lane| fused(a[lane], b[lane], c[lane]))
}

/// The nearest integer, ties to even, for |a| < 2²²: in the sum with 1.5 · 2²³ the last bit counts ones.
#[inline(always)]
fn nearest(a: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0;
    ((a + MAGIC) - MAGIC).copysign(a)
}

#[inline(always)]
fn unary<T: Copy, U>(a: [T; WIDTH], f: impl Fn(T) -> U) -> [U; WIDTH] {
    from_fn(|lane| f(a[lane]))
}

#[inline(always)]
fn binary<T: Copy, U>(a: [T; WIDTH], b: [T; WIDTH], f: impl Fn(T, T) -> U) -> [U; WIDTH] {
    from_fn(|lane| f(a[lane], b[lane]))
}

#[inline(always)]
fn bitwise(a: F, b: F, f: impl Fn(u32, u32) -> u32) -> F {
    from_fn(|lane| f32::from_bits(f(a[lane].to_bits(), b[lane].to_bits())))
}

impl Lanes for Portable {
    type F = F;
    type I = I;
    type M = M;
    const WIDTH: usize = WIDTH;
    const ROWS_OF_TWO: usize = 4;
    const ROWS_OF_ONE: usize = 4;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    fn splat(self, value: f32) -> F {
        [value; WIDTH]
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> F {
        // SAFETY: by the caller; an array of f32 needs no other alignment than f32.
        unsafe { from.cast::<F>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: F) {
        // SAFETY: by the caller; an array of f32 needs no other alignment than f32.
        unsafe { to.cast::<F>().write(value) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, count: usize) -> F {
        // SAFETY: reads lanes below `count` only.
        from_fn(|lane| if lane < count { unsafe { *from.add(lane) } } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, value: F, count: usize) {
        for lane in 0..count.min(WIDTH) {
            // SAFETY: writes lanes below `count` only.
            unsafe { *to.add(lane) = value[lane] };
        }
    }

    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        binary(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        binary(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        binary(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        binary(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: F, b: F, c: F) -> F {
        fused_lanes(a, b, c)
    }
    #[inline(always)]
    fn fnma(self, a: F, b: F, c: F) -> F {
        fused_lanes(a.map(|a| -a), b, c)
    }
    #[inline(always)]
    fn min(self, a: F, b: F) -> F {
        binary(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: F, b: F) -> F {
        binary(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn sqrt(self, a: F) -> F {
        unary(a, f32::sqrt)
    }
    #[inline(always)]
    fn round(self, a: F) -> F {
        unary(a, nearest)
    }
    #[inline(always)]
    fn lt(self, a: F, b: F) -> M {
        binary(a, b, |a, b| a < b)
    }
    #[inline(always)]
    fn le(self, a: F, b: F) -> M {
        binary(a, b, |a, b| a <= b)
    }
    #[inline(always)]
    fn eq(self, a: F, b: F) -> M {
        binary(a, b, |a, b| a == b)
    }
    #[inline(always)]
    fn select(self, mask: M, a: F, b: F) -> F {
        from_fn(|lane| if mask[lane] { a[lane] } else { b[lane] })
    }
    #[inline(always)]
    fn mask_and(self, a: M, b: M) -> M {
        binary(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn mask_or(self, a: M, b: M) -> M {
        binary(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn any(self, mask: M) -> bool {
        mask.contains(&true)
    }
    #[inline(always)]
    fn and(self, a: F, b: F) -> F {
        bitwise(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn or(self, a: F, b: F) -> F {
        bitwise(a, b, |a, b| a | b)
    }
    #[inline(always)]
    fn xor(self, a: F, b: F) -> F {
        bitwise(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn andnot(self, a: F, b: F) -> F {
        bitwise(a, b, |a, b| !a & b)
    }
    #[inline(always)]
    fn to_bits(self, a: F) -> I {
        unary(a, |a| a.to_bits() as i32)
    }
    #[inline(always)]
    fn with_bits(self, a: I) -> F {
        unary(a, |a| f32::from_bits(a as u32))
    }
    #[inline(always)]
    fn splat_int(self, value: i32) -> I {
        [value; WIDTH]
    }
    #[inline(always)]
    fn add_int(self, a: I, b: I) -> I {
        binary(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    fn sub_int(self, a: I, b: I) -> I {
        binary(a, b, i32::wrapping_sub)
    }
    #[inline(always)]
    fn and_int(self, a: I, b: I) -> I {
        binary(a, b, |a, b| a & b)
    }
    #[inline(always)]
    fn xor_int(self, a: I, b: I) -> I {
        binary(a, b, |a, b| a ^ b)
    }
    #[inline(always)]
    fn mul_low(self, a: I, b: I) -> I {
        binary(a, b, i32::wrapping_mul)
    }
    #[inline(always)]
    fn mul_high(self, a: I, b: I) -> I {
        binary(a, b, |a, b| ((u64::from(a as u32) * u64::from(b as u32)) >> 32) as i32)
    }
    #[inline(always)]
    fn below(self, a: I, b: I) -> M {
        binary(a, b, |a, b| (a as u32) < (b as u32))
    }
    #[inline(always)]
    fn shift_left_23(self, a: I) -> I {
        unary(a, |a| a << 23)
    }
    #[inline(always)]
    fn halve(self, a: I) -> I {
        unary(a, |a| a >> 1)
    }
    #[inline(always)]
    fn to_int(self, a: F) -> I {
        unary(a, |a| nearest(a) as i32)
    }
    #[inline(always)]
    fn to_float(self, a: I) -> F {
        unary(a, |a| a as f32)
    }
}
