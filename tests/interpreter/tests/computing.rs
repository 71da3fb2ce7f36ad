//! Every family of instructions against plain Rust, on all kinds of bits.

use super::{Case, kernel, module};

/// Words of all kinds: small and large integers, special and ordinary f32.
const WORDS: [u32; 32] = [
    0,
    1,
    2,
    31,
    32,
    33,
    0x7fff_ffff,
    0x8000_0000,
    0x8000_0001,
    0xffff_ffff,
    0xffff_fffe,
    0x1234_5678,
    0x9abc_def0,
    0x3f80_0000,
    0xbf80_0000,
    0x4048_f5c3,
    0xc048_f5c3,
    0x3f00_0000,
    0x3fc0_0000,
    0x4020_0000,
    0xc020_0000,
    0x7f80_0000,
    0xff80_0000,
    0x7fc0_0000,
    0x0000_1000,
    0x8040_0000,
    0x0080_0000,
    0x4b80_0001,
    0x5f00_0000,
    0x4286_0000,
    0x7f7f_ffff,
    0x3eaa_aaab,
];

/// The words of a lane in every round: `a`, `b` and `c`.
fn operands(lane: usize, round: usize) -> [u32; 3] {
    [WORDS[lane], WORDS[(lane + round) % 32], WORDS[(lane * 5 + round) % 32]]
}

/// Runs an instruction on `%a %b %c` and `%x %y %z`; compares `%d` and `%w` with the functions.
fn check(instruction: &str, narrow: impl Fn([u32; 3]) -> u32, wide: impl Fn([u64; 3]) -> u64) {
    let text = kernel(&format!(
        "ld.global.v4.b32 {{%a, %b, %c, %r0}}, [%in];\nld.global.v2.b32 {{%r1, %r2}}, [%in+16];\n\
         mov.b64 %x, {{%a, %b}};\nmov.b64 %y, {{%b, %c}};\nmov.b64 %z, {{%c, %a}};\nmov.b32 %d, 0;\nmov.b64 %w1, 0;\n\
         {instruction}\nst.global.b32 [%out], %d;\nst.global.b64 [%out+8], %w1;"
    ));
    for round in 0..32 {
        let input: Vec<u8> = (0..32)
            .flat_map(|lane| operands(lane, round).into_iter().chain([0; 5]))
            .flat_map(u32::to_le_bytes)
            .collect();
        let (_, output) = Case { input: &input, ..Case::of(&text) }.run().unwrap_or_else(|error| panic!("{error}"));
        for lane in 0..32 {
            let [a, b, c] = operands(lane, round);
            let words = &output[4 * lane..];
            let found = (words[0], u64::from(words[3]) << 32 | u64::from(words[2]));
            let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
            let expected = (narrow([a, b, c]), wide([join(a, b), join(b, c), join(c, a)]));
            assert_eq!(found, expected, "{instruction} of {a:#x} {b:#x} {c:#x}");
        }
    }
}

fn narrow(instruction: &str, function: impl Fn(u32, u32, u32) -> u32) {
    check(instruction, |[a, b, c]| function(a, b, c), |_| 0);
}

fn wide(instruction: &str, function: impl Fn(u64, u64, u64) -> u64) {
    check(instruction, |_| 0, |[x, y, z]| function(x, y, z));
}

/// An f32 instruction; all NaN count as equal.
fn float(instruction: &str, function: impl Fn(f32, f32, f32) -> f32) {
    let canonical = "setp.nan.f32 %p, %d, %d;\n@%p mov.b32 %d, 0x7fffffff;";
    let bits = |value: f32| if value.is_nan() { 0x7fff_ffff } else { value.to_bits() };
    narrow(&format!("{instruction}\n{canonical}"), |a, b, c| {
        bits(function(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c)))
    });
}

#[test]
fn integers_compute_as_in_rust() {
    narrow("add.s32 %d, %a, %b;", |a, b, _| a.wrapping_add(b));
    narrow("sub.u32 %d, %a, %b;", |a, b, _| a.wrapping_sub(b));
    narrow("mul.lo.s32 %d, %a, %b;", |a, b, _| a.wrapping_mul(b));
    narrow("mul.hi.u32 %d, %a, %b;", |a, b, _| ((u64::from(a) * u64::from(b)) >> 32) as u32);
    narrow("mul.hi.s32 %d, %a, %b;", |a, b, _| ((i64::from(a as i32) * i64::from(b as i32)) >> 32) as u32);
    narrow("mad.lo.u32 %d, %a, %b, %c;", |a, b, c| a.wrapping_mul(b).wrapping_add(c));
    narrow("mad.hi.u32 %d, %a, %b, %c;", |a, b, c| (((u64::from(a) * u64::from(b)) >> 32) as u32).wrapping_add(c));
    wide("mul.wide.u32 %w1, %a, %b;", |x, _, _| (x & 0xffff_ffff) * (x >> 32));
    wide("mul.wide.s32 %w1, %a, %b;", |x, _, _| (i64::from(x as i32) * i64::from((x >> 32) as i32)) as u64);
    wide("mad.wide.s32 %w1, %a, %b, %y;", |x, y, _| {
        (i64::from(x as i32) * i64::from((x >> 32) as i32)).wrapping_add(y as i64) as u64
    });
    narrow("setp.eq.u32 %p, %b, 0;\n@!%p div.u32 %d, %a, %b;", |a, b, _| a.checked_div(b).unwrap_or(0));
    narrow("setp.eq.u32 %p, %b, 0;\n@!%p rem.s32 %d, %a, %b;", |a, b, _| {
        if b == 0 { 0 } else { (a as i32).wrapping_rem(b as i32) as u32 }
    });
    narrow("min.s32 %d, %a, %b;", |a, b, _| (a as i32).min(b as i32) as u32);
    narrow("max.u32 %d, %a, %b;", |a, b, _| a.max(b));
    narrow("abs.s32 %d, %a;", |a, _, _| (a as i32).wrapping_abs() as u32);
    narrow("neg.s32 %d, %a;", |a, _, _| a.wrapping_neg());
    wide("add.u64 %w1, %x, %y;", |x, y, _| x.wrapping_add(y));
    wide("mul.hi.u64 %w1, %x, %y;", |x, y, _| ((u128::from(x) * u128::from(y)) >> 64) as u64);
    wide("mad.lo.s64 %w1, %x, %y, %z;", |x, y, z| x.wrapping_mul(y).wrapping_add(z));
    wide("min.s64 %w1, %x, %y;", |x, y, _| (x as i64).min(y as i64) as u64);
}

#[test]
fn bits_move_as_in_rust() {
    narrow("and.b32 %d, %a, %b;", |a, b, _| a & b);
    narrow("xor.b32 %d, %a, -2;", |a, _, _| a ^ 0xffff_fffe);
    narrow("not.b32 %d, %a;", |a, _, _| !a);
    narrow("shl.b32 %d, %a, %b;", |a, b, _| a.checked_shl(b).unwrap_or(0));
    narrow("shr.u32 %d, %a, %b;", |a, b, _| a.checked_shr(b).unwrap_or(0));
    narrow("shr.s32 %d, %a, %b;", |a, b, _| (a as i32 >> b.min(31)) as u32);
    narrow("shf.l.wrap.b32 %d, %a, %b, %c;", |a, b, c| ((u64::from(b) << 32 | u64::from(a)) << (c & 31) >> 32) as u32);
    narrow("shf.r.clamp.b32 %d, %a, %b, %c;", |a, b, c| ((u64::from(b) << 32 | u64::from(a)) >> c.min(32)) as u32);
    narrow("lop3.b32 %d, %a, %b, %c, 0xd8;", |a, b, c| a & b & !c | a & b & c | a & !b & !c | !a & b & c);
    narrow("brev.b32 %d, %a;", |a, _, _| a.reverse_bits());
    narrow("clz.b32 %d, %a;", |a, _, _| a.leading_zeros());
    narrow("popc.b32 %d, %a;", |a, _, _| a.count_ones());
    narrow("popc.b64 %d, %x;", |a, b, _| a.count_ones() + b.count_ones());
    narrow("bfe.u32 %d, %a, 7, 9;", |a, _, _| a >> 7 & 0x1ff);
    narrow("bfe.s32 %d, %a, 28, 8;", |a, _, _| (a as i32 >> 28) as u32);
    narrow("bfi.b32 %d, %a, %b, 4, 8;", |a, b, _| b & !0xff0 | (a & 0xff) << 4);
    narrow("prmt.b32 %d, %a, %b, 0x8045;", |a, b, _| {
        let (low, high) = (a.to_le_bytes(), b.to_le_bytes());
        u32::from_le_bytes([high[1], high[0], low[0], if low[0] > 127 { 255 } else { 0 }])
    });
    wide("shl.b64 %w1, %x, %a;", |x, _, _| x.checked_shl(x as u32).unwrap_or(0));
    wide("shr.s64 %w1, %x, 5;", |x, _, _| (x as i64 >> 5) as u64);
    narrow("mov.b64 {%r3, %d}, %y;", |_, _, c| c);
    narrow("mov.b32 {%h0, %h1}, %a;\nmov.b32 %d, {%h1, %h0};", |a, _, _| a.rotate_left(16));
}

#[test]
fn carries_make_long_additions() {
    wide("add.cc.u32 %r3, %a, %b;\naddc.u32 %r4, %b, %c;\nmov.b64 %w1, {%r3, %r4};", |x, y, _| x.wrapping_add(y));
    wide("sub.cc.u32 %r3, %a, %b;\nsubc.u32 %r4, %b, %c;\nmov.b64 %w1, {%r3, %r4};", |x, y, _| x.wrapping_sub(y));
    wide("mad.lo.cc.u32 %r3, %a, %b, %a;\nmadc.hi.u32 %r4, %a, %b, %b;\nmov.b64 %w1, {%r3, %r4};", |x, _, _| {
        ((x & 0xffff_ffff) * (x >> 32)).wrapping_add(x)
    });
}

#[test]
fn floats_compute_as_in_rust() {
    float("add.rn.f32 %d, %a, %b;", |a, b, _| a + b);
    float("sub.f32 %d, %a, %b;", |a, b, _| a - b);
    float("mul.f32 %d, %a, %b;", |a, b, _| a * b);
    float("fma.rn.f32 %d, %a, %b, %c;", |a, b, c| a.mul_add(b, c));
    float("div.rn.f32 %d, %a, %b;", |a, b, _| a / b);
    float("sqrt.rn.f32 %d, %a;", |a, _, _| a.sqrt());
    float("rcp.rn.f32 %d, %a;", |a, _, _| 1.0 / a);
    float("rsqrt.approx.f32 %d, %a;", |a, _, _| (1.0 / f64::from(a).sqrt()) as f32);
    float("ex2.approx.f32 %d, %a;", |a, _, _| f64::from(a).exp2() as f32);
    float("lg2.approx.f32 %d, %a;", |a, _, _| f64::from(a).log2() as f32);
    float("sin.approx.f32 %d, %a;", |a, _, _| f64::from(a).sin() as f32);
    float("tanh.approx.f32 %d, %a;", |a, _, _| f64::from(a).tanh() as f32);
    float("abs.f32 %d, %a;", |a, _, _| a.abs());
    float("neg.f32 %d, %a;", |a, _, _| -a);
    float("copysign.f32 %d, %a, %b;", |a, b, _| b.copysign(a));
    float("max.f32 %d, %a, %b;", |a, b, _| if a == b { f32::from_bits(a.to_bits() & b.to_bits()) } else { a.max(b) });
    float("min.NaN.f32 %d, %a, %b;", |a, b, _| {
        if a.is_nan() || b.is_nan() {
            f32::NAN
        } else if a == b {
            f32::from_bits(a.to_bits() | b.to_bits())
        } else {
            a.min(b)
        }
    });
}

#[test]
fn subnormal_numbers_become_zero_only_where_asked() {
    let flush = |value: f32| if value.is_subnormal() { 0f32.copysign(value) } else { value };
    float("add.ftz.f32 %d, %a, %b;", |a, b, _| flush(flush(a) + flush(b)));
    float("mul.rn.ftz.f32 %d, %a, %b;", |a, b, _| flush(flush(a) * flush(b)));
    float("ex2.approx.ftz.f32 %d, %a;", |a, _, _| flush(f64::from(flush(a)).exp2() as f32));
    narrow("setp.gt.ftz.f32 %p, %a, 0f00000000;\nselp.u32 %d, 1, 0, %p;", |a, _, _| {
        u32::from(flush(f32::from_bits(a)) > 0.0)
    });
    float("mul.sat.f32 %d, %a, %b;", |a, b, _| if (a * b).is_nan() { 0.0 } else { (a * b).clamp(0.0, 1.0) + 0.0 });
}

#[test]
fn doubles_compute_as_in_rust() {
    let double = |instruction: &str, function: fn(f64, f64, f64) -> f64| {
        let bits = |value: f64| if value.is_nan() { 1 } else { value.to_bits() };
        wide(&format!("{instruction}\nsetp.nan.f64 %p, %w1, %w1;\n@%p mov.b64 %w1, 1;"), |x, y, z| {
            bits(function(f64::from_bits(x), f64::from_bits(y), f64::from_bits(z)))
        });
    };
    double("add.rn.f64 %w1, %x, %y;", |x, y, _| x + y);
    double("mul.f64 %w1, %x, %y;", |x, y, _| x * y);
    double("fma.rn.f64 %w1, %x, %y, %z;", |x, y, z| x.mul_add(y, z));
    double("div.rn.f64 %w1, %x, %y;", |x, y, _| x / y);
    double("add.f64 %w1, %x, 0d3FF0000000000000;", |x, _, _| x + 1.0);
}

#[test]
fn conversions_round_as_named() {
    narrow("cvt.rni.s32.f32 %d, %a;", |a, _, _| f32::from_bits(a).round_ties_even() as i32 as u32);
    narrow("cvt.rzi.u32.f32 %d, %a;", |a, _, _| f32::from_bits(a) as u32);
    narrow("cvt.rmi.s32.f32 %d, %a;", |a, _, _| f32::from_bits(a).floor() as i32 as u32);
    float("cvt.rpi.f32.f32 %d, %a;", |a, _, _| a.ceil());
    narrow("cvt.rn.f32.s32 %d, %a;", |a, _, _| (a as i32 as f32).to_bits());
    narrow("cvt.rn.f32.u32 %d, %a;", |a, _, _| (a as f32).to_bits());
    narrow("cvt.u32.u64 %d, %y;", |_, b, _| b);
    wide("cvt.s64.s32 %w1, %a;", |x, _, _| x as i32 as i64 as u64);
    wide("cvt.u64.u32 %w1, %a;", |x, _, _| x & 0xffff_ffff);
    wide("cvt.rn.f64.s64 %w1, %x;", |x, _, _| (x as i64 as f64).to_bits());
    narrow("cvt.rn.f32.u64 %d, %x;", |a, b, _| ((u64::from(b) << 32 | u64::from(a)) as f32).to_bits());
    float("cvt.f64.f32 %w2, %a;\nmul.f64 %w2, %w2, 0d3FD5555555555555;\ncvt.rn.f32.f64 %d, %w2;", |a, _, _| {
        (f64::from(a) * f64::from_bits(0x3FD5_5555_5555_5555)) as f32
    });
    narrow("cvt.u16.u32 %h0, %a;\ncvt.s32.s16 %d, %h0;", |a, _, _| a as u16 as i16 as i32 as u32);
    narrow("cvt.rna.tf32.f32 %d, %a;\nsetp.nan.f32 %p, %a, %a;\n@%p mov.b32 %d, 0;", |a, _, _| {
        match f32::from_bits(a) {
            value if value.is_nan() => 0,
            value if value.is_infinite() => a,
            _ => (a + 0x1000) & !0x1fff,
        }
    });
}

#[test]
fn halves_hold_all_their_numbers() {
    // Every f16 and bf16 returns from f32 as it was; halfway numbers go to the even neighbour.
    let text = kernel(
        "ld.global.u16 %h0, [%in];\ncvt.f32.f16 %f0, %h0;\ncvt.rn.f16.f32 %h1, %f0;\ncvt.u32.u16 %a, %h0;\n\
         shl.b32 %b, %a, 16;\nmov.b32 %f1, %b;\ncvt.rn.bf16.f32 %h2, %f1;\nst.global.v4.u16 [%out], {%h1, %h2, %h0, %h0};",
    );
    for start in (0..=0xffff_u32).step_by(1024) {
        let input: Vec<u8> =
            (start..start + 1024).flat_map(|bits| [bits, 0, 0, 0, 0, 0, 0, 0]).flat_map(u32::to_le_bytes).collect();
        let words = Case { input: &input, ..Case::of(&text).threads(1024) }.words();
        for (bits, word) in (start..).zip(words) {
            if bits & 0x7c00 != 0x7c00 || bits & 0x3ff == 0 {
                assert_eq!(word & 0xffff, bits);
            }
            if bits & 0x7f80 != 0x7f80 || bits & 0x7f == 0 {
                assert_eq!(word >> 16, bits);
            }
        }
    }
    narrow("mov.f32 %f0, 0f3F801000;\nmov.f32 %f1, 0f3F803000;\ncvt.rn.f16x2.f32 %d, %f1, %f0;", |_, _, _| 0x3c02_3c00);
    narrow("mov.f32 %f0, 0f3F808000;\nmov.f32 %f1, 0f3F818000;\ncvt.rn.bf16x2.f32 %d, %f1, %f0;", |_, _, _| {
        0x3f82_3f80
    });
}

#[test]
fn comparisons_treat_nan_as_named() {
    let test = |comparison: &str, function: fn(f32, f32) -> bool| {
        narrow(&format!("setp.{comparison}.f32 %p, %a, %b;\nselp.b32 %d, 1, 0, %p;"), |a, b, _| {
            u32::from(function(f32::from_bits(a), f32::from_bits(b)))
        });
    };
    test("lt", |a, b| a < b);
    test("ne", |a, b| a != b && !a.is_nan() && !b.is_nan());
    test("neu", |a, b| a != b);
    test("geu", |a, b| a >= b || a.is_nan() || b.is_nan());
    test("nan", |a, b| a.is_nan() || b.is_nan());
    narrow("setp.lt.s32 %p|%q, %a, %b;\nselp.b32 %d, 1, 2, %p;\n@%q add.u32 %d, %d, 4;", |a, b, _| {
        if (a as i32) < b as i32 { 1 } else { 6 }
    });
    narrow("setp.ge.u32 %q, %b, %c;\nsetp.lt.or.u32 %p, %a, %b, !%q;\nselp.b32 %d, 1, 0, %p;", |a, b, c| {
        u32::from(a < b || b < c)
    });
    narrow("set.gt.u32.s32 %d, %a, %b;", |a, b, _| if a as i32 > b as i32 { u32::MAX } else { 0 });
    narrow("set.gt.f32.u32 %d, %a, %b;", |a, b, _| if a > b { 0x3f80_0000 } else { 0 });
    narrow("slct.b32.s32 %d, %a, %b, %c;", |a, b, c| if c as i32 >= 0 { a } else { b });
    narrow(
        "testp.subnormal.f32 %p, %a;\ntestp.finite.f32 %q, %a;\nxor.pred %p, %p, %q;\nselp.b32 %d, 1, 0, %p;",
        |a, _, _| u32::from(f32::from_bits(a).is_subnormal() != f32::from_bits(a).is_finite()),
    );
}

#[test]
fn arrays_of_the_module_can_be_read() {
    let arrays =
        ".const .align 4 .f32 table[4] = {1.5, 0f40000000, -3.0, 4.0};\n.global .align 4 .u32 list[3] = {7, 8, 0x9};";
    let text = module(
        arrays,
        "ld.const.f32 %f0, [table+8];\nmov.u64 %w1, list;\nld.global.u32 %a, [%w1+8];\nld.global.u32 %b, [list];\n\
         mov.u32 %r0, table;\nand.b32 %r1, %t, 3;\nshl.b32 %r1, %r1, 2;\nadd.u32 %r0, %r0, %r1;\ncvt.u64.u32 %w2, %r0;\n\
         ld.const.f32 %f1, [%w2];\nadd.u32 %a, %a, %b;\ncvt.rn.f32.u32 %f2, %a;\nadd.f32 %f2, %f2, %f0;\n\
         add.f32 %f2, %f2, %f1;\nst.global.f32 [%out], %f2;",
    );
    let table = [1.5, 2.0, -3.0, 4.0];
    for (lane, word) in Case::of(&text).words().into_iter().enumerate() {
        assert_eq!(f32::from_bits(word), 16.0 - 3.0 + table[lane % 4]);
    }
}

#[test]
fn small_elements_are_loaded_with_their_sign() {
    let text = kernel(
        "ld.global.u8 %a, [%in+1];\nld.global.s8 %b, [%in+1];\nld.global.s16 %c, [%in];\nst.global.v2.b32 [%out], {%a, %b};\n\
         st.global.b32 [%out+8], %c;\nst.global.u8 [%out+12], %a;\nst.global.u16 [%out+14], %c;\nst.global.u8 [%out+13], %b;",
    );
    let input: Vec<u8> = [0x01, 0xf2, 0, 0].into_iter().cycle().take(32 * 32).collect();
    let (_, words) = Case { input: &input, ..Case::of(&text) }.run().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(words[..4], [0xf2, 0xffff_fff2, 0xffff_f201, 0xf201_f2f2]);
}
