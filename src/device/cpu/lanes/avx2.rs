//! AVX2 with FMA: eight lanes, sixteen registers.

use std::arch::x86_64::*;

use super::{Kernel, Lanes, operations};

/// Proof that the processor has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if the processor has the instructions.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }

    /// The token without a look at the processor.
    ///
    /// # Safety
    /// The processor has AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn assume() -> Self {
        Avx2(())
    }
}

/// Eight times −1, eight times 0: the mask of the first `count` lanes starts at element `8 − count`.
static PREFIX: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[target_feature(enable = "avx2,fma")]
fn enter<K: Kernel>(lanes: Avx2, kernel: K) -> K::Output {
    kernel.run(lanes)
}

/// Eight rows of eight: rows that lie four apart are joined, so that shuffles within halves do the rest.
///
/// # Safety
/// As of [`Lanes::transpose_square`], and the processor has AVX2.
#[inline(always)]
pub(super) unsafe fn transpose_square(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize, add: bool) {
    // SAFETY: by the caller.
    unsafe {
        let halves = |row: usize, column: usize| {
            let low = _mm_loadu_ps(from.add(row * from_stride + column));
            let high = _mm_loadu_ps(from.add((row + 4) * from_stride + column));
            _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(low), high)
        };
        for column in [0, 4] {
            let rows = [halves(0, column), halves(1, column), halves(2, column), halves(3, column)];
            let (a, b) = (_mm256_unpacklo_ps(rows[0], rows[1]), _mm256_unpackhi_ps(rows[0], rows[1]));
            let (c, d) = (_mm256_unpacklo_ps(rows[2], rows[3]), _mm256_unpackhi_ps(rows[2], rows[3]));
            let columns = [
                _mm256_shuffle_ps::<0x44>(a, c),
                _mm256_shuffle_ps::<0xee>(a, c),
                _mm256_shuffle_ps::<0x44>(b, d),
                _mm256_shuffle_ps::<0xee>(b, d),
            ];
            for (j, mut value) in columns.into_iter().enumerate() {
                let to = to.add((column + j) * to_stride);
                if add {
                    value = _mm256_add_ps(_mm256_loadu_ps(to), value);
                }
                _mm256_storeu_ps(to, value);
            }
        }
    }
}

impl Lanes for Avx2 {
    type F = __m256;
    type I = __m256i;
    type M = __m256;
    const WIDTH: usize = 8;
    const ROWS_OF_TWO: usize = 6;
    const ROWS_OF_ONE: usize = 12;
    const SQUARE: usize = 8;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: `self` proves the instruction set.
        unsafe { enter(self, kernel) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: by the caller.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: __m256) {
        // SAFETY: by the caller.
        unsafe { _mm256_storeu_ps(to, value) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, count: usize) -> __m256 {
        debug_assert!(count <= 8);
        // SAFETY: masked lanes are not read; the table holds eight numbers from 8 − count on for count ≤ 8.
        unsafe { _mm256_maskload_ps(from, _mm256_loadu_si256(PREFIX.as_ptr().add(8 - count).cast())) }
    }
    /// In pieces of 4, 2 and 1 lanes: the masked store is slow on many processors.
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, value: __m256, count: usize) {
        debug_assert!(count <= 8);
        // SAFETY: writes `count` numbers in total, each once.
        unsafe {
            if count >= 8 {
                return _mm256_storeu_ps(to, value);
            }
            let (mut to, mut rest) = (to, _mm256_castps256_ps128(value));
            if count & 4 != 0 {
                _mm_storeu_ps(to, rest);
                rest = _mm256_extractf128_ps::<1>(value);
                to = to.add(4);
            }
            if count & 2 != 0 {
                _mm_storel_pd(to.cast(), _mm_castps_pd(rest));
                rest = _mm_movehl_ps(rest, rest);
                to = to.add(2);
            }
            if count & 1 != 0 {
                _mm_store_ss(to, rest);
            }
        }
    }

    #[inline(always)]
    unsafe fn transpose_square(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize, add: bool) {
        // SAFETY: by the caller.
        unsafe { transpose_square(from, from_stride, to, to_stride, add) }
    }

    operations! {
        prefetch(from: *const f32) -> () = _mm_prefetch::<_MM_HINT_T0>(from.cast());
        splat(value: f32) -> __m256 = _mm256_set1_ps(value);
        add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        sub(a: __m256, b: __m256) -> __m256 = _mm256_sub_ps(a, b);
        mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        fma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        fnma(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fnmadd_ps(a, b, c);
        min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        sqrt(a: __m256) -> __m256 = _mm256_sqrt_ps(a);
        round(a: __m256) -> __m256 = _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a);
        lt(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LT_OQ>(a, b);
        le(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_LE_OQ>(a, b);
        eq(a: __m256, b: __m256) -> __m256 = _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
        select(mask: __m256, a: __m256, b: __m256) -> __m256 = _mm256_blendv_ps(b, a, mask);
        mask_and(a: __m256, b: __m256) -> __m256 = _mm256_and_ps(a, b);
        mask_or(a: __m256, b: __m256) -> __m256 = _mm256_or_ps(a, b);
        any(mask: __m256) -> bool = _mm256_movemask_ps(mask) != 0;
        and(a: __m256, b: __m256) -> __m256 = _mm256_and_ps(a, b);
        or(a: __m256, b: __m256) -> __m256 = _mm256_or_ps(a, b);
        xor(a: __m256, b: __m256) -> __m256 = _mm256_xor_ps(a, b);
        andnot(a: __m256, b: __m256) -> __m256 = _mm256_andnot_ps(a, b);
        to_bits(a: __m256) -> __m256i = _mm256_castps_si256(a);
        with_bits(a: __m256i) -> __m256 = _mm256_castsi256_ps(a);
        splat_int(value: i32) -> __m256i = _mm256_set1_epi32(value);
        add_int(a: __m256i, b: __m256i) -> __m256i = _mm256_add_epi32(a, b);
        sub_int(a: __m256i, b: __m256i) -> __m256i = _mm256_sub_epi32(a, b);
        and_int(a: __m256i, b: __m256i) -> __m256i = _mm256_and_si256(a, b);
        xor_int(a: __m256i, b: __m256i) -> __m256i = _mm256_xor_si256(a, b);
        mul_low(a: __m256i, b: __m256i) -> __m256i = _mm256_mullo_epi32(a, b);
        mul_high(a: __m256i, b: __m256i) -> __m256i = _mm256_blend_epi32::<0b10101010>(
            _mm256_srli_epi64::<32>(_mm256_mul_epu32(a, b)),
            _mm256_mul_epu32(_mm256_srli_epi64::<32>(a), _mm256_srli_epi64::<32>(b)),
        );
        below(a: __m256i, b: __m256i) -> __m256 = _mm256_castsi256_ps(_mm256_cmpgt_epi32(
            _mm256_xor_si256(b, _mm256_set1_epi32(i32::MIN)),
            _mm256_xor_si256(a, _mm256_set1_epi32(i32::MIN)),
        ));
        shift_left_23(a: __m256i) -> __m256i = _mm256_slli_epi32::<23>(a);
        halve(a: __m256i) -> __m256i = _mm256_srai_epi32::<1>(a);
        to_int(a: __m256) -> __m256i = _mm256_cvtps_epi32(a);
        to_float(a: __m256i) -> __m256 = _mm256_cvtepi32_ps(a);
    }
}
