//! NEON, which every aarch64 processor has: four lanes, thirty-two registers.

use std::arch::aarch64::*;

use super::{Kernel, Lanes, operations};

/// NEON is part of aarch64; no proof needed.
#[derive(Debug, Clone, Copy)]
pub struct Neon;

impl Lanes for Neon {
    type F = float32x4_t;
    type I = int32x4_t;
    type M = uint32x4_t;
    const WIDTH: usize = 4;
    const ROWS_OF_TWO: usize = 12;
    const ROWS_OF_ONE: usize = 12;

    #[inline(always)]
    fn enter<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: by the caller.
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, value: float32x4_t) {
        // SAFETY: by the caller.
        unsafe { vst1q_f32(to, value) }
    }
    #[inline(always)]
    unsafe fn load_partial(self, from: *const f32, count: usize) -> float32x4_t {
        debug_assert!(count <= 4);
        let mut lanes = [0.0_f32; 4];
        // SAFETY: `count` ≤ 4 numbers are copied into an array of four.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            vld1q_f32(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, value: float32x4_t, count: usize) {
        debug_assert!(count <= 4);
        let mut lanes = [0.0_f32; 4];
        // SAFETY: `count` ≤ 4 numbers are copied out of an array of four.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), value);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
        }
    }

    operations! {
        splat(value: f32) -> float32x4_t = vdupq_n_f32(value);
        add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        sub(a: float32x4_t, b: float32x4_t) -> float32x4_t = vsubq_f32(a, b);
        mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        fnma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmsq_f32(c, a, b);
        min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcltq_f32(a, b), a, b);
        max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcgtq_f32(a, b), a, b);
        sqrt(a: float32x4_t) -> float32x4_t = vsqrtq_f32(a);
        round(a: float32x4_t) -> float32x4_t = vrndnq_f32(a);
        lt(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vcltq_f32(a, b);
        le(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vcleq_f32(a, b);
        eq(a: float32x4_t, b: float32x4_t) -> uint32x4_t = vceqq_f32(a, b);
        select(mask: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(mask, a, b);
        mask_and(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t = vandq_u32(a, b);
        mask_or(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t = vorrq_u32(a, b);
        any(mask: uint32x4_t) -> bool = vmaxvq_u32(mask) != 0;
        and(a: float32x4_t, b: float32x4_t) -> float32x4_t = vreinterpretq_f32_s32(vandq_s32(vreinterpretq_s32_f32(a), vreinterpretq_s32_f32(b)));
        or(a: float32x4_t, b: float32x4_t) -> float32x4_t = vreinterpretq_f32_s32(vorrq_s32(vreinterpretq_s32_f32(a), vreinterpretq_s32_f32(b)));
        xor(a: float32x4_t, b: float32x4_t) -> float32x4_t = vreinterpretq_f32_s32(veorq_s32(vreinterpretq_s32_f32(a), vreinterpretq_s32_f32(b)));
        andnot(a: float32x4_t, b: float32x4_t) -> float32x4_t = vreinterpretq_f32_s32(vbicq_s32(vreinterpretq_s32_f32(b), vreinterpretq_s32_f32(a)));
        to_bits(a: float32x4_t) -> int32x4_t = vreinterpretq_s32_f32(a);
        with_bits(a: int32x4_t) -> float32x4_t = vreinterpretq_f32_s32(a);
        splat_int(value: i32) -> int32x4_t = vdupq_n_s32(value);
        add_int(a: int32x4_t, b: int32x4_t) -> int32x4_t = vaddq_s32(a, b);
        sub_int(a: int32x4_t, b: int32x4_t) -> int32x4_t = vsubq_s32(a, b);
        and_int(a: int32x4_t, b: int32x4_t) -> int32x4_t = vandq_s32(a, b);
        xor_int(a: int32x4_t, b: int32x4_t) -> int32x4_t = veorq_s32(a, b);
        mul_low(a: int32x4_t, b: int32x4_t) -> int32x4_t = vmulq_s32(a, b);
        mul_high(a: int32x4_t, b: int32x4_t) -> int32x4_t = {
            let (a, b) = (vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b));
            let low = vshrn_n_u64::<32>(vmull_u32(vget_low_u32(a), vget_low_u32(b)));
            vreinterpretq_s32_u32(vcombine_u32(low, vshrn_n_u64::<32>(vmull_high_u32(a, b))))
        };
        below(a: int32x4_t, b: int32x4_t) -> uint32x4_t = vcltq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b));
        shift_left_23(a: int32x4_t) -> int32x4_t = vshlq_n_s32::<23>(a);
        halve(a: int32x4_t) -> int32x4_t = vshrq_n_s32::<1>(a);
        to_int(a: float32x4_t) -> int32x4_t = vcvtnq_s32_f32(a);
        to_float(a: int32x4_t) -> float32x4_t = vcvtq_f32_s32(a);
    }
}
