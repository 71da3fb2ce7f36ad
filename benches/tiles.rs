//! The products of a training step on one tile of rows, in GFLOP/s (fastest of 41 interleaved repeats), beside the peak.
//!
//! `cargo bench --bench tiles`

mod peak;
mod turns;

use ferroflow::device::cpu::lanes::Isa;
use ferroflow::device::cpu::matrix::{
    AcrossProduct, Begin, BeginRows, PackedProduct, Transpose, View, pack, packed_length,
};

use peak::peak;
use turns::fastest;

fn main() {
    let isa = Isa::default();
    let peak = peak(isa);
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
            let across = View::new(&da, rows, outputs, 1, rows).expect("rows of a feature follow each other");
            let mut panels = packed.clone();
            pack(isa, across, &mut panels);
            let times = fastest(&mut [
                &mut || {
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
                },
                &mut || {
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
                },
                &mut || {
                    isa.run(PackedProduct {
                        rows: inputs,
                        depth: rows,
                        columns: outputs,
                        a: &x,
                        a_stride: rows,
                        a_transposed: false,
                        panels: &panels,
                        begin: Begin::There,
                        c: &mut dw,
                    });
                },
                &mut || pack(isa, across, &mut packed),
                &mut || {
                    isa.run(Transpose {
                        from: &da,
                        from_stride: rows,
                        rows: outputs,
                        columns: rows,
                        to: &mut back,
                        to_stride: outputs,
                        add: false,
                    });
                },
            ]);
            let work = (2 * inputs * outputs * rows) as f64 / 1e9;
            println!(
                "{:>20} {:9.1} {:9.1} {:9.1} {:9.0} {:9.0}",
                format!("{inputs} × {outputs}, {rows}"),
                work / times[0],
                work / times[1],
                work / times[2],
                times[3] * 1e9,
                times[4] * 1e9
            );
        }
    }
}
