//! Turns a function of one lane into a function of a whole register.
//!
//! The macros below write the loop over the lanes; the compiler vectorises it. A marker type per operand says how the
//! bits of a register are read, so that `narrow!(F32 -> F32 |a, b| a + b)` is the addition of two f32 registers.

/// How the bits of a lane are read and written.
pub trait Lane {
    type Raw;
    type Value;
    fn read(bits: Self::Raw) -> Self::Value;
    fn write(value: Self::Value) -> Self::Raw;
}

macro_rules! lane {
    ($(#[$doc:meta])* $marker:ident, $raw:ty, $value:ty, |$bits:ident| $read:expr, |$out:ident| $write:expr) => {
        $(#[$doc])*
        pub struct $marker;
        impl Lane for $marker {
            type Raw = $raw;
            type Value = $value;
            #[inline(always)]
            fn read($bits: $raw) -> $value {
                $read
            }
            #[inline(always)]
            fn write($out: $value) -> $raw {
                $write
            }
        }
    };
}

lane!(U32, u32, u32, |bits| bits, |value| value);
lane!(S32, u32, i32, |bits| bits as i32, |value| value as u32);
lane!(U16, u32, u16, |bits| bits as u16, |value| u32::from(value));
lane!(S16, u32, i16, |bits| bits as i16, |value| u32::from(value as u16));
lane!(U8, u32, u8, |bits| bits as u8, |value| u32::from(value));
lane!(S8, u32, i8, |bits| bits as i8, |value| value as i32 as u32);
lane!(F32, u32, f32, |bits| f32::from_bits(bits), |value| value.to_bits());
lane!(
    /// An f32 of an instruction with `.ftz`, which takes and gives zeros for subnormal numbers.
    Flushed, u32, f32, |bits| flush(f32::from_bits(bits)), |value| flush(value).to_bits()
);
lane!(U64, u64, u64, |bits| bits, |value| value);
lane!(S64, u64, i64, |bits| bits as i64, |value| value as u64);
lane!(F64, u64, f64, |bits| f64::from_bits(bits), |value| value.to_bits());
lane!(F16, u32, f32, |bits| super::half::f16_to_f32(bits as u16), |value| u32::from(super::half::f32_to_f16(value)));
lane!(Bf16, u32, f32, |bits| f32::from_bits(bits << 16), |value| u32::from(super::half::f32_to_bf16(value)));

/// Zero of the same sign for a subnormal number.
#[inline(always)]
pub fn flush(value: f32) -> f32 {
    if value.abs() < f32::MIN_POSITIVE { f32::from_bits(value.to_bits() & 0x8000_0000) } else { value }
}

/// A formula over narrow registers.
macro_rules! narrow {
    ($in:ty => $out:ty, |$a:ident| $body:expr) => {
        Formula::Narrow(1, |x, _, _| {
            std::array::from_fn(|lane| {
                let $a = <$in>::read(x[lane]);
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident| $body:expr) => {
        Formula::Narrow(2, |x, y, _| {
            std::array::from_fn(|lane| {
                let ($a, $b) = (<$in>::read(x[lane]), <$in>::read(y[lane]));
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident, $c:ident| $body:expr) => {
        Formula::Narrow(3, |x, y, z| {
            std::array::from_fn(|lane| {
                let ($a, $b, $c) = (<$in>::read(x[lane]), <$in>::read(y[lane]), <$in>::read(z[lane]));
                <$out>::write($body)
            })
        })
    };
}

/// A formula over wide registers.
macro_rules! wide {
    ($in:ty => $out:ty, |$a:ident| $body:expr) => {
        Formula::Wide(1, |x, _, _| {
            std::array::from_fn(|lane| {
                let $a = <$in>::read(x[lane]);
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident| $body:expr) => {
        Formula::Wide(2, |x, y, _| {
            std::array::from_fn(|lane| {
                let ($a, $b) = (<$in>::read(x[lane]), <$in>::read(y[lane]));
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident, $c:ident| $body:expr) => {
        Formula::Wide(3, |x, y, z| {
            std::array::from_fn(|lane| {
                let ($a, $b, $c) = (<$in>::read(x[lane]), <$in>::read(y[lane]), <$in>::read(z[lane]));
                <$out>::write($body)
            })
        })
    };
}

/// A formula from narrow registers to a wide one.
macro_rules! widen {
    ($in:ty => $out:ty, |$a:ident| $body:expr) => {
        Formula::Widen(1, |x, _, _| {
            std::array::from_fn(|lane| {
                let $a = <$in>::read(x[lane]);
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident| $body:expr) => {
        Formula::Widen(2, |x, y, _| {
            std::array::from_fn(|lane| {
                let ($a, $b) = (<$in>::read(x[lane]), <$in>::read(y[lane]));
                <$out>::write($body)
            })
        })
    };
    ($in:ty => $out:ty, |$a:ident, $b:ident, $c:ident| $body:expr) => {
        Formula::Widen(3, |x, y, z| {
            std::array::from_fn(|lane| {
                let ($a, $b, $c) = (<$in>::read(x[lane]), <$in>::read(y[lane]), <$out>::read(z[lane]));
                <$out>::write($body)
            })
        })
    };
}

/// A formula from a wide register to a narrow one.
macro_rules! shrink {
    ($in:ty => $out:ty, |$a:ident| $body:expr) => {
        Formula::Shrink(|x| {
            std::array::from_fn(|lane| {
                let $a = <$in>::read(x[lane]);
                <$out>::write($body)
            })
        })
    };
}

pub(super) use {narrow, shrink, wide, widen};
