//! The vector functions on one thread: 10⁹ elements per second over 64K elements (fastest of 41 interleaved repeats), against
//! a loop over the scalar functions of the standard library (`erf` of the crate `libm`) in the same run. The results of both
//! are compared, too.
//!
//! `cargo bench --bench vector_functions` (a name behind `--`, such as `-- silu`, picks the functions that contain it)

mod turns;

use ferroflow::device::cpu::Isa;
use ferroflow::device::cpu::vector::apply;
use ferroflow::math::Function;
use turns::fastest;

const ELEMENTS: usize = 1 << 16;
/// Largest difference that two roundings of single precision explain, of results that are at most about 10.
const TOLERANCE: f32 = 2e-5;

type Scalar = fn(f32) -> f32;

/// Runs a scalar function over a slice; one instance for each function, so that the compiler sees through the call.
fn over(x: &[f32], y: &mut [f32], function: impl Fn(f32) -> f32) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y = function(x);
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn main() {
    let only = std::env::args().nth(1).filter(|text| !text.starts_with('-')).unwrap_or_default();
    let isa = Isa::default();
    println!("{isa}, 10⁹ elements per second\n");
    println!(
        "{:>10} {:>9} {:>9} {:>9} {:>6} {:>11}",
        "function", "vectors", "portable", "scalar", "ratio", "difference"
    );
    let line: Vec<f32> = (0..ELEMENTS).map(|i| (i * 7919 % ELEMENTS) as f32 / ELEMENTS as f32 * 12.0 - 6.0).collect();
    let positive: Vec<f32> = line.iter().map(|x| x + 6.001).collect();
    let narrow: Vec<f32> = line.iter().map(|x| x / 3.0).collect();
    let (mut vectors, mut portable, mut scalar) = (vec![0.0; ELEMENTS], vec![0.0; ELEMENTS], vec![0.0; ELEMENTS]);
    let mut measure = |function: Function, x: &[f32], loops: &dyn Fn(&[f32], &mut [f32])| {
        let name = function.to_string();
        if !name.contains(&only) {
            return;
        }
        let times = fastest(&mut [
            &mut || apply(isa, function, x, &mut vectors),
            &mut || apply(Isa::PORTABLE, function, x, &mut portable),
            &mut || loops(x, &mut scalar),
        ]);
        let furthest = vectors.iter().zip(&scalar).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let [ours, ours_portable, theirs] = [times[0], times[1], times[2]].map(|time| ELEMENTS as f64 / time / 1e9);
        println!("{name:>10} {ours:>9.3} {ours_portable:>9.3} {theirs:>9.3} {:>6.1} {furthest:>11.1e}", ours / theirs);
        assert!(furthest < TOLERANCE, "{name}: the results differ by {furthest}");
        assert_eq!(vectors, portable, "{name}: the same bits on every instruction set");
    };
    measure(Function::Exp, &narrow, &|x, y| over(x, y, f32::exp));
    measure(Function::Log, &positive, &|x, y| over(x, y, f32::ln));
    measure(Function::Tanh, &line, &|x, y| over(x, y, f32::tanh));
    measure(Function::Sigmoid, &line, &|x, y| over(x, y, sigmoid));
    measure(Function::Softplus, &line, &|x, y| over(x, y, softplus));
    measure(Function::Erf, &line, &|x, y| over(x, y, libm::erff as Scalar));
    measure(Function::HardSilu, &line, &|x, y| over(x, y, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)));
    measure(Function::Mish, &line, &|x, y| over(x, y, |x| x * softplus(x).tanh()));
    measure(Function::Silu, &line, &|x, y| over(x, y, |x| x * sigmoid(x)));
    measure(Function::Gelu, &line, &|x, y| over(x, y, gelu));
}
