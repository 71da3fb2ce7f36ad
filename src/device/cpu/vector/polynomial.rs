//! Polynomials by Horner's scheme.

use crate::device::cpu::lanes::Lanes;

/// The polynomial with these coefficients, the highest power first.
#[inline(always)]
pub fn horner<L: Lanes, const N: usize>(l: L, x: L::F, coefficients: [f32; N]) -> L::F {
    let mut sum = l.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = l.fma(sum, x, l.splat(coefficient));
    }
    sum
}
