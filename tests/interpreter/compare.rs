//! Comparisons, selections and the tests of floating-point classes.

use super::formula::{F32, F64, Flushed, Lane, S16, S32, S64, U16, U32, U64};
use super::instruction::Test;
use super::types::Type;
use super::words::Words;

/// A test over registers whose lanes are read by a marker type.
macro_rules! test {
    ($variant:ident, $in:ty, |$a:ident, $b:ident| $body:expr) => {
        Test::$variant(|x, y| {
            let mut mask = 0;
            for lane in 0..32 {
                let ($a, $b) = (<$in>::read(x[lane]), <$in>::read(y[lane]));
                mask |= u32::from($body) << lane;
            }
            mask
        })
    };
}

/// The comparisons that integers have.
macro_rules! ordered {
    ($words:expr, $variant:ident, $in:ty) => {
        if $words.take("eq") {
            Some(test!($variant, $in, |a, b| a == b))
        } else if $words.take("ne") {
            Some(test!($variant, $in, |a, b| a != b))
        } else if $words.take("lt") || $words.take("lo") {
            Some(test!($variant, $in, |a, b| a < b))
        } else if $words.take("le") || $words.take("ls") {
            Some(test!($variant, $in, |a, b| a <= b))
        } else if $words.take("gt") || $words.take("hi") {
            Some(test!($variant, $in, |a, b| a > b))
        } else if $words.take("ge") || $words.take("hs") {
            Some(test!($variant, $in, |a, b| a >= b))
        } else {
            None
        }
    };
}

/// The comparisons of floating-point numbers: the plain ones are false for NaN, those with a `u` true.
macro_rules! floating {
    ($words:expr, $variant:ident, $in:ty) => {
        if $words.take("eq") {
            Some(test!($variant, $in, |a, b| a == b))
        } else if $words.take("ne") {
            Some(test!($variant, $in, |a, b| a != b && !a.is_nan() && !b.is_nan()))
        } else if $words.take("lt") {
            Some(test!($variant, $in, |a, b| a < b))
        } else if $words.take("le") {
            Some(test!($variant, $in, |a, b| a <= b))
        } else if $words.take("gt") {
            Some(test!($variant, $in, |a, b| a > b))
        } else if $words.take("ge") {
            Some(test!($variant, $in, |a, b| a >= b))
        } else if $words.take("equ") {
            Some(test!($variant, $in, |a, b| a == b || a.is_nan() || b.is_nan()))
        } else if $words.take("neu") {
            Some(test!($variant, $in, |a, b| a != b))
        } else if $words.take("ltu") {
            Some(test!($variant, $in, |a, b| a < b || a.is_nan() || b.is_nan()))
        } else if $words.take("leu") {
            Some(test!($variant, $in, |a, b| a <= b || a.is_nan() || b.is_nan()))
        } else if $words.take("gtu") {
            Some(test!($variant, $in, |a, b| a > b || a.is_nan() || b.is_nan()))
        } else if $words.take("geu") {
            Some(test!($variant, $in, |a, b| a >= b || a.is_nan() || b.is_nan()))
        } else if $words.take("num") {
            Some(test!($variant, $in, |a, b| !a.is_nan() && !b.is_nan()))
        } else if $words.take("nan") {
            Some(test!($variant, $in, |a, b| a.is_nan() || b.is_nan()))
        } else {
            None
        }
    };
}

/// The test of `setp` and `set` for operands of this type.
pub fn comparison(words: &Words, kind: Type) -> Option<Test> {
    match kind {
        Type::U32 | Type::B32 => ordered!(words, Narrow, U32),
        Type::S32 => ordered!(words, Narrow, S32),
        Type::U16 | Type::B16 => ordered!(words, Narrow, U16),
        Type::S16 => ordered!(words, Narrow, S16),
        Type::U64 | Type::B64 => ordered!(words, Wide, U64),
        Type::S64 => ordered!(words, Wide, S64),
        Type::F32 if words.take("ftz") => floating!(words, Narrow, Flushed),
        Type::F32 => floating!(words, Narrow, F32),
        Type::F64 => floating!(words, Wide, F64),
        _ => None,
    }
}

/// The test of `testp`, which looks at its first operand only.
pub fn class(words: &Words) -> Option<Test> {
    Some(if words.take("finite") {
        test!(Narrow, F32, |a, _b| a.is_finite())
    } else if words.take("infinite") {
        test!(Narrow, F32, |a, _b| a.is_infinite())
    } else if words.take("number") {
        test!(Narrow, F32, |a, _b| !a.is_nan())
    } else if words.take("notanumber") {
        test!(Narrow, F32, |a, _b| a.is_nan())
    } else if words.take("normal") {
        // PTX calls zero neither normal nor subnormal.
        test!(Narrow, F32, |a, _b| a.is_normal())
    } else if words.take("subnormal") {
        test!(Narrow, F32, |a, _b| a.is_subnormal())
    } else {
        return None;
    })
}

/// The test of `slct`: whether the third operand is at least zero (NaN is not).
pub fn at_least_zero(kind: Type) -> Option<Test> {
    match kind {
        Type::S32 => Some(test!(Narrow, S32, |a, b| a >= b)),
        Type::F32 => Some(test!(Narrow, F32, |a, b| a >= b)),
        _ => None,
    }
}
