//! Vectors of f32 behind one thin trait, [`Lanes`], with one implementation per instruction set, and the choice of
//! the instruction set at run time, [`Isa`].
//!
//! A kernel is written once, generic over [`Lanes`], as a value that implements [`Kernel`]; [`Isa::run`] compiles it for
//! every instruction set and enters the chosen one. All functions on the way from [`Kernel::run`] to the operations
//! must be `#[inline(always)]`, otherwise they are compiled without the instruction set.
//!
//! Every operation is exactly defined (IEEE 754 binary32, round to nearest even, subnormal numbers kept, one rounding in
//! the fused multiply-add), so every implementation returns the same bits, NaN payloads excepted. This is how
//! implementations are trusted on machines that cannot run them: the algorithms above the trait are tested through each
//! instruction set of the machine at hand, and the rest is a list of one-line intrinsics.
//!
//! What ran where: `portable` and `avx2` run in the test suite on every x86-64 machine with AVX2 and FMA; `avx512`
//! compiles there, and runs in the same suite on a machine that has AVX-512 ([`Isa::available`] lists it), which the
//! development machine has not; `neon` is compiled on aarch64 only: the tests of lanes, threads and scratch passed under
//! an emulator, the vector functions and the matrix product have not run on it.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(test)]
mod tests;

pub use isa::Isa;

/// Work that is compiled once for each instruction set.
pub trait Kernel {
    /// What the kernel returns.
    type Output;
    /// The body; must be `#[inline(always)]`, as everything that it calls with `lanes`.
    fn run<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Vectors of [`Lanes::WIDTH`] single-precision numbers and the operations on them.
///
/// The value itself is a token of size zero: holding one proves that the processor has the instructions, which is
/// why the operations on values are safe.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// A vector of f32.
    type F: Copy;
    /// A vector of i32 of the same width.
    type I: Copy;
    /// One truth value per lane.
    type M: Copy;
    /// Number of lanes.
    const WIDTH: usize;
    /// Rows of a register tile that is two vectors wide: `2 · rows` accumulators and three more vectors fit the registers.
    const ROWS_OF_TWO: usize;
    /// Rows of a register tile that is one vector wide.
    const ROWS_OF_ONE: usize;
    /// Side of the squares of [`Lanes::transpose_square`].
    const SQUARE: usize = 4;

    /// Runs a kernel with this instruction set switched on.
    fn enter<K: Kernel>(self, kernel: K) -> K::Output;

    /// All lanes equal to `value`.
    fn splat(self, value: f32) -> Self::F;
    /// Reads [`Lanes::WIDTH`] numbers; no alignment needed.
    ///
    /// # Safety
    /// `from` is valid for reads of `WIDTH` numbers.
    unsafe fn load(self, from: *const f32) -> Self::F;
    /// Writes [`Lanes::WIDTH`] numbers; no alignment needed.
    ///
    /// # Safety
    /// `to` is valid for writes of `WIDTH` numbers.
    unsafe fn store(self, to: *mut f32, value: Self::F);
    /// Reads the first `count ≤ WIDTH` numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `from` is valid for reads of `count` numbers.
    unsafe fn load_partial(self, from: *const f32, count: usize) -> Self::F;
    /// Writes the first `count ≤ WIDTH` lanes and touches nothing behind them.
    ///
    /// # Safety
    /// `to` is valid for writes of `count` numbers.
    unsafe fn store_partial(self, to: *mut f32, value: Self::F, count: usize);

    /// Asks for the line of the cache that holds an address, which need not be valid: a hint that changes no result.
    #[inline(always)]
    fn prefetch(self, _: *const f32) {}

    /// `a + b`.
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a − b`.
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b`.
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a / b`, correctly rounded.
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c` with one rounding.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `c − a · b` with one rounding.
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: the second one where either is NaN, and for zeros of either sign.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: the second one where either is NaN, and for zeros of either sign.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// The square root, correctly rounded.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// The nearest integer, ties to even, as a float; defined for |a| < 2²² and NaN.
    fn round(self, a: Self::F) -> Self::F;

    /// `a < b`, false where either is NaN.
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a ≤ b`, false where either is NaN.
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a = b`, false where either is NaN.
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a` where the mask is true, else `b`.
    fn select(self, mask: Self::M, a: Self::F, b: Self::F) -> Self::F;
    /// Both masks.
    fn mask_and(self, a: Self::M, b: Self::M) -> Self::M;
    /// Either mask.
    fn mask_or(self, a: Self::M, b: Self::M) -> Self::M;
    /// Whether any lane of the mask is true.
    fn any(self, mask: Self::M) -> bool;

    /// Bitwise and of the representations.
    fn and(self, a: Self::F, b: Self::F) -> Self::F;
    /// Bitwise or of the representations.
    fn or(self, a: Self::F, b: Self::F) -> Self::F;
    /// Bitwise exclusive or of the representations.
    fn xor(self, a: Self::F, b: Self::F) -> Self::F;
    /// Bitwise `!a & b` of the representations.
    fn andnot(self, a: Self::F, b: Self::F) -> Self::F;

    /// The representation as integers.
    fn to_bits(self, a: Self::F) -> Self::I;
    /// The floats with this representation.
    fn with_bits(self, a: Self::I) -> Self::F;
    /// All integer lanes equal to `value`.
    fn splat_int(self, value: i32) -> Self::I;
    /// Wrapping `a + b`.
    fn add_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// Wrapping `a − b`.
    fn sub_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise and.
    fn and_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise exclusive or.
    fn xor_int(self, a: Self::I, b: Self::I) -> Self::I;
    /// The lower words of the products.
    fn mul_low(self, a: Self::I, b: Self::I) -> Self::I;
    /// The upper words of the products of numbers without sign.
    fn mul_high(self, a: Self::I, b: Self::I) -> Self::I;
    /// `a < b` of numbers without sign.
    fn below(self, a: Self::I, b: Self::I) -> Self::M;
    /// `a << 23`: an integer into the field of the exponent.
    fn shift_left_23(self, a: Self::I) -> Self::I;
    /// `a >> 1`, arithmetic.
    fn halve(self, a: Self::I) -> Self::I;
    /// The nearest integer, ties to even; any value where `a` is NaN or does not fit.
    fn to_int(self, a: Self::F) -> Self::I;
    /// The integer as a float, rounded to nearest even.
    fn to_float(self, a: Self::I) -> Self::F;

    /// `a · 2ⁿ` with one rounding, for `n` integer in −252 ..= 254 and `a` zero, NaN or in 2⁻² ..= 2² by magnitude.
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        let n = self.to_int(n);
        let first = self.halve(n);
        let second = self.sub_int(n, first);
        self.mul(self.mul(a, self.power_of_two(first)), self.power_of_two(second))
    }
    /// `2ⁿ` for `n` in −126 ..= 127.
    #[inline(always)]
    fn power_of_two(self, n: Self::I) -> Self::F {
        self.with_bits(self.shift_left_23(self.add_int(n, self.splat_int(127))))
    }
    /// All lanes zero.
    #[inline(always)]
    fn zero(self) -> Self::F {
        self.splat(0.0)
    }
    /// `−a`: the sign bit flipped, also of zero and NaN.
    #[inline(always)]
    fn neg(self, a: Self::F) -> Self::F {
        self.xor(a, self.splat(-0.0))
    }
    /// `|a|`: the sign bit cleared.
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        self.andnot(self.splat(-0.0), a)
    }
    /// The magnitude of `a` with the sign of `sign`.
    #[inline(always)]
    fn copysign(self, a: Self::F, sign: Self::F) -> Self::F {
        self.or(self.abs(a), self.and(sign, self.splat(-0.0)))
    }
    /// Transposes a square of [`Lanes::SQUARE`] rows: `to[j·to_stride + i]` is `from[i·from_stride + j]`, or with `add` is
    /// increased by it.
    ///
    /// # Safety
    /// The elements exist, and `to` is nobody else's.
    #[inline(always)]
    unsafe fn transpose_square(self, from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize, add: bool) {
        // SAFETY: by the caller.
        unsafe {
            for i in 0..Self::SQUARE {
                for j in 0..Self::SQUARE {
                    let value = *from.add(i * from_stride + j);
                    let to = to.add(j * to_stride + i);
                    *to = if add { *to + value } else { value };
                }
            }
        }
    }
    /// The sum of all lanes, added in the order of the lanes.
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        let mut lanes = [0.0_f32; 16];
        const { assert!(Self::WIDTH <= 16) };
        // SAFETY: the array holds 16 ≥ WIDTH numbers.
        unsafe { self.store(lanes.as_mut_ptr(), a) };
        let mut sum = lanes[0];
        for lane in &lanes[1..Self::WIDTH] {
            sum += lane;
        }
        sum
    }
    /// Reads the first `min(WIDTH, from.len())` numbers; the other lanes are zero.
    #[inline(always)]
    fn read(self, from: &[f32]) -> Self::F {
        // SAFETY: the slice holds WIDTH numbers in the first case and its own length in the second.
        unsafe {
            if from.len() >= Self::WIDTH {
                self.load(from.as_ptr())
            } else {
                self.load_partial(from.as_ptr(), from.len())
            }
        }
    }
    /// Writes the first `min(WIDTH, to.len())` lanes.
    #[inline(always)]
    fn write(self, to: &mut [f32], value: Self::F) {
        // SAFETY: the slice holds WIDTH numbers in the first case and its own length in the second.
        unsafe {
            if to.len() >= Self::WIDTH {
                self.store(to.as_mut_ptr(), value);
            } else {
                self.store_partial(to.as_mut_ptr(), value, to.len());
            }
        }
    }
}

/// Writes the operations of an implementation as a list of one-line bodies.
///
/// SAFETY: each body needs the instruction set of the implementation and nothing else; `self` is the proof that the
/// processor has it.
macro_rules! operations {
    ($($name:ident($($argument:ident: $kind:ty),*) -> $output:ty = $body:expr;)*) => {
        $(#[inline(always)]
        #[allow(unused_unsafe, reason = "some bodies are plain arithmetic")]
        fn $name(self, $($argument: $kind),*) -> $output {
            unsafe { $body }
        })*
    };
}
use operations;
