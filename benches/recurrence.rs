//! Recurrent layers on one thread: CPU time (fastest of the repeats), GFLOP/s and the share of the processor's peak of multiply-adds,
//! forward (final states, nothing kept), forward for training, and backward.
//!
//! `cargo bench --bench recurrence`
//!
//! Counted is the product of state and recurrent kernel: 2 G H² operations per step forward, twice as many backward.

use cpu_time::ProcessTime;
use ferroflow::device::Device;
use ferroflow::ops::{
    Backward, Forward, Operation, Recurrence, RecurrenceOperation, RecurrentCell, Sink, Spec, States,
};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;

/// Series, steps and units.
const SHAPES: [[usize; 3]; 4] = [[1, 100, 128], [32, 100, 128], [256, 100, 128], [32, 100, 64]];
/// GFLOP/s of one core: given as the only argument, or that of the machine on which the numbers in the notes were taken.
const PEAK: f64 = 90.0;
const REPEATS: usize = 20;
const SECONDS: f64 = 2.0;

fn main() -> ferroflow::Result<()> {
    let peak = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(PEAK);
    let device = Device::cpu();
    println!("cell  series steps units  inference                   forward                     backward");
    for cell in [RecurrentCell::Gru, RecurrentCell::Lstm] {
        for [series, steps, units] in SHAPES {
            let fastest = measure(&device, cell, [series, steps, units])?;
            print!("{:<5} {series:>6} {steps:>5} {units:>5}", format!("{cell:?}"));
            for (seconds, products) in fastest.into_iter().zip([1, 1, 2]) {
                let operations = products * 2 * series * steps * units * units * cell.gates();
                let rate = operations as f64 / seconds * 1e-9;
                print!("  {:>8.0} µs {rate:>5.1} GFLOP/s {:>3.0} %", seconds * 1e6, 100.0 * rate / peak);
            }
            println!();
        }
    }
    Ok(())
}

fn measure(device: &Device, cell: RecurrentCell, [series, steps, units]: [usize; 3]) -> ferroflow::Result<[f64; 3]> {
    let width = cell.gates() * units;
    let matrix = |key: u64, shape: [usize; 2]| ferroflow::ops::random::normal(device, Key::new(key), 0, shape);
    let a = matrix(1, [series * steps, width])?;
    let kernel = Tensor::from_values(
        device,
        [units, width],
        &matrix(2, [units, width])?.values()?.iter().map(|x| x / (units as f32).sqrt()).collect::<Vec<_>>(),
    )?;
    let bias = matrix(3, [1, width])?.view(0, [width].into())?;
    let offsets: Vec<u32> = (0..=series).map(|s| (s * steps) as u32).collect();
    let offsets = Tensor::from_indices(device, [series + 1], &offsets)?;
    let all = [&a, &offsets, &kernel, &bias];
    let inputs = if cell == RecurrentCell::Gru { &all[..] } else { &all[..3] };
    let specs: Vec<Spec> = inputs.iter().map(|tensor| Spec::of(tensor)).collect();
    let mut fastest = [f64::INFINITY; 3];
    let (mut spent, mut repeats) = (0.0, 0);
    let products = |keep: bool| -> ferroflow::Result<_> {
        let attributes = Recurrence { cell, reversed: false, states: States::Final, keep }.attributes();
        let shapes = RecurrenceOperation.infer(&specs, &attributes)?;
        let tensors: ferroflow::Result<Vec<Tensor>> =
            shapes.shapes().iter().map(|&shape| Tensor::zeros(device, shape)).collect();
        Ok((attributes, tensors?))
    };
    let (inference, finals) = products(false)?;
    let (training, kept) = products(true)?;
    let (finals, kept): (Vec<&Tensor>, Vec<&Tensor>) = (finals.iter().collect(), kept.iter().collect());
    let gradient = matrix(4, [series, units])?;
    let sinks: Vec<Tensor> =
        inputs.iter().map(|t| Tensor::zeros(device, t.shape())).collect::<ferroflow::Result<_>>()?;
    let sinks: Vec<Option<Sink>> =
        (0..inputs.len()).map(|i| (i != 1).then_some(Sink { tensor: &sinks[i], accumulate: false })).collect();
    let gradients = [Some(&gradient)];
    while repeats < REPEATS || spent < SECONDS {
        let times = [
            time(|| {
                RecurrenceOperation.forward(&Forward { device, inputs, products: &finals, attributes: &inference })
            })?,
            time(|| RecurrenceOperation.forward(&Forward { device, inputs, products: &kept, attributes: &training }))?,
            time(|| {
                let attributes = &training;
                let (products, gradients, sinks) = (&kept[..], &gradients[..], &sinks[..]);
                RecurrenceOperation.backward(&Backward { device, inputs, products, gradients, sinks, attributes })
            })?,
        ];
        for (fastest, time) in fastest.iter_mut().zip(times) {
            *fastest = fastest.min(time);
            spent += time;
        }
        repeats += 1;
    }
    Ok(fastest)
}

fn time(task: impl FnOnce() -> ferroflow::Result<()>) -> ferroflow::Result<f64> {
    let start = ProcessTime::now();
    task()?;
    Ok(start.elapsed().as_secs_f64())
}
