//! The matrix product against the crates `gemm` and `matrixmultiply` on one thread, in GFLOP/s (fastest of 41
//! interleaved repeats), beside the fused-multiply-add peak of one core measured in the same run.
//!
//! `cargo bench --bench matrix_product`

mod peak;
mod turns;

use ferroflow::device::cpu::lanes::Isa;
use ferroflow::device::cpu::matrix::{Epilogue, Output, View, product};
use ferroflow::device::cpu::threads::Threads;
use ferroflow::math::Function;
use peak::peak;
use turns::fastest;

/// Which operand lies transposed in memory.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// `Y = X·W`.
    Plain,
    /// `dX = G·Wᵀ`.
    SecondTransposed,
    /// `dW = Xᵀ·G`.
    FirstTransposed,
}

fn main() {
    let threads = Threads::new(1).expect("one thread needs no system call");
    let isa = Isa::default();
    let peak = peak(isa);
    println!("{isa}: peak of one core {peak:.1} GFLOP/s\n");
    println!(
        "{:>24} {:>9} {:>6} {:>12} {:>9} {:>16} {:>10}",
        "m × k × n", "ferroflow", "peak", "bias + silu", "gemm", "matrixmultiply", "portable"
    );
    let only = std::env::args().nth(1).filter(|text| !text.starts_with('-')).unwrap_or_default();
    let plain = [
        (1, 64, 64),
        (1, 256, 256),
        (8, 128, 128),
        (16, 128, 128),
        (32, 64, 64),
        (32, 128, 128),
        (64, 64, 64),
        (64, 128, 128),
        (256, 10, 64),
        (256, 64, 64),
        (256, 128, 128),
        (256, 128, 2),
        (256, 128, 10),
        (256, 128, 20),
        (320, 192, 192),
        (1024, 128, 128),
        (1024, 256, 256),
        (4096, 64, 64),
        (16384, 64, 64),
    ];
    let training = [
        (32, 128, 128),
        (64, 64, 64),
        (64, 128, 128),
        (256, 128, 128),
        (256, 20, 128),
        (1024, 128, 128),
        (1024, 64, 64),
        (1024, 256, 256),
    ];
    let weights = [
        (128, 32, 128),
        (64, 64, 64),
        (128, 256, 128),
        (128, 256, 20),
        (10, 256, 64),
        (128, 1024, 128),
        (64, 4096, 64),
        (128, 16384, 128),
    ];
    let cases = plain
        .map(|sizes| (Form::Plain, sizes))
        .into_iter()
        .chain(training.map(|sizes| (Form::SecondTransposed, sizes)))
        .chain(weights.map(|sizes| (Form::FirstTransposed, sizes)));
    for (form, (m, k, n)) in cases {
        let name = match form {
            Form::Plain => "X·W",
            Form::SecondTransposed => "G·Wᵀ",
            Form::FirstTransposed => "Xᵀ·G",
        };
        let name = format!("{name} {m} × {k} × {n}");
        if !name.contains(&only) {
            continue;
        }
        let noise = |count: usize| (0..count).map(|i| (i * 7919 % 2003) as f32 / 1001.5 - 1.0).collect::<Vec<f32>>();
        let (a, b, bias) = (noise(m * k), noise(k * n), noise(n));
        let (ar, ac) = if form == Form::FirstTransposed { (1, m) } else { (k, 1) };
        let (br, bc) = if form == Form::SecondTransposed { (1, k) } else { (n, 1) };
        let mut results = vec![vec![0.0_f32; m * n]; 5];
        let [c0, c1, c2, c3, c4] = &mut results[..] else { unreachable!("five results") };
        let ours = |isa: Isa, c: &mut [f32], epilogue: Epilogue| {
            let a = View::new(&a, m, k, ar, ac).expect("sizes fit");
            let b = View::new(&b, k, n, br, bc).expect("sizes fit");
            product(isa, &threads, a, b, Output::row_major(c, m, n).expect("sizes fit"), epilogue).expect("sizes fit");
        };
        let (pa, pb) = (a.as_ptr(), b.as_ptr());
        let times = fastest(&mut [
            &mut || ours(isa, c0, Epilogue::default()),
            &mut || ours(isa, c1, Epilogue { bias: Some(&bias), activation: Function::Silu, ..Epilogue::default() }),
            &mut || rival_gemm((m, k, n), pa, (ar, ac), pb, (br, bc), c2),
            &mut || rival_matrixmultiply((m, k, n), pa, (ar, ac), pb, (br, bc), c3),
            &mut || {
                if m * k * n < 5_000_000 {
                    ours(Isa::PORTABLE, c4, Epilogue::default());
                }
            },
        ]);
        let rate = |time: f64| 2.0 * (m * k * n) as f64 / time / 1e9;
        println!(
            "{name:>24} {:>9.1} {:>5.0}% {:>12.1} {:>9.1} {:>16.1} {:>10.1}",
            rate(times[0]),
            100.0 * rate(times[0]) / peak,
            rate(times[1]),
            rate(times[2]),
            rate(times[3]),
            if m * k * n < 5_000_000 { rate(times[4]) } else { f64::NAN },
        );
        let furthest = results[0].iter().zip(&results[2]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest <= (4e-6 * k as f32).max(1e-4), "{name}: results differ by {furthest}");
    }
}

type Sizes = (usize, usize, usize);
type Strides = (usize, usize);

#[allow(unsafe_code)]
fn rival_gemm((m, k, n): Sizes, a: *const f32, (ar, ac): Strides, b: *const f32, (br, bc): Strides, c: &mut [f32]) {
    let [ar, ac, br, bc] = [ar, ac, br, bc].map(|stride| stride as isize);
    let c = c.as_mut_ptr();
    let alone = gemm_common::Parallelism::None;
    let gemm = gemm_f32::gemm::f32::get_gemm_fn();
    // The crate prefers results with contiguous columns, so it gets Cᵀ = Bᵀ·Aᵀ, as its own front end would arrange.
    // SAFETY: the same matrices that the checked views above describe.
    unsafe { gemm(n, m, k, c, n as isize, 1, false, b, br, bc, a, ar, ac, 0.0, 1.0, false, false, false, alone) };
}

#[allow(unsafe_code)]
fn rival_matrixmultiply(
    (m, k, n): Sizes,
    a: *const f32,
    (ar, ac): Strides,
    b: *const f32,
    (br, bc): Strides,
    c: &mut [f32],
) {
    let [ar, ac, br, bc] = [ar, ac, br, bc].map(|stride| stride as isize);
    let c = c.as_mut_ptr();
    // SAFETY: the same matrices that the checked views above describe.
    unsafe { matrixmultiply::sgemm(m, k, n, 1.0, a, ar, ac, b, br, bc, 0.0, c, n as isize, 1) };
}
