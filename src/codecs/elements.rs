//! Elements of arrays as they lie in files: many number formats come in, four kinds of values come out.

use std::io::Write;

use super::{Dtype, Values};

/// A number format of a file. Integers widen to 64 bits, short floats to 32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Element {
    /// Bytes of one element.
    pub(super) fn size(self) -> usize {
        match self {
            Element::F64 | Element::I64 | Element::U64 => 8,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F16 | Element::Bf16 | Element::I16 | Element::U16 => 2,
            Element::I8 | Element::U8 | Element::Bool => 1,
        }
    }

    /// The type that the values have once they are read.
    pub(super) fn dtype(self) -> Dtype {
        match self {
            Element::F64 => Dtype::F64,
            Element::F32 | Element::F16 | Element::Bf16 => Dtype::F32,
            Element::Bool => Dtype::Bool,
            _ => Dtype::I64,
        }
    }

    /// The number of bytes of an array of this shape, or a sentence if no file can be so large.
    pub(super) fn bytes_of(self, shape: &[usize]) -> Result<usize, String> {
        let elements = shape.iter().try_fold(1usize, |n, &axis| n.checked_mul(axis));
        elements
            .and_then(|n| n.checked_mul(self.size()))
            .filter(|&bytes| bytes <= isize::MAX as usize)
            .ok_or_else(|| format!("the shape {shape:?} is larger than any file; the file is damaged"))
    }

    /// The values of `bytes`, whose length is a multiple of the element's size (what remains is ignored).
    pub(super) fn decode(self, bytes: &[u8], endian: Endian) -> Result<Values, String> {
        macro_rules! numbers {
            ($number:ty) => {
                bytes.as_chunks::<{ size_of::<$number>() }>().0.iter().map(|&chunk| match endian {
                    Endian::Little => <$number>::from_le_bytes(chunk),
                    Endian::Big => <$number>::from_be_bytes(chunk),
                })
            };
        }
        Ok(match self {
            Element::F64 => Values::F64(numbers!(f64).collect()),
            Element::F32 => Values::F32(numbers!(f32).collect()),
            Element::F16 => Values::F32(numbers!(u16).map(half_to_f32).collect()),
            Element::Bf16 => Values::F32(numbers!(u16).map(|bits| f32::from_bits(u32::from(bits) << 16)).collect()),
            Element::I64 => Values::I64(numbers!(i64).collect()),
            Element::I32 => Values::I64(numbers!(i32).map(i64::from).collect()),
            Element::I16 => Values::I64(numbers!(i16).map(i64::from).collect()),
            Element::I8 => Values::I64(numbers!(i8).map(i64::from).collect()),
            Element::U64 => Values::I64(numbers!(u64).map(signed).collect::<Result<_, _>>()?),
            Element::U32 => Values::I64(numbers!(u32).map(i64::from).collect()),
            Element::U16 => Values::I64(numbers!(u16).map(i64::from).collect()),
            Element::U8 => Values::I64(bytes.iter().map(|&x| i64::from(x)).collect()),
            Element::Bool => Values::Bool(bytes.iter().map(|&x| x != 0).collect()),
        })
    }
}

impl Values {
    /// Puts values of the same type behind these; others are left out.
    pub(super) fn append(&mut self, other: Values) {
        match (self, other) {
            (Values::F64(own), Values::F64(more)) => own.extend_from_slice(&more),
            (Values::F32(own), Values::F32(more)) => own.extend_from_slice(&more),
            (Values::I64(own), Values::I64(more)) => own.extend_from_slice(&more),
            (Values::Bool(own), Values::Bool(more)) => own.extend_from_slice(&more),
            _ => {}
        }
    }

    /// Gives back memory that was kept for more values.
    pub(super) fn shrink(&mut self) {
        match self {
            Values::F64(v) => v.shrink_to_fit(),
            Values::F32(v) => v.shrink_to_fit(),
            Values::I64(v) => v.shrink_to_fit(),
            Values::Bool(v) => v.shrink_to_fit(),
        }
    }
}

fn signed(value: u64) -> Result<i64, String> {
    i64::try_from(value).map_err(|_| {
        format!("the unsigned integer {value} does not fit into 64 bits with a sign; store smaller numbers")
    })
}

/// IEEE binary16 to binary32, exactly: sign, five bits of exponent with bias 15, ten bits of fraction.
fn half_to_f32(bits: u16) -> f32 {
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        exponent => (1.0 + fraction) * 2f32.powi(i32::from(exponent) - 15),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Elements converted at a time when an array is written: enough that the writer's calls do not count.
const BLOCK: usize = 8192;

/// Writes the values as little-endian bytes.
pub(super) fn write_little_endian(values: &Values, writer: &mut impl Write) -> std::io::Result<()> {
    fn blocks<T: Copy, const N: usize>(
        values: &[T],
        writer: &mut impl Write,
        to_bytes: impl Fn(T) -> [u8; N],
    ) -> std::io::Result<()> {
        let mut bytes = Vec::with_capacity(BLOCK.min(values.len()) * N);
        for block in values.chunks(BLOCK) {
            bytes.clear();
            bytes.extend(block.iter().flat_map(|&value| to_bytes(value)));
            writer.write_all(&bytes)?;
        }
        Ok(())
    }
    match values {
        Values::F64(v) => blocks(v, writer, f64::to_le_bytes),
        Values::F32(v) => blocks(v, writer, f32::to_le_bytes),
        Values::I64(v) => blocks(v, writer, i64::to_le_bytes),
        Values::Bool(v) => blocks(v, writer, |value| [u8::from(value)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        let cases: [(u16, f32); 9] = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ];
        for (bits, value) in cases {
            assert_eq!(half_to_f32(bits), value, "{bits:#06x}");
        }
        assert!(half_to_f32(0x7e00).is_nan());
        assert!(half_to_f32(0x8000).is_sign_negative());
    }

    #[test]
    fn every_format_in_both_orders() {
        let decode = |element: Element, bytes: &[u8]| {
            let mut reversed = bytes.to_vec();
            reversed.reverse();
            let little = element.decode(bytes, Endian::Little).unwrap();
            assert_eq!(element.decode(&reversed, Endian::Big).unwrap(), little);
            assert_eq!(bytes.len(), element.size());
            little
        };
        assert_eq!(decode(Element::F64, &1.5f64.to_le_bytes()), Values::F64(vec![1.5]));
        assert_eq!(decode(Element::F32, &(-1.5f32).to_le_bytes()), Values::F32(vec![-1.5]));
        assert_eq!(decode(Element::F16, &[0, 0x3c]), Values::F32(vec![1.0]));
        assert_eq!(decode(Element::Bf16, &[0x80, 0x3f]), Values::F32(vec![1.0]));
        assert_eq!(decode(Element::I64, &(-5i64).to_le_bytes()), Values::I64(vec![-5]));
        assert_eq!(decode(Element::I32, &(-5i32).to_le_bytes()), Values::I64(vec![-5]));
        assert_eq!(decode(Element::I16, &(-5i16).to_le_bytes()), Values::I64(vec![-5]));
        assert_eq!(decode(Element::I8, &[251]), Values::I64(vec![-5]));
        assert_eq!(decode(Element::U64, &7u64.to_le_bytes()), Values::I64(vec![7]));
        assert_eq!(decode(Element::U32, &u32::MAX.to_le_bytes()), Values::I64(vec![4_294_967_295]));
        assert_eq!(decode(Element::U16, &[255, 255]), Values::I64(vec![65535]));
        assert_eq!(decode(Element::U8, &[255]), Values::I64(vec![255]));
        assert_eq!(decode(Element::Bool, &[1]), Values::Bool(vec![true]));
        assert!(Element::U64.decode(&u64::MAX.to_le_bytes(), Endian::Little).is_err());
    }
}
