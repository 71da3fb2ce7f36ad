//! AVX-512 Foundation: sixteen lanes, thirty-two registers, masks of their own.

use std::arch::x86_64::*;

use super::{Kernel, Lanes, operations};

/// Proof that the processor has AVX-512 Foundation.
#[derive(Debug, Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if the processor (and the operating system) has the instructions.
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx512f").then_some(Avx512(()))
    }

    /// The token without a look at the processor.
    ///
    /// # Safety
    /// The processor has AVX-512 Foundation.
    #[inline(always)]
    pub unsafe fn assume() -> Self {
        Avx512(())
    }
}

#[target_feature(enable = "avx512f")]
fn enter<K: Kernel>(lanes: Avx512, kernel: K) -> K::Output {
    kernel.run(lanes)
}

/// The mask of the first `count ≤ 16` lanes.
#[inline(always)]
fn prefix(count: usize) -> __mmask16 {
    debug_assert!(count <= 16);
    ((1_u32 << count) - 1) as __mmask16
}

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;
    const WIDTH: usize = 16;
    const ROWS_OF_TWO: usize = 12;
    const ROWS_OF_ONE: usize = 12;
    const SQUARE: usize = 8;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves the instruction set.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: by the caller.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m512) {
        // SAFETY: by the caller.
        unsafe { _mm512_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(prefix(count), from) }
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, value: __m512, count: usize) {
        // SAFETY: masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(to, prefix(count), value) }
    }

    #[inline(always)]
    unsafe fn transpose_square(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize, add: bool) {
        // SAFETY: by the caller; AVX-512 includes AVX2.
        unsafe { super::avx2::transpose_square(from, from_stride, to, to_stride, add) }
    }

    operations! {
        prefetch(from: *const f32) -> () = _mm_prefetch::<_MM_HINT_T0>(from.cast());
        splat(value: f32) -> __m512 = _mm512_set1_ps(value);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fnma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fnmadd_ps(a, b, c);
        min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
        round(a: __m512) -> __m512 = _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        lt(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
        le(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b);
        eq(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
        select(mask: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(mask, b, a);
        mask_and(a: __mmask16, b: __mmask16) -> __mmask16 = a & b;
        mask_or(a: __mmask16, b: __mmask16) -> __mmask16 = a | b;
        any(mask: __mmask16) -> bool = mask != 0;
        and(a: __m512, b: __m512) -> __m512 = _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        or(a: __m512, b: __m512) -> __m512 = _mm512_castsi512_ps(_mm512_or_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        xor(a: __m512, b: __m512) -> __m512 = _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        andnot(a: __m512, b: __m512) -> __m512 = _mm512_castsi512_ps(_mm512_andnot_si512(_mm512_castps_si512(a), _mm512_castps_si512(b)));
        to_bits(a: __m512) -> __m512i = _mm512_castps_si512(a);
        with_bits(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        splat_int(value: i32) -> __m512i = _mm512_set1_epi32(value);
        add_int(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        sub_int(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        and_int(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        xor_int(a: __m512i, b: __m512i) -> __m512i = _mm512_xor_si512(a, b);
        mul_low(a: __m512i, b: __m512i) -> __m512i = _mm512_mullo_epi32(a, b);
        mul_high(a: __m512i, b: __m512i) -> __m512i = _mm512_mask_blend_epi32(
            0b1010_1010_1010_1010,
            _mm512_srli_epi64::<32>(_mm512_mul_epu32(a, b)),
            _mm512_mul_epu32(_mm512_srli_epi64::<32>(a), _mm512_srli_epi64::<32>(b)),
        );
        below(a: __m512i, b: __m512i) -> __mmask16 = _mm512_cmplt_epu32_mask(a, b);
        shift_left_23(a: __m512i) -> __m512i = _mm512_slli_epi32::<23>(a);
        halve(a: __m512i) -> __m512i = _mm512_srai_epi32::<1>(a);
        to_int(a: __m512) -> __m512i = _mm512_cvtps_epi32(a);
        to_float(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
        scale(a: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(a, n);
    }
}
