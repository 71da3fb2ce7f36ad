//! `cvt`: conversions between all scalar types.

use super::formula::{Bf16, F16, F32, F64, Flushed, Lane, S8, S16, S32, S64, U8, U16, U32, U64};
use super::formula::{narrow, shrink, wide, widen};
use super::half::f32_to_tf32;
use super::instruction::Formula;
use super::types::Type;
use super::words::Words;

/// The rounding of a floating-point number to an integer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rounding {
    Nearest,
    Zero,
    Down,
    Up,
}

/// Conversions of one source type to each integer type. `$value` is an expression that Rust's `as` saturates, as PTX
/// does for floating-point sources and does not for integers, which wrap.
macro_rules! to_integer {
    ($from:ident, $to:expr, narrow, |$a:ident| $value:expr) => {
        match $to {
            Type::U8 => narrow!($from => U8, |$a| $value as u8),
            Type::S8 => narrow!($from => S8, |$a| $value as i8),
            Type::U16 | Type::B16 => narrow!($from => U16, |$a| $value as u16),
            Type::S16 => narrow!($from => S16, |$a| $value as i16),
            Type::U32 | Type::B32 => narrow!($from => U32, |$a| $value as u32),
            Type::S32 => narrow!($from => S32, |$a| $value as i32),
            Type::U64 | Type::B64 => widen!($from => U64, |$a| $value as u64),
            Type::S64 => widen!($from => S64, |$a| $value as i64),
            _ => return None,
        }
    };
    ($from:ident, $to:expr, wide, |$a:ident| $value:expr) => {
        match $to {
            Type::U8 => shrink!($from => U8, |$a| $value as u8),
            Type::S8 => shrink!($from => S8, |$a| $value as i8),
            Type::U16 | Type::B16 => shrink!($from => U16, |$a| $value as u16),
            Type::S16 => shrink!($from => S16, |$a| $value as i16),
            Type::U32 | Type::B32 => shrink!($from => U32, |$a| $value as u32),
            Type::S32 => shrink!($from => S32, |$a| $value as i32),
            Type::U64 | Type::B64 => wide!($from => U64, |$a| $value as u64),
            Type::S64 => wide!($from => S64, |$a| $value as i64),
            _ => return None,
        }
    };
}

/// Integers of one source type to any type.
macro_rules! from_integer {
    ($words:expr, $from:ident, $to:expr, $width:ident, $single:ident, $double:ident) => {
        match $to {
            Type::F32 if $words.take("rn") => $single!($from => F32, |a| a as f32),
            Type::F64 => {
                $words.take("rn");
                $double!($from => F64, |a| a as f64)
            }
            _ => to_integer!($from, $to, $width, |a| a),
        }
    };
}

/// Floating-point numbers of one source type to integers.
macro_rules! from_float {
    ($from:ident, $to:expr, $width:ident, $rounding:expr) => {
        match $rounding {
            Rounding::Nearest => to_integer!($from, $to, $width, |a| a.round_ties_even()),
            Rounding::Zero => to_integer!($from, $to, $width, |a| a.trunc()),
            Rounding::Down => to_integer!($from, $to, $width, |a| a.floor()),
            Rounding::Up => to_integer!($from, $to, $width, |a| a.ceil()),
        }
    };
}

/// The formula of `cvt.to.from`.
pub fn select(words: &Words, to: Type, from: Type) -> Option<Formula> {
    Some(match from {
        Type::U8 | Type::B8 => from_integer!(words, U8, to, narrow, narrow, widen),
        Type::S8 => from_integer!(words, S8, to, narrow, narrow, widen),
        Type::U16 | Type::B16 => from_integer!(words, U16, to, narrow, narrow, widen),
        Type::S16 => from_integer!(words, S16, to, narrow, narrow, widen),
        Type::U32 | Type::B32 => from_integer!(words, U32, to, narrow, narrow, widen),
        Type::S32 => from_integer!(words, S32, to, narrow, narrow, widen),
        Type::U64 | Type::B64 => from_integer!(words, U64, to, wide, shrink, wide),
        Type::S64 => from_integer!(words, S64, to, wide, shrink, wide),
        Type::F16 => match to {
            Type::F32 => narrow!(F16 => F32, |a| a),
            _ => return None,
        },
        Type::Bf16 => match to {
            Type::F32 => narrow!(Bf16 => F32, |a| a),
            _ => return None,
        },
        Type::F32 => return from_single(words, to),
        Type::F64 => return from_double(words, to),
        _ => return None,
    })
}

fn from_single(words: &Words, to: Type) -> Option<Formula> {
    let whole = whole(words);
    let flushes = words.take("ftz");
    Some(match to {
        Type::F32 => match (whole, flushes) {
            (None, true) => narrow!(Flushed => Flushed, |a| a),
            (None, false) if words.take("sat") => narrow!(F32 => F32, |a| if a >= 1.0 { 1.0 } else { a.max(0.0) }),
            (None, false) => narrow!(F32 => F32, |a| a),
            (Some(Rounding::Nearest), true) => narrow!(Flushed => Flushed, |a| a.round_ties_even()),
            (Some(Rounding::Nearest), false) => narrow!(F32 => F32, |a| a.round_ties_even()),
            (Some(Rounding::Zero), true) => narrow!(Flushed => Flushed, |a| a.trunc()),
            (Some(Rounding::Zero), false) => narrow!(F32 => F32, |a| a.trunc()),
            (Some(Rounding::Down), true) => narrow!(Flushed => Flushed, |a| a.floor()),
            (Some(Rounding::Down), false) => narrow!(F32 => F32, |a| a.floor()),
            (Some(Rounding::Up), true) => narrow!(Flushed => Flushed, |a| a.ceil()),
            (Some(Rounding::Up), false) => narrow!(F32 => F32, |a| a.ceil()),
        },
        Type::F64 => widen!(F32 => F64, |a| f64::from(a)),
        Type::F16 if words.take("rn") => narrow!(F32 => F16, |a| a),
        Type::Bf16 if words.take("rn") => narrow!(F32 => Bf16, |a| a),
        Type::Bf16 if words.take("rz") => narrow!(U32 => U32, |a| a >> 16),
        // The first operand becomes the upper half.
        Type::F16x2 if words.take("rn") => narrow!(F32 => U32, |a, b| F16::write(a) << 16 | F16::write(b)),
        Type::Bf16x2 if words.take("rn") => narrow!(F32 => U32, |a, b| Bf16::write(a) << 16 | Bf16::write(b)),
        Type::Tf32 if words.take("rna") => narrow!(F32 => U32, |a| f32_to_tf32(a)),
        _ if flushes => from_float!(Flushed, to, narrow, whole?),
        _ => from_float!(F32, to, narrow, whole?),
    })
}

fn from_double(words: &Words, to: Type) -> Option<Formula> {
    let rounding = whole(words);
    Some(match (to, rounding) {
        (Type::F32, None) if words.take("rn") => shrink!(F64 => F32, |a| a as f32),
        (Type::F64, None) => wide!(F64 => F64, |a| a),
        (Type::F64, Some(Rounding::Nearest)) => wide!(F64 => F64, |a| a.round_ties_even()),
        (Type::F64, Some(Rounding::Zero)) => wide!(F64 => F64, |a| a.trunc()),
        (Type::F64, Some(Rounding::Down)) => wide!(F64 => F64, |a| a.floor()),
        (Type::F64, Some(Rounding::Up)) => wide!(F64 => F64, |a| a.ceil()),
        _ => from_float!(F64, to, wide, rounding?),
    })
}

/// The rounding to a whole number that the instruction names.
fn whole(words: &Words) -> Option<Rounding> {
    words.choose(&[("rni", Rounding::Nearest), ("rzi", Rounding::Zero), ("rmi", Rounding::Down), ("rpi", Rounding::Up)])
}
