//! Floating-point arithmetic.
//!
//! The approximate instructions are computed in f64 and rounded once, so they are better than on a device: kernels are
//! compared with a tolerance.

use super::formula::{F32, F64, Flushed, Lane, U32, U64, narrow, wide};
use super::instruction::Formula;
use super::types::Type;
use super::words::Words;

/// The formula of a floating-point instruction; `None` if the name is not one of them.
pub fn select(words: &Words, kind: Type) -> Option<Formula> {
    match kind {
        Type::F32 => single(words),
        Type::F64 => double(words),
        _ => None,
    }
}

/// A formula over f32 registers, in its two forms with and without `.ftz`.
macro_rules! float {
    ($words:expr, |$($name:ident),+| $body:expr) => {
        if $words.take("ftz") {
            narrow!(Flushed => Flushed, |$($name),+| $body)
        } else {
            narrow!(F32 => F32, |$($name),+| $body)
        }
    };
}

fn single(words: &Words) -> Option<Formula> {
    let formula = match words.name {
        "mov" => narrow!(U32 => U32, |a| a),
        "add" if rounds(words) => float!(words, |a, b| a + b),
        "sub" if rounds(words) => float!(words, |a, b| a - b),
        "mul" if rounds(words) && words.take("sat") => float!(words, |a, b| saturated(a * b)),
        "mul" if rounds(words) => float!(words, |a, b| a * b),
        "fma" | "mad" if words.take("rn") && words.take("sat") => float!(words, |a, b, c| saturated(a.mul_add(b, c))),
        "fma" | "mad" if rounds(words) => float!(words, |a, b, c| a.mul_add(b, c)),
        "div" if approximates(words) => float!(words, |a, b| a / b),
        "min" if words.take("NaN") => float!(words, |a, b| with_nan(a, b, minimum(a, b))),
        "min" => float!(words, |a, b| minimum(a, b)),
        "max" if words.take("NaN") => float!(words, |a, b| with_nan(a, b, maximum(a, b))),
        "max" => float!(words, |a, b| maximum(a, b)),
        // The sign is a bit: a NaN changes it too.
        "abs" => float!(words, |a| a.abs()),
        "neg" => float!(words, |a| -a),
        "copysign" => narrow!(U32 => U32, |a, b| a & 0x8000_0000 | b & 0x7fff_ffff),
        "rcp" if approximates(words) => float!(words, |a| 1.0 / a),
        "sqrt" if approximates(words) => float!(words, |a| a.sqrt()),
        "rsqrt" if words.take("approx") => float!(words, |a| (1.0 / f64::from(a).sqrt()) as f32),
        "ex2" if words.take("approx") => float!(words, |a| f64::from(a).exp2() as f32),
        "lg2" if words.take("approx") => float!(words, |a| f64::from(a).log2() as f32),
        "sin" if words.take("approx") => float!(words, |a| f64::from(a).sin() as f32),
        "cos" if words.take("approx") => float!(words, |a| f64::from(a).cos() as f32),
        "tanh" if words.take("approx") => narrow!(F32 => F32, |a| f64::from(a).tanh() as f32),
        _ => return None,
    };
    Some(formula)
}

fn double(words: &Words) -> Option<Formula> {
    let formula = match words.name {
        "mov" => wide!(U64 => U64, |a| a),
        "add" if rounds(words) => wide!(F64 => F64, |a, b| a + b),
        "sub" if rounds(words) => wide!(F64 => F64, |a, b| a - b),
        "mul" if rounds(words) => wide!(F64 => F64, |a, b| a * b),
        "fma" | "mad" if rounds(words) => wide!(F64 => F64, |a, b, c| a.mul_add(b, c)),
        "div" if words.take("rn") => wide!(F64 => F64, |a, b| a / b),
        "rcp" if words.take("rn") => wide!(F64 => F64, |a| 1.0 / a),
        "sqrt" if words.take("rn") => wide!(F64 => F64, |a| a.sqrt()),
        "min" => wide!(F64 => F64, |a, b| if a < b || b.is_nan() { a } else { b }),
        "max" => wide!(F64 => F64, |a, b| if a > b || b.is_nan() { a } else { b }),
        "abs" => wide!(F64 => F64, |a| a.abs()),
        "neg" => wide!(F64 => F64, |a| -a),
        "copysign" => wide!(U64 => U64, |a, b| a & 1 << 63 | b & (u64::MAX >> 1)),
        _ => return None,
    };
    Some(formula)
}

/// Rounding to nearest is the only rounding of arithmetic here, and the default.
fn rounds(words: &Words) -> bool {
    words.take("rn");
    true
}

/// The divisions and roots, which name how exact they are.
fn approximates(words: &Words) -> bool {
    words.take("rn") || words.take("approx") || words.take("full")
}

/// The result of `.sat`: between 0 and 1, and 0 for NaN.
fn saturated(value: f32) -> f32 {
    if value >= 1.0 { 1.0 } else { value.max(0.0) }
}

/// The smaller number; of a number and a NaN the number, and −0 is smaller than 0.
#[inline(always)]
fn minimum(a: f32, b: f32) -> f32 {
    let equal = f32::from_bits(a.to_bits() | b.to_bits());
    if a == b { equal } else { number(a, b, a < b) }
}

/// The larger number, likewise.
#[inline(always)]
fn maximum(a: f32, b: f32) -> f32 {
    let equal = f32::from_bits(a.to_bits() & b.to_bits());
    if a == b { equal } else { number(a, b, a > b) }
}

#[inline(always)]
fn number(a: f32, b: f32, first: bool) -> f32 {
    match (a.is_nan(), b.is_nan()) {
        (true, true) => f32::from_bits(0x7fff_ffff),
        (true, false) => b,
        (false, true) => a,
        (false, false) if first => a,
        (false, false) => b,
    }
}

#[inline(always)]
fn with_nan(a: f32, b: f32, chosen: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::from_bits(0x7fff_ffff) } else { chosen }
}
