//! The maps of coupling layers: nanoseconds per element on one thread (fastest of 41 repeats), for each instruction set of this
//! machine, forward, inverse and backward, on 512 rows of four elements.
//!
//! `cargo bench --bench couplings`

use std::time::Instant;

use ferroflow::device::Device;
use ferroflow::device::cpu::Isa;
use ferroflow::ops::{
    Attributes, Backward, CouplingAffine, CouplingSpline, Direction, Forward, Operation, Sink, Spline,
};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;

const ROWS: usize = 512;
const ELEMENTS: usize = 4;

fn main() -> ferroflow::Result<()> {
    println!("{:<10} {:<14} {:<8} {:>8} {:>9}", "lanes", "map", "", "forward", "backward");
    for &isa in Isa::available() {
        let device = Device::cpu_with(1, isa)?;
        for direction in [Direction::Forward, Direction::Inverse] {
            let spline = |bins: usize| Spline { bins, ..Spline::default() };
            let maps: [(&str, &dyn Operation, usize, Attributes); 4] = [
                ("affine", &CouplingAffine, 2, CouplingAffine::attributes(direction, true)),
                ("spline, 4 bins", &CouplingSpline, 15, CouplingSpline::attributes(direction, &spline(4))),
                ("spline, 8 bins", &CouplingSpline, 27, CouplingSpline::attributes(direction, &spline(8))),
                ("spline, 16", &CouplingSpline, 51, CouplingSpline::attributes(direction, &spline(16))),
            ];
            for (name, operation, parameters, attributes) in maps {
                let [forward, backward] = measure(&device, operation, parameters, &attributes)?;
                let direction = format!("{direction:?}").to_lowercase();
                println!("{:<10} {name:<14} {direction:<8} {forward:>5.1} ns {backward:>6.1} ns", isa.name());
            }
        }
    }
    Ok(())
}

fn measure(
    device: &Device,
    operation: &dyn Operation,
    parameters: usize,
    attributes: &Attributes,
) -> ferroflow::Result<[f64; 2]> {
    let random = |key: u64, shape: [usize; 2]| ferroflow::ops::random::normal(device, Key::new(key), 0, shape);
    let (x, raw) = (random(1, [ROWS, ELEMENTS])?, random(2, [ROWS, ELEMENTS * parameters])?);
    let (y, log_det) = (Tensor::zeros(device, x.shape())?, Tensor::zeros(device, [ROWS].into())?);
    let (dy, dlog_det) = (random(3, [ROWS, ELEMENTS])?, Tensor::full(device, [ROWS].into(), 1.0)?);
    let (dx, draw) = (Tensor::zeros(device, x.shape())?, Tensor::zeros(device, raw.shape())?);
    let (inputs, products) = ([&x, &raw], [&y, &log_det]);
    let forward = Forward { device, inputs: &inputs, products: &products, attributes };
    let sinks = [&dx, &draw].map(|tensor| Some(Sink { tensor, accumulate: false }));
    let gradients = [Some(&dy), Some(&dlog_det)];
    let backward =
        Backward { device, inputs: &inputs, products: &products, gradients: &gradients, sinks: &sinks, attributes };
    let mut fastest = [f64::INFINITY; 2];
    for _ in 0..41 {
        let start = Instant::now();
        operation.forward(&forward)?;
        let between = Instant::now();
        operation.backward(&backward)?;
        let times = [between - start, between.elapsed()];
        for (fastest, time) in fastest.iter_mut().zip(times) {
            *fastest = fastest.min(time.as_secs_f64() * 1e9 / (ROWS * ELEMENTS) as f64);
        }
    }
    Ok(fastest)
}
