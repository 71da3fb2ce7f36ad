use super::*;
use crate::device::cpu::lanes::Isa;
use crate::device::cpu::threads::Threads;
use crate::device::cpu::vector;
use crate::math::Function;

fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as f32 / u32::MAX as f32 * 2.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// How a matrix lies in memory.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Layout {
    Rows,
    WideRows,
    Columns,
    WideColumns,
    EveryThird,
}
const LAYOUTS: [Layout; 5] = [Layout::Rows, Layout::WideRows, Layout::Columns, Layout::WideColumns, Layout::EveryThird];

fn view(data: &[f32], rows: usize, columns: usize, layout: Layout) -> View<'_> {
    match layout {
        Layout::Rows => View::row_major(data, rows, columns),
        Layout::WideRows => View::new(data, rows, columns, columns + 3, 1),
        Layout::Columns => View::row_major(data, columns, rows).map(View::transposed),
        Layout::WideColumns => View::new(data, rows, columns, 1, rows + 5),
        Layout::EveryThird => View::new(data, rows, columns, 3 * columns + 1, 3),
    }
    .unwrap()
}

/// The chain of fused multiply-adds that is promised.
fn chain(a: &View, b: &View, i: usize, j: usize, start: f32) -> f32 {
    (0..a.columns()).fold(start, |sum, k| a.from(i, k)[0].mul_add(b.from(k, j)[0], sum))
}

fn run(isa: Isa, threads: usize, a: View, b: View, c: &mut [f32], epilogue: Epilogue) {
    let threads = Threads::new(threads).unwrap();
    let output = Output::row_major(c, a.rows(), b.columns()).unwrap();
    product(isa, &threads, a, b, output, epilogue).unwrap();
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_element_is_the_promised_chain() {
    let data = (noise(20_000, 1), noise(20_000, 2), noise(64, 3));
    let threads = Threads::new(2).unwrap();
    for (case, &(m, k, n)) in [
        (1, 1, 1),
        (1, 7, 200),
        (2, 5, 75),
        (3, 8, 16),
        (5, 3, 20),
        (13, 17, 33),
        (16, 9, 8),
        (17, 4, 2),
        (23, 64, 10),
        (48, 10, 47),
        (31, 1, 64),
        (97, 6, 5),
    ]
    .iter()
    .enumerate()
    {
        for &isa in Isa::available() {
            for (index, &layout) in LAYOUTS.iter().enumerate() {
                let a = view(&data.0, m, k, layout);
                let b = view(&data.1, k, n, LAYOUTS[(index + case) % 5]);
                let bias: Vec<f32> = (0..n).map(|j| data.2[j % 64]).collect();
                for with_bias in [false, true] {
                    let stride = n + 2;
                    let mut c = vec![7.0; m * stride];
                    let epilogue = Epilogue { bias: with_bias.then_some(&bias[..]), ..Epilogue::default() };
                    product(isa, &threads, a, b, Output::new(&mut c, m, n, stride).unwrap(), epilogue).unwrap();
                    for i in 0..m {
                        for j in 0..n {
                            let expected = chain(&a, &b, i, j, if with_bias { bias[j] } else { 0.0 });
                            let got = c[i * stride + j];
                            assert_eq!(got.to_bits(), expected.to_bits(), "{isa} {m}×{k}×{n} {layout:?} [{i}, {j}]");
                        }
                        assert_eq!(c[i * stride + n..][..2], [7.0; 2], "{isa} {m}×{k}×{n}: written behind the row");
                    }
                }
            }
        }
    }
}

#[test]
fn blocks_of_k_and_threads_do_not_change_a_bit() {
    let (m, k, n) = (50, 1300, 37);
    let (x, g) = (noise(m * k, 4), noise(k * n, 5));
    for layout in [Layout::Rows, Layout::Columns] {
        let (a, b) = (view(&x, m, k, layout), view(&g, k, n, layout));
        let expected: Vec<f32> = (0..m * n).map(|e| chain(&a, &b, e / n, e % n, 0.0)).collect();
        for &isa in Isa::available() {
            for threads in [1, 2, 3, 8] {
                let mut c = vec![0.0; m * n];
                run(isa, threads, a, b, &mut c, Epilogue::default());
                assert_eq!(bits(&c), bits(&expected), "{isa}, {threads} threads");
                let before = noise(m * n, 6);
                let mut sum = before.clone();
                run(isa, threads, a, b, &mut sum, Epilogue { accumulate: true, ..Epilogue::default() });
                let added: Vec<f32> = before.iter().zip(&c).map(|(old, new)| old + new).collect();
                assert_eq!(bits(&sum), bits(&added), "{isa}, accumulated");
            }
        }
    }
}

#[test]
fn a_row_alone_has_the_same_bits() {
    let (m, k, n) = (101, 74, 100);
    let (x, w, bias) = (noise(m * k, 7), noise(k * n, 8), noise(n, 9));
    let b = view(&w, k, n, Layout::Rows);
    for &isa in Isa::available() {
        let epilogue = || Epilogue { bias: Some(&bias), activation: Function::Mish, ..Epilogue::default() };
        let mut all = vec![0.0; m * n];
        run(isa, 2, view(&x, m, k, Layout::Rows), b, &mut all, epilogue());
        for (i, row) in all.chunks(n).enumerate() {
            let mut alone = vec![0.0; n];
            run(isa, 1, view(&x[i * k..][..k], 1, k, Layout::Rows), b, &mut alone, epilogue());
            assert_eq!(bits(&alone), bits(row), "{isa} row {i}");
        }
    }
}

#[test]
fn activation_and_sums_equal_separate_passes() {
    let (m, k, n) = (29, 12, 21);
    let (x, w, bias) = (noise(m * k, 10), noise(k * n, 11), noise(n, 12));
    let (a, b) = (view(&x, m, k, Layout::Rows), view(&w, k, n, Layout::Rows));
    for &isa in Isa::available() {
        let mut sums = vec![0.0; m * n];
        run(isa, 1, a, b, &mut sums, Epilogue { bias: Some(&bias), ..Epilogue::default() });
        for activation in [Function::Linear, Function::Relu, Function::Silu, Function::Sin] {
            let mut expected = vec![0.0; m * n];
            vector::apply(isa, activation, &sums, &mut expected);
            for accumulate in [false, true] {
                let old = if accumulate { 0.5 } else { 0.0 };
                for keep in [false, true] {
                    let mut before = vec![0.0; m * n];
                    let mut c = vec![old; m * n];
                    let place = keep.then(|| Output::row_major(&mut before, m, n).unwrap());
                    run(isa, 2, a, b, &mut c, Epilogue { bias: Some(&bias), activation, before: place, accumulate });
                    let wanted: Vec<f32> = expected.iter().map(|y| if accumulate { old + y } else { *y }).collect();
                    assert_eq!(bits(&c), bits(&wanted), "{isa} {activation} {accumulate} {keep}");
                    assert!(!keep || bits(&before) == bits(&sums));
                }
            }
        }
    }
}

#[test]
fn error_against_f64_is_that_of_k_roundings() {
    let (m, k, n) = (40, 300, 24);
    let (x, w) = (noise(m * k, 13), noise(k * n, 14));
    let (a, b) = (view(&x, m, k, Layout::Rows), view(&w, k, n, Layout::Columns));
    for &isa in Isa::available() {
        let mut c = vec![0.0; m * n];
        run(isa, 1, a, b, &mut c, Epilogue::default());
        for (e, &got) in c.iter().enumerate() {
            let terms = (0..k).map(|q| f64::from(a.from(e / n, q)[0]) * f64::from(b.from(q, e % n)[0]));
            let (exact, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            let bound = k as f64 * f64::from(f32::EPSILON) / 2.0 * size;
            assert!((f64::from(got) - exact).abs() <= bound, "{isa} element {e}");
        }
    }
}

#[test]
fn not_a_number_and_infinity_stay_in_their_rows_and_columns() {
    let (m, k, n) = (14, 9, 19);
    let (mut x, mut w) = (noise(m * k, 15), noise(k * n, 16));
    x[3 * k + 2] = f32::NAN;
    x[5 * k] = f32::INFINITY;
    w[4 * n + 18] = f32::NAN;
    for &isa in Isa::available() {
        let mut c = vec![0.0; m * n];
        run(isa, 1, view(&x, m, k, Layout::Rows), view(&w, k, n, Layout::Rows), &mut c, Epilogue::default());
        for i in 0..m {
            for j in 0..n {
                let y = c[i * n + j];
                assert_eq!(y.is_nan(), i == 3 || j == 18, "{isa} [{i}, {j}]");
                assert_eq!(y.is_infinite(), i == 5 && j != 18, "{isa} [{i}, {j}]");
            }
        }
    }
}

#[test]
fn empty_sizes_work() {
    let bias = [1.0, -2.0, 3.0];
    for &isa in Isa::available() {
        let mut c = [9.0; 6];
        let epilogue = Epilogue { bias: Some(&bias), activation: Function::Relu, ..Epilogue::default() };
        let (a, b) = (View::row_major(&[], 2, 0).unwrap(), View::row_major(&[], 0, 3).unwrap());
        run(isa, 2, a, b, &mut c, epilogue);
        assert_eq!(c, [1.0, 0.0, 3.0, 1.0, 0.0, 3.0]);
        run(isa, 1, a, b, &mut c, Epilogue::default());
        assert_eq!(c, [0.0; 6]);
        let a = View::row_major(&[], 0, 4).unwrap();
        run(isa, 1, a, View::row_major(&[0.0; 12], 4, 3).unwrap(), &mut [], Epilogue::default());
        let a = View::row_major(&[0.0; 8], 2, 4).unwrap();
        run(isa, 1, a, View::row_major(&[], 4, 0).unwrap(), &mut [], Epilogue::default());
    }
}

#[test]
fn wrong_shapes_get_their_sentence() {
    let data = [0.0; 12];
    assert!(View::row_major(&data, 4, 4).unwrap_err().to_string().contains("4 × 4"));
    assert!(View::new(&data, 2, 2, usize::MAX, 2).is_err());
    assert!(Output::new(&mut [0.0; 12], 3, 4, 2).unwrap_err().to_string().contains("overlap"));
    let threads = Threads::new(1).unwrap();
    let (a, b) = (View::row_major(&data, 3, 4).unwrap(), View::row_major(&data, 3, 4).unwrap());
    let mut c = [0.0; 12];
    let mut attempt = |a, b, epilogue: Epilogue| {
        let output = Output::row_major(&mut c, 3, 3).unwrap();
        product(Isa::default(), &threads, a, b, output, epilogue).map_err(|error| error.to_string())
    };
    assert!(attempt(a, b, Epilogue::default()).unwrap_err().contains("inner sizes"));
    let epilogue = Epilogue { bias: Some(&data[..2]), ..Epilogue::default() };
    assert!(attempt(a, b.transposed(), epilogue).unwrap_err().contains("bias has 2"));
    assert!(attempt(a, b.transposed(), Epilogue::default()).is_ok());
}
