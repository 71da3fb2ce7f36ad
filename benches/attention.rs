//! Attention on one thread: CPU time (fastest of the repeats), GFLOP/s and the share of the processor's peak of multiply-adds,
//! forward and backward, with and without dropout. `benches/attention_torch.py` times PyTorch on the same shapes.
//!
//! `cargo bench --bench attention`
//!
//! Counted are two products forward, five backward: 4 and 10 operations for each pair of query and key and column.

use cpu_time::ProcessTime;
use ferroflow::device::Device;
use ferroflow::ops::{Attention, Attributes, Backward, Forward, Operation, Sink};
use ferroflow::random::Key;
use ferroflow::tensor::Tensor;

const HEADS: usize = 4;
const WIDTH: usize = 16;
/// Sets, queries and keys of each.
const SHAPES: [[usize; 3]; 4] = [[32, 100, 100], [32, 1000, 1000], [32, 4, 100], [1024, 4, 100]];
/// GFLOP/s of one core: given as the only argument, or that of the machine on which the numbers in the notes were taken.
const PEAK: f64 = 92.0;
const REPEATS: usize = 20;
const SECONDS: f64 = 2.0;

fn main() -> ferroflow::Result<()> {
    let peak = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(PEAK);
    let device = Device::cpu();
    println!("queries on keys   sets  dropout        forward                      backward");
    for shape in SHAPES {
        for dropout in [None, Some((0.05, Key::new(9)))] {
            let fastest = measure(&device, shape, &Attention::attributes(HEADS, dropout))?;
            let [sets, queries, keys] = shape;
            print!("{:<15} {sets:>6} {:>8}", format!("{queries} on {keys}"), dropout.map_or(0.0, |(p, _)| p));
            for (seconds, operations) in fastest.into_iter().zip([4, 10]) {
                let rate = (operations * sets * queries * keys * HEADS * WIDTH) as f64 / seconds * 1e-9;
                print!("  {:>9.0} µs {rate:>5.1} GFLOP/s {:>3.0} %", seconds * 1e6, 100.0 * rate / peak);
            }
            println!();
        }
    }
    Ok(())
}

fn measure(device: &Device, [sets, queries, keys]: [usize; 3], attributes: &Attributes) -> ferroflow::Result<[f64; 2]> {
    let matrix =
        |key: u64, each: usize| ferroflow::ops::random::normal(device, Key::new(key), 0, [sets * each, HEADS * WIDTH]);
    let offsets = |each: usize| {
        let offsets: Vec<u32> = (0..=sets).map(|set| (set * each) as u32).collect();
        Tensor::from_indices(device, [sets + 1], &offsets)
    };
    let (q, k, v, dout) = (matrix(1, queries)?, matrix(2, keys)?, matrix(3, keys)?, matrix(4, queries)?);
    let (query_offsets, key_offsets) = (offsets(queries)?, offsets(keys)?);
    let (out, log_sums) = (Tensor::zeros(device, q.shape())?, Tensor::zeros(device, [sets * queries, HEADS].into())?);
    let (dq, dk, dv) =
        (Tensor::zeros(device, q.shape())?, Tensor::zeros(device, k.shape())?, Tensor::zeros(device, v.shape())?);
    let (inputs, products) = ([&q, &k, &v, &query_offsets, &key_offsets], [&out, &log_sums]);
    let forward = Forward { device, inputs: &inputs, products: &products, attributes };
    let sinks = [&dq, &dk, &dv].map(|tensor| Some(Sink { tensor, accumulate: false }));
    let gradients = [Some(&dout)];
    let backward =
        Backward { device, inputs: &inputs, products: &products, gradients: &gradients, sinks: &sinks, attributes };
    let (mut fastest, mut spent, mut repeats) = ([f64::INFINITY; 2], 0.0, 0);
    while repeats < REPEATS || spent < SECONDS {
        let start = ProcessTime::now();
        Attention.forward(&forward)?;
        let between = start.elapsed();
        Attention.backward(&backward)?;
        let times = [between, start.elapsed() - between];
        for (fastest, time) in fastest.iter_mut().zip(times) {
            *fastest = fastest.min(time.as_secs_f64());
            spent += time.as_secs_f64();
        }
        repeats += 1;
    }
    Ok(fastest)
}
