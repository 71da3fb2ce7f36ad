//! Matrix products: tensor-core fragments and the usual tiled kernels.

use super::{Case, kernel};
use crate::interpreter::{Memory, Module, launch};

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Numbers with few bits, so that tf32 and bf16 hold them exactly.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count).map(|at| ((at * 37 + seed) % 101) as f32 / 8.0 - 6.0).collect()
}

/// A kernel for one product of a 16 × k and a k × 8 matrix (both with rows in order), plus 1. Each element is loaded
/// from its place as the PTX reference gives it.
fn fragments(shape: &str, kinds: &str, k: usize, pairs: bool) -> String {
    let mut body = String::from("shr.u32 %a, %t, 2;\nand.b32 %b, %t, 3;\nld.param.u64 %in, [input];\n");
    let halves = if pairs { 2 } else { 1 };
    let (left, right) = (k / 8 * 4 / halves, k / 4 / halves);
    let (left, right) = (left.max(2), right.max(1));
    let element = |row: String, column: String, width: usize, start: usize, to: &str| {
        format!(
            "{row}\n{column}\nmad.lo.u32 %c, %d, {width}, %e;\nadd.u32 %c, %c, {start};\nmul.wide.u32 %w1, %c, 4;\n\
             add.s64 %w1, %w1, %in;\nld.global.f32 {to}, [%w1];\n"
        )
    };
    for (count, base, is_left) in [(left, 0, true), (right, 8, false)] {
        for register in 0..count {
            for half in 0..halves {
                let along = if is_left { register / 2 } else { register } * 4 * halves + half;
                let along = |name: &str| format!("mul.lo.u32 {name}, %b, {halves};\nadd.u32 {name}, {name}, {along};");
                let across = |name: &str, more: usize| format!("add.u32 {name}, %a, {more};");
                let target = format!("%f{half}");
                body += &match is_left {
                    true => element(across("%d", register % 2 * 8), along("%e"), k, 0, &target),
                    false => element(along("%d"), across("%e", 0), 8, 16 * k, &target),
                };
            }
            body += &match pairs {
                true => format!("cvt.rn.bf16x2.f32 %r{}, %f1, %f0;\n", base + register),
                false => format!("cvt.rna.tf32.f32 %r{}, %f0;\n", base + register),
            };
        }
    }
    let list = |base: usize, count: usize| {
        (base..base + count).map(|number| format!("%r{number}")).collect::<Vec<_>>().join(", ")
    };
    body += "mov.f32 %f4, 0f3F800000;\n";
    body += &format!(
        "mma.sync.aligned.{shape}.row.col.f32.{kinds}.f32 {{%f8, %f9, %f10, %f11}}, {{{}}}, {{{}}}, {{%f4, %f4, %f4, %f4}};\n",
        list(0, left),
        list(8, right)
    );
    body + "st.global.v4.f32 [%out], {%f8, %f9, %f10, %f11};"
}

#[test]
fn tensor_cores_multiply_matrices() {
    for (shape, kinds, k, pairs) in [
        ("m16n8k4", "tf32.tf32", 4, false),
        ("m16n8k8", "tf32.tf32", 8, false),
        ("m16n8k8", "bf16.bf16", 8, true),
        ("m16n8k16", "bf16.bf16", 16, true),
    ] {
        let (a, b) = (numbers(16 * k, 3), numbers(k * 8, 50));
        let input = [bytes(&a), bytes(&b)].concat();
        let text = kernel(&fragments(shape, kinds, k, pairs));
        let (statistics, words) =
            Case { input: &input, ..Case::of(&text) }.run().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(statistics.matrix_products, 1);
        for (lane, words) in words.chunks_exact(4).enumerate() {
            for (register, word) in words.iter().enumerate() {
                let (row, column) = (lane / 4 + register / 2 * 8, lane % 4 * 2 + register % 2);
                let sum: f64 = (0..k).map(|at| f64::from(a[row * k + at]) * f64::from(b[at * 8 + column])).sum();
                assert_eq!(f64::from(f32::from_bits(*word)), sum + 1.0, "{shape} {kinds} row {row} column {column}");
            }
        }
    }
}

#[test]
fn products_ignore_the_low_bits_of_tf32() {
    let text = kernel(
        "mov.f32 %f4, 0f00000000;\nmov.b32 %a, 0x3f801fff;\nmov.b32 %b, 0x3f800000;\n\
         mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3}, {%a, %a, %a, %a}, {%b, %b}, \
         {%f4, %f4, %f4, %f4};\nst.global.f32 [%out], %f0;",
    );
    assert!(Case::of(&text).words().iter().all(|word| f32::from_bits(*word) == 8.0));
    Case::of(&text).threads(16).fails(&["all 32 lanes"]);
}

#[test]
fn matrices_of_halves_are_loaded_in_fragments() {
    let text = |transposed: &str| {
        kernel(&format!(
            ".shared .align 16 .b8 s[512];\nmov.u32 %a, s;\nshl.b32 %b, %t, 4;\nadd.u32 %a, %a, %b;\n\
             ld.global.v4.b32 {{%r0, %r1, %r2, %r3}}, [%in];\nst.shared.v4.b32 [%a], {{%r0, %r1, %r2, %r3}};\n\
             bar.warp.sync -1;\nldmatrix.sync.aligned.m8n8.x4{transposed}.shared.b16 {{%r4, %r5, %r6, %r7}}, [%a];\n\
             st.global.v4.b32 [%out], {{%r4, %r5, %r6, %r7}};"
        ))
    };
    // Element `column` of row `row` of matrix `number` is 100 number + 10 row + column.
    let input: Vec<u8> = (0..32u16)
        .flat_map(|row| (0..16).map(move |column| if column < 8 { row / 8 * 100 + row % 8 * 10 + column } else { 0 }))
        .flat_map(u16::to_le_bytes)
        .collect();
    for (form, transposed) in [("", false), (".trans", true)] {
        let text = text(form);
        let (_, words) = Case { input: &input, ..Case::of(&text) }.run().unwrap_or_else(|error| panic!("{error}"));
        for (at, word) in words.iter().enumerate() {
            let (lane, number) = (at as u32 / 4, at as u32 % 4);
            let (row, column) = (lane / 4, lane % 4 * 2);
            let element = |row: u32, column: u32| number * 100 + row * 10 + column;
            let expected = match transposed {
                false => [element(row, column), element(row, column + 1)],
                true => [element(column, row), element(column + 1, row)],
            };
            assert_eq!([word & 0xffff, word >> 16], expected);
        }
    }
}

/// A 16 × 16 tile per block, with ragged edges.
const TILED: &str = "
.version 7.8
.target sm_80
.address_size 64
.visible .entry product(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u32 pm, .param .u32 pn, .param .u32 pk)
.maxntid 256, 1, 1
{
  .reg .pred %p<8>;
  .reg .b32 %r<40>;
  .reg .f32 %f<8>;
  .reg .b64 %rd<12>;
  .shared .align 16 .b8 sa[1024];
  .shared .align 16 .b8 sb[1024];
  ld.param.u64 %rd1, [pa];
  ld.param.u64 %rd2, [pb];
  ld.param.u64 %rd3, [pc];
  ld.param.u32 %r1, [pm];
  ld.param.u32 %r2, [pn];
  ld.param.u32 %r3, [pk];
  mov.u32 %r4, %tid.x;
  and.b32 %r5, %r4, 15;
  shr.u32 %r6, %r4, 4;
  mov.u32 %r7, %ctaid.x;
  mov.u32 %r8, %ctaid.y;
  mad.lo.u32 %r9, %r7, 16, %r5; // column
  mad.lo.u32 %r10, %r8, 16, %r6; // row
  mov.u32 %r11, sa;
  mov.u32 %r12, sb;
  shl.b32 %r13, %r4, 2;
  add.u32 %r14, %r11, %r13;
  add.u32 %r15, %r12, %r13;
  shl.b32 %r16, %r6, 6;
  add.u32 %r17, %r11, %r16;
  shl.b32 %r18, %r5, 2;
  add.u32 %r19, %r12, %r18;
  mov.f32 %f1, 0f00000000;
  mov.u32 %r20, 0;
  setp.lt.u32 %p1, %r10, %r1;
  setp.lt.u32 %p2, %r9, %r2;
LOOP:
  setp.ge.u32 %p3, %r20, %r3;
  @%p3 bra DONE;
  add.u32 %r21, %r20, %r5;
  setp.lt.and.u32 %p4, %r21, %r3, %p1;
  mad.lo.u32 %r22, %r10, %r3, %r21;
  mul.wide.u32 %rd4, %r22, 4;
  add.s64 %rd5, %rd1, %rd4;
  mov.f32 %f2, 0f00000000;
  @%p4 ld.global.f32 %f2, [%rd5];
  st.shared.f32 [%r14], %f2;
  add.u32 %r23, %r20, %r6;
  setp.lt.and.u32 %p5, %r23, %r3, %p2;
  mad.lo.u32 %r24, %r23, %r2, %r9;
  mul.wide.u32 %rd6, %r24, 4;
  add.s64 %rd7, %rd2, %rd6;
  mov.f32 %f3, 0f00000000;
  @%p5 ld.global.f32 %f3, [%rd7];
  st.shared.f32 [%r15], %f3;
  bar.sync 0; /* both tiles are there */
  mov.u32 %r25, 0;
INNER:
  shl.b32 %r26, %r25, 2;
  add.u32 %r26, %r26, %r17;
  shl.b32 %r27, %r25, 6;
  add.u32 %r27, %r27, %r19;
  ld.shared.f32 %f4, [%r26];
  ld.shared.f32 %f5, [%r27];
  fma.rn.f32 %f1, %f4, %f5, %f1;
  add.u32 %r25, %r25, 1;
  setp.lt.u32 %p6, %r25, 16;
  @%p6 bra INNER;
  bar.sync 0; // before the tiles change
  add.u32 %r20, %r20, 16;
  bra LOOP;
DONE:
  and.pred %p7, %p1, %p2;
  @!%p7 bra EXIT;
  mad.lo.u32 %r28, %r10, %r2, %r9;
  mul.wide.u32 %rd8, %r28, 4;
  add.s64 %rd9, %rd3, %rd8;
  st.global.f32 [%rd9], %f1;
EXIT:
  ret;
}
";

/// Runs the tiled product of 37 × 71 and 71 × 53 numbers and gives the largest error.
fn tiled(text: &str) -> Result<f64, String> {
    let (m, n, k) = (37usize, 53usize, 71usize);
    let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
    let mut memory = Memory::new();
    let [pa, pb, pc] = [m * k, k * n, m * n].map(|count| memory.allocate(count * 4));
    memory.write(pa, &bytes(&a))?;
    memory.write(pb, &bytes(&b))?;
    let sizes = [m, n, k].map(|size| (size as u32).to_le_bytes());
    let pointers = [pa, pb, pc].map(u64::to_le_bytes);
    let parameters: [&[u8]; 6] = [&pointers[0], &pointers[1], &pointers[2], &sizes[0], &sizes[1], &sizes[2]];
    let grid = [n.div_ceil(16) as u32, m.div_ceil(16) as u32, 1];
    launch(&mut memory, &Module::parse(text)?, "product", grid, [256, 1, 1], 0, &parameters, None)?;
    let mut result = vec![0; m * n * 4];
    memory.read(pc, &mut result)?;
    let error = result.chunks_exact(4).enumerate().map(|(at, word)| {
        let sum: f64 = (0..k).map(|i| f64::from(a[at / n * k + i]) * f64::from(b[i * n + at % n])).sum();
        (f64::from(f32::from_le_bytes([word[0], word[1], word[2], word[3]])) - sum).abs()
    });
    Ok(error.fold(0.0, f64::max))
}

#[test]
fn tiled_products_are_right_and_need_both_barriers() {
    assert!(tiled(TILED).is_ok_and(|error| error < 1e-3));
    let first = TILED.replace("bar.sync 0; /*", "/*");
    assert!(tiled(&first).is_err_and(|error| error.contains("nothing has written") || error.contains("race")));
    let second = TILED.replace("bar.sync 0; // before", "// before");
    assert!(tiled(&second).is_err_and(|error| error.contains("race") && error.contains("st.shared")));
    let edge = TILED.replace("@%p4 ld.global", "ld.global");
    assert!(tiled(&edge).is_err_and(|error| error.contains("out of bounds")));
}

/// One warp per row of 77 numbers: the logarithm of the sum of exponentials.
const ROWS: &str = "
  ld.param.u64 %in, [input];
  mov.f32 %f1, 0fFF800000;
  mov.u32 %r10, %t;
L1:
  setp.ge.u32 %p, %r10, 77;
  @%p bra L2;
  mul.wide.u32 %w1, %r10, 4;
  add.u64 %w1, %w1, %in;
  ld.global.nc.f32 %f2, [%w1];
  max.f32 %f1, %f1, %f2;
  add.u32 %r10, %r10, 32;
  bra L1;
L2:
  mov.u32 %r12, 16;
L3:
  shfl.sync.bfly.b32 %f3, %f1, %r12, 31, 0xffffffff;
  max.f32 %f1, %f1, %f3;
  shr.u32 %r12, %r12, 1;
  setp.ne.u32 %p, %r12, 0;
  @%p bra L3;
  mov.f32 %f4, 0f00000000;
  mov.u32 %r10, %t;
L4:
  setp.ge.u32 %p, %r10, 77;
  @%p bra L5;
  mul.wide.u32 %w1, %r10, 4;
  add.u64 %w1, %w1, %in;
  ld.global.nc.f32 %f2, [%w1];
  sub.rn.f32 %f5, %f2, %f1;
  mul.rn.f32 %f6, %f5, 0f3FB8AA3B;
  ex2.approx.ftz.f32 %f7, %f6;
  add.rn.f32 %f4, %f4, %f7;
  add.u32 %r10, %r10, 32;
  bra L4;
L5:
  mov.u32 %r12, 16;
L6:
  shfl.sync.bfly.b32 %f3, %f4, %r12, 31, 0xffffffff;
  add.rn.f32 %f4, %f4, %f3;
  shr.u32 %r12, %r12, 1;
  setp.ne.u32 %p, %r12, 0;
  @%p bra L6;
  lg2.approx.ftz.f32 %f8, %f4;
  fma.rn.f32 %f9, %f8, 0f3F317218, %f1;
  st.global.f32 [%out], %f9;";

#[test]
fn a_warp_reduces_a_row() {
    let values = numbers(77, 11);
    let text = kernel(ROWS);
    let expected = values.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
    for word in (Case { input: &bytes(&values), ..Case::of(&text) }).words() {
        assert!((f64::from(f32::from_bits(word)) - expected).abs() < 1e-5);
    }
}
