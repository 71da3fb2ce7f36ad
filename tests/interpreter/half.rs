//! The 16-bit floating-point formats, and tf32, with the roundings that PTX offers.

/// Exact.
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        0 => sign * fraction * (-24f32).exp2(),
        _ => sign * (1024.0 + fraction) * ((exponent - 25) as f32).exp2(),
    }
}

/// To the nearest f16, ties to even.
pub fn f32_to_f16(value: f32) -> u16 {
    let sign = (value.to_bits() >> 16 & 0x8000) as u16;
    let size = f64::from(value.abs());
    if value.is_nan() {
        return 0x7fff;
    }
    if size >= 65520.0 {
        return sign | 0x7c00;
    }
    // The spacing of f16 numbers around the value; the quotient then is an integer of at most eleven bits.
    let exponent = if size < (-14f64).exp2() { -14 } else { (size.to_bits() >> 52) as i32 - 1023 };
    let steps = (size / f64::from(exponent - 10).exp2()).round_ties_even() as u16;
    // A mantissa that rounds up to the next power of two carries into the exponent by itself.
    sign | (steps + ((exponent + 14) as u16) * 1024)
}

/// To the nearest bf16, ties to even.
pub fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    match value.is_nan() {
        true => 0x7fff,
        false => (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16,
    }
}

/// To the nearest tf32, ties away from zero, as `cvt.rna.tf32.f32` does.
pub fn f32_to_tf32(value: f32) -> u32 {
    match value.is_finite() {
        true => value.to_bits().wrapping_add(0x1000) & !0x1fff,
        false if value.is_nan() => 0x7fff_ffff,
        false => value.to_bits(),
    }
}
