//! The scalar types of PTX, and the three banks of registers that hold them.

/// Where the interpreter keeps a register: 8-, 16- and 32-bit values share one bank.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Bank {
    Narrow,
    Wide,
    Predicate,
}

/// A type as written after the dot of an instruction or a declaration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    B8,
    U8,
    S8,
    B16,
    U16,
    S16,
    F16,
    Bf16,
    B32,
    U32,
    S32,
    F32,
    Tf32,
    F16x2,
    Bf16x2,
    B64,
    U64,
    S64,
    F64,
    Predicate,
}

use Type::*;

impl Type {
    /// The type of this name (without the dot), if it is one.
    pub fn named(name: &str) -> Option<Type> {
        Some(match name {
            "b8" => B8,
            "u8" => U8,
            "s8" => S8,
            "b16" => B16,
            "u16" => U16,
            "s16" => S16,
            "f16" => F16,
            "bf16" => Bf16,
            "b32" => B32,
            "u32" => U32,
            "s32" => S32,
            "f32" => F32,
            "tf32" => Tf32,
            "f16x2" => F16x2,
            "bf16x2" => Bf16x2,
            "b64" => B64,
            "u64" => U64,
            "s64" => S64,
            "f64" => F64,
            "pred" => Predicate,
            _ => return None,
        })
    }

    /// The size in memory.
    pub fn bytes(self) -> usize {
        match self {
            B8 | U8 | S8 | Predicate => 1,
            B16 | U16 | S16 | F16 | Bf16 => 2,
            B32 | U32 | S32 | F32 | Tf32 | F16x2 | Bf16x2 => 4,
            B64 | U64 | S64 | F64 => 8,
        }
    }

    /// The bank of a register of this type.
    pub fn bank(self) -> Bank {
        match self {
            Predicate => Bank::Predicate,
            B64 | U64 | S64 | F64 => Bank::Wide,
            _ => Bank::Narrow,
        }
    }

    /// Whether the type is a signed integer.
    pub fn signed(self) -> bool {
        matches!(self, S8 | S16 | S32 | S64)
    }

    /// The bits of a literal of this type: `0f3F800000`, `0d…`, decimal, hexadecimal or negative numbers.
    pub fn literal(self, text: &str) -> Result<u64, String> {
        let wrong = || format!("`{text}` is neither a declared name nor a number");
        let lower = text.to_ascii_lowercase();
        if let Some(digits) = lower.strip_prefix("0f") {
            let bits = u32::from_str_radix(digits, 16).map_err(|_| wrong())?;
            let widened = f64::from(f32::from_bits(bits)).to_bits();
            return Ok(if self == F64 { widened } else { u64::from(bits) });
        }
        if let Some(digits) = lower.strip_prefix("0d") {
            let bits = u64::from_str_radix(digits, 16).map_err(|_| wrong())?;
            let narrowed = (f64::from_bits(bits) as f32).to_bits();
            return Ok(if self == F32 { u64::from(narrowed) } else { bits });
        }
        if matches!(self, F32 | F64) {
            let value: f64 = text.parse().map_err(|_| wrong())?;
            return Ok(if self == F64 { value.to_bits() } else { u64::from((value as f32).to_bits()) });
        }
        let (negative, digits) = match lower.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, lower.as_str()),
        };
        let digits = digits.trim_end_matches('u');
        let magnitude = match (digits.strip_prefix("0x"), digits.strip_prefix("0b")) {
            (Some(hexadecimal), _) => u64::from_str_radix(hexadecimal, 16),
            (_, Some(binary)) => u64::from_str_radix(binary, 2),
            _ => digits.parse(),
        }
        .map_err(|_| wrong())?;
        Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
    }
}
