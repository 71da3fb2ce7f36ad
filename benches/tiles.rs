//! The products of a training step on one tile of rows, in GFLOP/s (fastest of 41 interleaved repeats), beside the peak.
//!
//! `cargo bench --bench tiles`

use std::hint::black_box;
use std::time::Instant;

use ferroflow::device::cpu::lanes::Isa;
use ferroflow::device::cpu::matrix::{
    AcrossProduct, Begin, BeginRows, PackedProduct, Transpose, View, pack, packed_length,
};
use ferroflow::evaluation::bench::Chains;

fn seconds(work: &mut dyn FnMut()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

fn main() {
    let isa = Isa::default();
    let rounds = 200_000;
    let flops = (rounds * 12 * 2 * isa.width()) as f64;
    let peak = (0..9)
        .map(|_| {
            flops
                / seconds(&mut || {
                    black_box(isa.run(Chains(black_box(rounds))));
                })
        })
        .fold(0.0, f64::max)
        / 1e9;
    println!("{isa}: peak of one core {peak:.1} GFLOP/s\n");
    println!(
        "{:>20} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "in × out, rows", "forward", "input", "kernel", "pack ns", "transp ns"
    );
    for (inputs, outputs) in [(69, 128), (128, 128), (128, 10), (128, 255), (64, 64)] {
        for rows in [32, 48] {
            let number = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 100.0;
            let numbers = |n: usize| (0..n).map(number).collect::<Vec<f32>>();
            let (kernel, x, da) = (numbers(inputs * outputs), numbers(inputs * rows), numbers(outputs * rows));
            let bias = numbers(outputs);
            let (mut h, mut dx, mut dw) =
                (vec![0.0; outputs * rows], vec![0.0; inputs * rows], vec![0.0; inputs * outputs]);
            let mut packed = vec![0.0; packed_length(rows, outputs)];
            let mut back = vec![0.0; rows * outputs];
            pack(isa, View::new(&da, rows, outputs, 1, rows).unwrap(), &mut packed);
            let mut best = [f64::INFINITY; 5];
            for _ in 0..41 {
                let calls = 20;
                let mut time = |which: usize, work: &mut dyn FnMut()| {
                    let t = seconds(&mut || (0..calls).for_each(|_| work())) / calls as f64;
                    best[which] = best[which].min(t);
                };
                time(0, &mut || {
                    isa.run(AcrossProduct {
                        rows: outputs,
                        depth: inputs,
                        columns: rows,
                        a: &kernel,
                        a_stride: outputs,
                        a_transposed: true,
                        b: &x,
                        begin: BeginRows::Bias(&bias),
                        c: &mut h,
                    });
                });
                time(1, &mut || {
                    isa.run(AcrossProduct {
                        rows: inputs,
                        depth: outputs,
                        columns: rows,
                        a: &kernel,
                        a_stride: outputs,
                        a_transposed: false,
                        b: &da,
                        begin: BeginRows::Zero,
                        c: &mut dx,
                    });
                });
                time(2, &mut || {
                    isa.run(PackedProduct {
                        rows: inputs,
                        depth: rows,
                        columns: outputs,
                        a: &x,
                        a_stride: rows,
                        a_transposed: false,
                        panels: &packed,
                        begin: Begin::There,
                        c: &mut dw,
                    });
                });
                time(3, &mut || pack(isa, View::new(&da, rows, outputs, 1, rows).unwrap(), &mut packed));
                time(4, &mut || {
                    isa.run(Transpose {
                        from: &da,
                        from_stride: rows,
                        rows: outputs,
                        columns: rows,
                        to: &mut back,
                        to_stride: outputs,
                        add: false,
                    })
                });
            }
            let work = (2 * inputs * outputs * rows) as f64 / 1e9;
            println!(
                "{:>20} {:9.1} {:9.1} {:9.1} {:9.0} {:9.0}",
                format!("{inputs} × {outputs}, {rows}"),
                work / best[0],
                work / best[1],
                work / best[2],
                best[3] * 1e9,
                best[4] * 1e9
            );
        }
    }
}
