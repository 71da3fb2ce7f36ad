//! Packing of weights into the panels that the matrix product reads, on one thread: 10⁹ bytes per second, read and written
//! (fastest of 41 interleaved repeats), against a copy of the same bytes in the same run. The weights count; the zeros that
//! fill a narrow panel do not.
//!
//! `cargo bench --bench packing`

mod turns;

use std::hint::black_box;

use ferroflow::device::cpu::Isa;
use ferroflow::device::cpu::matrix::{View, pack, packed_length};
use turns::fastest;

fn main() -> ferroflow::Result<()> {
    println!("{:<10} {:<22} {:>9} {:>9} {:>6}", "lanes", "weights", "pack", "copy", "ratio");
    for &isa in Isa::available() {
        for (depth, columns) in [(128, 128), (69, 128), (128, 10)] {
            let weights: Vec<f32> = (0..depth * columns).map(|i| i as f32).collect();
            // As the forward pass reads them, and transposed, for gradients.
            let as_stored = View::new(&weights, depth, columns, columns, 1)?;
            let transposed = View::new(&weights, columns, depth, 1, columns)?;
            for (name, view) in [("", as_stored), ("transposed", transposed)] {
                let mut panels = vec![0.0; packed_length(view.rows(), view.columns())];
                let mut copy = vec![0.0; weights.len()];
                let times = fastest(&mut [&mut || pack(isa, black_box(view), black_box(&mut panels)), &mut || {
                    black_box(&mut copy).copy_from_slice(black_box(&weights))
                }]);
                let rate = |time: f64| 8.0 * weights.len() as f64 / time / 1e9;
                println!(
                    "{:<10} {:<22} {:>9.1} {:>9.1} {:>6.2}",
                    isa.name(),
                    format!("{depth} × {columns} {name}"),
                    rate(times[0]),
                    rate(times[1]),
                    times[1] / times[0],
                );
            }
        }
    }
    Ok(())
}
