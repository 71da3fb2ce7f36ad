//! Each operation of each instruction set of this machine against plain scalar arithmetic, bit by bit.

use super::{Isa, Kernel, Lanes};

/// Numbers of all kinds: special ones, then bit patterns from a fixed generator, then ordinary magnitudes.
fn samples() -> Vec<f32> {
    let special = [0.0, 1.0, 0.5, 1.5, 2.5, 3.4e38, 1.2e-38, 1e-40, 1e-45, f32::INFINITY, f32::NAN, 4_000_000.5, 126.0];
    let mut state = 0x2545_f491_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let mut all: Vec<f32> = special.iter().flat_map(|&x| [x, -x]).collect();
    all.extend((0..400).map(|_| f32::from_bits(next())));
    all.extend((0..598).map(|_| (next() as f32 / 4e9 - 0.5) * 40.0));
    all
}

#[derive(Clone, Copy)]
enum Operation {
    Add,
    Sub,
    Mul,
    Div,
    Fma,
    Fnma,
    Min,
    Max,
    Sqrt,
    Round,
    SelectLess,
    SelectLessEqual,
    SelectEqual,
    SelectBoth,
    SelectEither,
    And,
    Or,
    Xor,
    AndNot,
    IntegerAdd,
    IntegerSub,
    IntegerAnd,
    IntegerXor,
    MulLow,
    MulHigh,
    SelectBelow,
    ShiftLeft,
    Halve,
    ToInt,
    ToFloat,
    Scale,
    Neg,
    Abs,
    CopySign,
}
use Operation::*;

const ALL: [Operation; 34] = [
    Add,
    Sub,
    Mul,
    Div,
    Fma,
    Fnma,
    Min,
    Max,
    Sqrt,
    Round,
    SelectLess,
    SelectLessEqual,
    SelectEqual,
    SelectBoth,
    SelectEither,
    And,
    Or,
    Xor,
    AndNot,
    IntegerAdd,
    IntegerSub,
    IntegerAnd,
    IntegerXor,
    MulLow,
    MulHigh,
    SelectBelow,
    ShiftLeft,
    Halve,
    ToInt,
    ToFloat,
    Scale,
    Neg,
    Abs,
    CopySign,
];

struct Apply<'a>(Operation, [&'a [f32]; 3], &'a mut [f32]);

impl Kernel for Apply<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let Apply(operation, [a, b, c], out) = self;
        for start in (0..out.len()).step_by(L::WIDTH) {
            let (a, b, c) = (l.read(&a[start..]), l.read(&b[start..]), l.read(&c[start..]));
            let value = match operation {
                Add => l.add(a, b),
                Sub => l.sub(a, b),
                Mul => l.mul(a, b),
                Div => l.div(a, b),
                Fma => l.fma(a, b, c),
                Fnma => l.fnma(a, b, c),
                Min => l.min(a, b),
                Max => l.max(a, b),
                Sqrt => l.sqrt(a),
                Round => l.round(a),
                SelectLess => l.select(l.lt(a, b), a, c),
                SelectLessEqual => l.select(l.le(a, b), a, c),
                SelectEqual => l.select(l.eq(a, b), a, c),
                SelectBoth => l.select(l.mask_and(l.lt(a, b), l.lt(b, c)), a, c),
                SelectEither => l.select(l.mask_or(l.lt(a, b), l.lt(b, c)), a, c),
                And => l.and(a, b),
                Or => l.or(a, b),
                Xor => l.xor(a, b),
                AndNot => l.andnot(a, b),
                IntegerAdd => l.with_bits(l.add_int(l.to_bits(a), l.to_bits(b))),
                IntegerSub => l.with_bits(l.sub_int(l.to_bits(a), l.to_bits(b))),
                IntegerAnd => l.with_bits(l.and_int(l.to_bits(a), l.splat_int(0x00ff_ff00))),
                IntegerXor => l.with_bits(l.xor_int(l.to_bits(a), l.to_bits(b))),
                MulLow => l.with_bits(l.mul_low(l.to_bits(a), l.to_bits(b))),
                MulHigh => l.with_bits(l.mul_high(l.to_bits(a), l.to_bits(b))),
                SelectBelow => l.select(l.below(l.to_bits(a), l.to_bits(b)), a, c),
                ShiftLeft => l.with_bits(l.shift_left_23(l.to_bits(a))),
                Halve => l.with_bits(l.halve(l.to_bits(a))),
                ToInt => l.with_bits(l.to_int(a)),
                ToFloat => l.to_float(l.to_bits(a)),
                Scale => l.scale(a, b),
                Neg => l.neg(a),
                Abs => l.abs(a),
                CopySign => l.copysign(a, b),
            };
            l.write(&mut out[start..], value);
        }
    }
}

fn bits(a: f32, b: f32, f: impl Fn(u32, u32) -> u32) -> f32 {
    f32::from_bits(f(a.to_bits(), b.to_bits()))
}

fn scalar(operation: Operation, a: f32, b: f32, c: f32) -> f32 {
    let choose = |condition: bool, a, c| if condition { a } else { c };
    match operation {
        Add => a + b,
        Sub => a - b,
        Mul => a * b,
        Div => a / b,
        Fma => a.mul_add(b, c),
        Fnma => (-a).mul_add(b, c),
        Min => choose(a < b, a, b),
        Max => choose(a > b, a, b),
        Sqrt => a.sqrt(),
        Round => a.round_ties_even(),
        SelectLess => choose(a < b, a, c),
        SelectLessEqual => choose(a <= b, a, c),
        SelectEqual => choose(a == b, a, c),
        SelectBoth => choose(a < b && b < c, a, c),
        SelectEither => choose(a < b || b < c, a, c),
        And => bits(a, b, |a, b| a & b),
        Or => bits(a, b, |a, b| a | b),
        Xor => bits(a, b, |a, b| a ^ b),
        AndNot => bits(a, b, |a, b| !a & b),
        IntegerAdd => bits(a, b, u32::wrapping_add),
        IntegerSub => bits(a, b, u32::wrapping_sub),
        IntegerAnd => bits(a, 0.0, |a, _| a & 0x00ff_ff00),
        IntegerXor => bits(a, b, |a, b| a ^ b),
        MulLow => bits(a, b, u32::wrapping_mul),
        MulHigh => bits(a, b, |a, b| ((u64::from(a) * u64::from(b)) >> 32) as u32),
        SelectBelow => choose(a.to_bits() < b.to_bits(), a, c),
        ShiftLeft => bits(a, 0.0, |a, _| a << 23),
        Halve => bits(a, 0.0, |a, _| ((a as i32) >> 1) as u32),
        ToInt => f32::from_bits(a.round_ties_even() as i32 as u32),
        ToFloat => a.to_bits() as i32 as f32,
        Scale => (f64::from(a) * 2_f64.powi(b as i32)) as f32,
        Neg => bits(a, 0.0, |a, _| a ^ 0x8000_0000),
        Abs => bits(a, 0.0, |a, _| a & 0x7fff_ffff),
        CopySign => a.copysign(b),
    }
}

/// Whether the operation promises anything for these arguments.
fn in_domain(operation: Operation, a: f32, b: f32) -> bool {
    match operation {
        Round => a.is_nan() || a.abs() < 4_194_304.0,
        ToInt => a.abs() < 4_194_304.0,
        Scale => {
            let power = b.fract() == 0.0 && (-252.0..=254.0).contains(&b);
            power && (a == 0.0 || a.is_nan() || (0.25..=4.0).contains(&a.abs()))
        }
        _ => true,
    }
}

#[test]
fn every_operation_equals_scalar_arithmetic() {
    let a = samples();
    let n = a.len();
    let mut b: Vec<f32> = (0..n).map(|i| a[(i * 7 + 3) % n]).collect();
    let mut c: Vec<f32> = (0..n).map(|i| a[(i * 11 + 5) % n]).collect();
    // Equal arguments, and sums that cancel to the rounding error of the product.
    for i in (0..n).step_by(3) {
        c[i] = -(a[i] * b[i]);
    }
    for i in (0..n).step_by(5) {
        b[i] = a[i];
    }
    let mut small = a.clone();
    for (i, x) in small.iter_mut().enumerate() {
        *x = if i % 9 == 0 { f32::NAN } else { ((i * 37) % 1000) as f32 / 300.0 - 1.5 };
    }
    let powers: Vec<f32> = (0..n).map(|i| (i * 13 % 507) as f32 - 252.0).collect();
    for &isa in Isa::available() {
        for operation in ALL {
            let (a, b) = if matches!(operation, Scale) { (&small, &powers) } else { (&a, &b) };
            let mut out = vec![0.0; n];
            isa.run(Apply(operation, [a, b, &c], &mut out));
            for i in 0..n {
                let expected = scalar(operation, a[i], b[i], c[i]);
                let same = out[i].to_bits() == expected.to_bits() || (out[i].is_nan() && expected.is_nan());
                assert!(
                    same || !in_domain(operation, a[i], b[i]),
                    "{isa}, operation {}: {:e} {:e} {:e} gave {:e}, expected {expected:e}",
                    operation as u8,
                    a[i],
                    b[i],
                    c[i],
                    out[i]
                );
            }
        }
    }
}

struct Copy<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for Copy<'_> {
    type Output = (f32, bool, bool);
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) -> Self::Output {
        let value = l.read(self.0);
        l.write(self.1, value);
        let seven = l.eq(value, l.splat(7.0));
        (l.sum(value), l.any(seven), l.any(l.lt(value, l.zero())))
    }
}

#[test]
fn partial_reads_and_writes_touch_the_first_elements_only() {
    for &isa in Isa::available() {
        for count in 0..=isa.width() {
            let from: Vec<f32> = (1..=count).map(|i| i as f32).collect();
            let mut to = vec![-1.0; isa.width() + 1];
            let (sum, seven, negative) = isa.run(Copy(&from, &mut to[..count]));
            assert_eq!(sum, (count * (count + 1) / 2) as f32, "{isa}");
            assert_eq!((seven, negative), (count >= 7, false), "{isa}");
            assert_eq!(to[..count], from, "{isa}");
            assert!(to[count..].iter().all(|&x| x == -1.0), "{isa} wrote behind element {count}");
        }
    }
}

#[test]
fn instruction_sets_have_names() {
    for &isa in Isa::available() {
        assert_eq!(Isa::named(isa.name()).unwrap(), isa);
    }
    assert_eq!(Isa::available().last(), Some(&Isa::PORTABLE));
    assert!(Isa::named("mmx").unwrap_err().to_string().contains("portable"));
}
