//! Integer arithmetic, logic, shifts and the instructions on bits.

use super::formula::{Lane, S16, S32, S64, U16, U32, U64, narrow, shrink, wide, widen};
use super::instruction::Formula;
use super::types::Type;
use super::words::Words;

/// The formula of an integer instruction and the type of its sources; `None` if the name is not one of them.
pub fn select(words: &Words, kind: Type) -> Option<Formula> {
    use Type::*;
    match kind {
        U32 | S32 | B32 => narrow_formula(words, kind == S32),
        U64 | S64 | B64 => wide_formula(words, kind == S64),
        U16 | S16 | B16 => short_formula(words, kind == S16),
        _ => None,
    }
}

fn narrow_formula(words: &Words, signed: bool) -> Option<Formula> {
    let formula = match words.name {
        "mov" | "cvta" => narrow!(U32 => U32, |a| a),
        "add" => narrow!(U32 => U32, |a, b| a.wrapping_add(b)),
        "sub" => narrow!(U32 => U32, |a, b| a.wrapping_sub(b)),
        "mul" | "mul24" if words.take("lo") => narrow!(U32 => U32, |a, b| a.wrapping_mul(b)),
        "mul" if words.take("hi") && signed => narrow!(S32 => S32, |a, b| ((i64::from(a) * i64::from(b)) >> 32) as i32),
        "mul" if words.take("hi") => narrow!(U32 => U32, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        "mul" if words.take("wide") && signed => widen!(S32 => S64, |a, b| i64::from(a) * i64::from(b)),
        "mul" if words.take("wide") => widen!(U32 => U64, |a, b| u64::from(a) * u64::from(b)),
        "mad" if words.take("lo") => narrow!(U32 => U32, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        "mad" if words.take("hi") && signed => {
            narrow!(S32 => S32, |a, b, c| (((i64::from(a) * i64::from(b)) >> 32) as i32).wrapping_add(c))
        }
        "mad" if words.take("hi") => {
            narrow!(U32 => U32, |a, b, c| (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c))
        }
        "mad" if words.take("wide") && signed => {
            widen!(S32 => S64, |a, b, c| (i64::from(a) * i64::from(b)).wrapping_add(c))
        }
        "mad" if words.take("wide") => widen!(U32 => U64, |a, b, c| (u64::from(a) * u64::from(b)).wrapping_add(c)),
        // A division by zero gives all ones on the devices at hand; PTX leaves it open.
        "div" if signed => narrow!(S32 => S32, |a, b| if b == 0 { -1 } else { a.wrapping_div(b) }),
        "div" => narrow!(U32 => U32, |a, b| a.checked_div(b).unwrap_or(u32::MAX)),
        "rem" if signed => narrow!(S32 => S32, |a, b| if b == 0 { a } else { a.wrapping_rem(b) }),
        "rem" => narrow!(U32 => U32, |a, b| a.checked_rem(b).unwrap_or(a)),
        "min" if signed => narrow!(S32 => S32, |a, b| a.min(b)),
        "min" => narrow!(U32 => U32, |a, b| a.min(b)),
        "max" if signed => narrow!(S32 => S32, |a, b| a.max(b)),
        "max" => narrow!(U32 => U32, |a, b| a.max(b)),
        "abs" if signed => narrow!(S32 => S32, |a| a.wrapping_abs()),
        "neg" if signed => narrow!(S32 => S32, |a| a.wrapping_neg()),
        "and" => narrow!(U32 => U32, |a, b| a & b),
        "or" => narrow!(U32 => U32, |a, b| a | b),
        "xor" => narrow!(U32 => U32, |a, b| a ^ b),
        "not" => narrow!(U32 => U32, |a| !a),
        "cnot" => narrow!(U32 => U32, |a| u32::from(a == 0)),
        "shl" => narrow!(U32 => U32, |a, b| if b > 31 { 0 } else { a << b }),
        "shr" if signed => narrow!(S32 => S32, |a, b| a >> (b as u32).min(31)),
        "shr" => narrow!(U32 => U32, |a, b| if b > 31 { 0 } else { a >> b }),
        "shf" => return funnel(words),
        "brev" => narrow!(U32 => U32, |a| a.reverse_bits()),
        "clz" => narrow!(U32 => U32, |a| a.leading_zeros()),
        "popc" => narrow!(U32 => U32, |a| a.count_ones()),
        "bfind" if !signed => narrow!(U32 => U32, |a| if a == 0 { u32::MAX } else { 31 - a.leading_zeros() }),
        "bfe" if signed => narrow!(S32 => S32, |a, b, c| extract(i64::from(a), b as u32, c as u32, true) as i32),
        "bfe" => narrow!(U32 => U32, |a, b, c| extract(i64::from(a), b, c, false) as u32),
        "prmt" => narrow!(U32 => U32, |a, b, c| permute(a, b, c)),
        "sad" if !signed => narrow!(U32 => U32, |a, b, c| a.abs_diff(b).wrapping_add(c)),
        _ => return None,
    };
    Some(formula)
}

fn funnel(words: &Words) -> Option<Formula> {
    fn joined(low: u32, high: u32) -> u64 {
        u64::from(high) << 32 | u64::from(low)
    }
    Some(match (words.take("l"), words.take("r"), words.take("wrap"), words.take("clamp")) {
        (true, false, true, false) => narrow!(U32 => U32, |a, b, c| (joined(a, b) << (c & 31) >> 32) as u32),
        (true, false, false, true) => narrow!(U32 => U32, |a, b, c| (joined(a, b) << c.min(32) >> 32) as u32),
        (false, true, true, false) => narrow!(U32 => U32, |a, b, c| (joined(a, b) >> (c & 31)) as u32),
        (false, true, false, true) => narrow!(U32 => U32, |a, b, c| (joined(a, b) >> c.min(32)) as u32),
        _ => return None,
    })
}

/// `bfe` of 32 bits: the field of `length` bits from `start`; beyond the value there are copies of its sign.
fn extract(value: i64, start: u32, length: u32, signed: bool) -> i64 {
    let (start, length) = (start & 255, length & 255);
    if length == 0 {
        return 0;
    }
    let shifted = value >> start.min(63);
    let kept = length.min(32);
    // The sign of a field that reaches past the value is the value's own sign, which the shift has brought there.
    let field = shifted << (64 - kept);
    if signed { field >> (64 - kept) } else { (field as u64 >> (64 - kept)) as i64 }
}

/// `bfi` of 32 bits: `into` with `length` bits from `start` replaced by the low bits of `field`.
pub fn insert(field: u32, into: u32, start: u32, length: u32) -> u32 {
    let (start, length) = (start & 255, length & 255);
    let mask = if start > 31 || length == 0 { 0 } else { (u32::MAX >> (32 - length.min(32))) << start };
    into & !mask | if mask == 0 { 0 } else { (field << start) & mask }
}

/// `prmt`: four bytes chosen from the eight of two values, each perhaps replaced by its sign.
fn permute(low: u32, high: u32, selectors: u32) -> u32 {
    let bytes = u64::from(high) << 32 | u64::from(low);
    (0..4).fold(0, |result, at| {
        let selector = selectors >> (4 * at) & 15;
        let byte = (bytes >> (8 * (selector & 7))) as u8;
        let byte = if selector & 8 == 0 { byte } else { (byte as i8 >> 7) as u8 };
        result | u32::from(byte) << (8 * at)
    })
}

/// The function of `lop3` with this table: bit `4a + 2b + c` is the result for bits `a`, `b`, `c`.
pub fn logic3(a: u32, b: u32, c: u32, table: u32) -> u32 {
    (0..8).filter(|row| table >> row & 1 == 1).fold(0, |result, row| {
        let pick = |value: u32, bit: u32| if row >> bit & 1 == 1 { value } else { !value };
        result | pick(a, 2) & pick(b, 1) & pick(c, 0)
    })
}

fn wide_formula(words: &Words, signed: bool) -> Option<Formula> {
    let formula = match words.name {
        "mov" | "cvta" => wide!(U64 => U64, |a| a),
        "add" => wide!(U64 => U64, |a, b| a.wrapping_add(b)),
        "sub" => wide!(U64 => U64, |a, b| a.wrapping_sub(b)),
        "mul" if words.take("lo") => wide!(U64 => U64, |a, b| a.wrapping_mul(b)),
        "mul" if words.take("hi") && signed => wide!(S64 => S64, |a, b| ((i128::from(a) * i128::from(b)) >> 64) as i64),
        "mul" if words.take("hi") => wide!(U64 => U64, |a, b| ((u128::from(a) * u128::from(b)) >> 64) as u64),
        "mad" if words.take("lo") => wide!(U64 => U64, |a, b, c| a.wrapping_mul(b).wrapping_add(c)),
        "mad" if words.take("hi") && !signed => {
            wide!(U64 => U64, |a, b, c| (((u128::from(a) * u128::from(b)) >> 64) as u64).wrapping_add(c))
        }
        "div" if signed => wide!(S64 => S64, |a, b| if b == 0 { -1 } else { a.wrapping_div(b) }),
        "div" => wide!(U64 => U64, |a, b| a.checked_div(b).unwrap_or(u64::MAX)),
        "rem" if signed => wide!(S64 => S64, |a, b| if b == 0 { a } else { a.wrapping_rem(b) }),
        "rem" => wide!(U64 => U64, |a, b| a.checked_rem(b).unwrap_or(a)),
        "min" if signed => wide!(S64 => S64, |a, b| a.min(b)),
        "min" => wide!(U64 => U64, |a, b| a.min(b)),
        "max" if signed => wide!(S64 => S64, |a, b| a.max(b)),
        "max" => wide!(U64 => U64, |a, b| a.max(b)),
        "abs" if signed => wide!(S64 => S64, |a| a.wrapping_abs()),
        "neg" if signed => wide!(S64 => S64, |a| a.wrapping_neg()),
        "and" => wide!(U64 => U64, |a, b| a & b),
        "or" => wide!(U64 => U64, |a, b| a | b),
        "xor" => wide!(U64 => U64, |a, b| a ^ b),
        "not" => wide!(U64 => U64, |a| !a),
        "shl" => {
            Formula::Shift(|x, by| std::array::from_fn(|lane| if by[lane] > 63 { 0 } else { x[lane] << by[lane] }))
        }
        "shr" if signed => {
            Formula::Shift(|x, by| std::array::from_fn(|lane| (x[lane] as i64 >> by[lane].min(63)) as u64))
        }
        "shr" => {
            Formula::Shift(|x, by| std::array::from_fn(|lane| if by[lane] > 63 { 0 } else { x[lane] >> by[lane] }))
        }
        "brev" => wide!(U64 => U64, |a| a.reverse_bits()),
        "clz" => shrink!(U64 => U32, |a| a.leading_zeros()),
        "popc" => shrink!(U64 => U32, |a| a.count_ones()),
        _ => return None,
    };
    Some(formula)
}

fn short_formula(words: &Words, signed: bool) -> Option<Formula> {
    let formula = match words.name {
        "mov" => narrow!(U16 => U16, |a| a),
        "add" => narrow!(U16 => U16, |a, b| a.wrapping_add(b)),
        "sub" => narrow!(U16 => U16, |a, b| a.wrapping_sub(b)),
        "mul" if words.take("lo") => narrow!(U16 => U16, |a, b| a.wrapping_mul(b)),
        "mul" if words.take("wide") && signed => narrow!(S16 => S32, |a, b| i32::from(a) * i32::from(b)),
        "mul" if words.take("wide") => narrow!(U16 => U32, |a, b| u32::from(a) * u32::from(b)),
        "min" if signed => narrow!(S16 => S16, |a, b| a.min(b)),
        "min" => narrow!(U16 => U16, |a, b| a.min(b)),
        "max" if signed => narrow!(S16 => S16, |a, b| a.max(b)),
        "max" => narrow!(U16 => U16, |a, b| a.max(b)),
        "neg" if signed => narrow!(S16 => S16, |a| a.wrapping_neg()),
        "and" => narrow!(U16 => U16, |a, b| a & b),
        "or" => narrow!(U16 => U16, |a, b| a | b),
        "xor" => narrow!(U16 => U16, |a, b| a ^ b),
        "not" => narrow!(U16 => U16, |a| !a),
        "shl" => narrow!(U32 => U32, |a, b| if b > 15 { 0 } else { (a << b) & 0xffff }),
        "shr" if signed => narrow!(U32 => S16, |a, b| a as i16 >> b.min(15)),
        "shr" => narrow!(U32 => U32, |a, b| if b > 15 { 0 } else { (a & 0xffff) >> b }),
        _ => return None,
    };
    Some(formula)
}

/// The low or the high half of a product, for the multiplications with a carry.
pub fn half_product(high: bool, signed: bool) -> fn(&[u32; 32], &[u32; 32], &[u32; 32]) -> [u32; 32] {
    let formula = match (high, signed) {
        (false, _) => narrow!(U32 => U32, |a, b| a.wrapping_mul(b)),
        (true, false) => narrow!(U32 => U32, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        (true, true) => narrow!(S32 => S32, |a, b| ((i64::from(a) * i64::from(b)) >> 32) as i32),
    };
    match formula {
        Formula::Narrow(_, function) => function,
        _ => |a, _, _| *a,
    }
}
