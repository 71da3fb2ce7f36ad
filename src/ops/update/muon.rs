//! One step of Muon for the weights of hidden layers (Jordan et al. 2024, "Muon: an optimizer for hidden layers"; step
//! size of Liu et al. 2025, arXiv:2502.16982):
//!
//! ```text
//! g ← clip · g;   θ ← θ − decay · θ
//! m ← m + (1 − β₁)(g − m);   u = β₁ m + (1 − β₁) g            (Nesterov)
//! θ ← θ − lr · 0.2 √max(rows, columns) · orthogonal(u)
//! ```
//!
//! `orthogonal(u) = U Vᵀ` for the singular value decomposition `u = U Σ Vᵀ`: every direction that the gradient has moves by
//! the same amount, so that those with small gradients do not wait for those with large ones. It is approximated by
//! four Newton–Schulz iterations `Z ← Z (a I + b S + c S²)`, `S = ZᵀZ`, from `Z = u/ν`, with the minimax coefficients for
//! singular values from 1/200 on (by the recipe of Amsel et al. 2025, arXiv:2505.16932): they end between 0.91 and 1.09.
//! `ν = ‖uᵀu‖^½` (Frobenius) bounds the largest singular value, and is several times smaller than `‖u‖`. A gradient of zero
//! changes nothing.
//!
//! A matrix is worked on by one thread, so the result does not depend on their number.

use crate::device::Kernel;
use crate::device::cpu::matrix::{Epilogue, Output, View, product};
use crate::device::cpu::{Isa, Launch, Threads};
use crate::device::gpu::{self, Program};
use crate::error::Result;
use crate::tensor::Tensor;

pub(super) static KERNEL: Kernel = Kernel { name: "muon", cpu, gpu };

/// The coefficients `a, b, c` of the iterations.
const STEPS: [[f32; 3]; 4] = [
    [8.298_704, -24.430_499, 18.090_305],
    [3.915_221, -2.921_131, 0.559_223],
    [3.174_604, -2.380_433, 0.497_826],
    [2.189_463, -1.567_221, 0.407_887],
];
/// The first iteration wants singular values of at most 1; their bound is taken a little larger against rounding.
const MARGIN: f32 = 1.01;
/// Root mean square of the elements of a step, in learning rates: about that of Adam.
const RMS: f32 = 0.2;
/// Columns of a symmetric product that are computed together.
const BLOCK: usize = 32;

/// The numbers of one step.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub struct MuonArguments {
    /// The learning rate.
    pub rate: f32,
    /// `β₁`.
    pub momentum: f32,
    /// Learning rate times weight decay.
    pub decay: f32,
}

/// Updates the matrices among the weights, and their momentum. `matrices` is `[count, 4]`: segment, start in the flat
/// tensors, rows, columns, in the order of the starts; `clip` is one number per segment.
pub fn muon(
    arguments: MuonArguments,
    gradients: &Tensor,
    matrices: &Tensor,
    clip: &Tensor,
    [weights, momenta]: [&Tensor; 2],
) -> Result<()> {
    let inputs = [gradients.slice(), matrices.slice(), clip.slice()];
    gradients.device().launch(&KERNEL, &arguments, &inputs, &[weights.slice(), momenta.slice()])
}

/// A row of the table of matrices.
struct Place {
    segment: usize,
    start: usize,
    rows: usize,
    columns: usize,
}

impl Place {
    fn of(table: &[u32], index: usize) -> Self {
        let [segment, start, rows, columns] = [0, 1, 2, 3].map(|word| table[4 * index + word] as usize);
        Place { segment, start, rows, columns }
    }

    fn range(&self) -> std::ops::Range<usize> {
        self.start..self.start + self.rows * self.columns
    }

    /// Working memory: the matrix twice, and two squares of the shorter side.
    fn scratch(&self) -> usize {
        let short = self.rows.min(self.columns);
        2 * self.rows * self.columns + 2 * short * short
    }
}

fn cpu(launch: &mut Launch) {
    let MuonArguments { rate, momentum, decay } = launch.arguments();
    let (gradients, table, clip) = (launch.input(0), launch.indices(1), launch.input(2));
    let (weights, momenta) = (launch.output(0), launch.output(1));
    let (isa, threads, count) = (launch.isa, launch.threads, table.len() / 4);
    let scratch = (0..count).map(|index| Place::of(table, index).scratch()).max().unwrap_or(0);
    let range = |index| Place::of(table, index).range();
    threads.for_each_range(count, range, [weights, momenta], scratch, |index, [weights, momenta], scratch| {
        let place = Place::of(table, index);
        let Place { rows, columns, .. } = place;
        let (clip, tall) = (clip[place.segment], rows >= columns);
        if clip.is_nan() {
            return;
        }
        let (z, rest) = scratch.split_at_mut(rows * columns);
        let mut square = 0.0;
        for ((row, m), g) in momenta.chunks_mut(columns).enumerate().zip(gradients[place.range()].chunks(columns)) {
            for (column, (m, g)) in m.iter_mut().zip(g).enumerate() {
                let g = clip * g;
                *m += (1.0 - momentum) * (g - *m);
                let u = momentum * *m + (1.0 - momentum) * g;
                square += f64::from(u) * f64::from(u);
                // The matrix lies with its longer side down.
                z[if tall { row * columns + column } else { column * rows + row }] = u;
            }
        }
        let norm = square.sqrt() as f32;
        if norm == 0.0 {
            weights.iter_mut().for_each(|w| *w -= decay * *w);
            return;
        }
        z.iter_mut().for_each(|u| *u /= norm);
        orthogonalise(isa, threads, z, rows.max(columns), rows.min(columns), rest);
        let step = rate * RMS * (rows.max(columns) as f32).sqrt();
        for (row, w) in weights.chunks_mut(columns).enumerate() {
            for (column, w) in w.iter_mut().enumerate() {
                *w -= decay * *w;
                *w -= step * z[if tall { row * columns + column } else { column * rows + row }];
            }
        }
    });
}

/// Replaces `z` `[long, short]`, of Frobenius norm 1, by a matrix with the same singular vectors and singular values of
/// about 1. `scratch` holds `long · short + 2 short²` numbers.
fn orthogonalise(isa: Isa, threads: &Threads, z: &mut [f32], long: usize, short: usize, scratch: &mut [f32]) {
    let (next, rest) = scratch.split_at_mut(long * short);
    let (s, polynomial) = rest[..2 * short * short].split_at_mut(short * short);
    for (iteration, [mut a, mut b, mut c]) in STEPS.into_iter().enumerate() {
        symmetric(isa, threads, z, long, short, s);
        if iteration == 0 {
            // As if z had been divided by ν.
            let square = MARGIN * s.iter().map(|s| s * s).sum::<f32>().sqrt();
            (a, b, c) = (a / square.sqrt(), b / (square * square.sqrt()), c / (square * square * square.sqrt()));
        }
        symmetric(isa, threads, s, short, short, polynomial);
        polynomial.iter_mut().zip(&*s).for_each(|(p, s)| *p = b * s + c * *p);
        polynomial.iter_mut().step_by(short + 1).for_each(|diagonal| *diagonal += a);
        let factors = (View::row_major(z, long, short), View::row_major(polynomial, short, short));
        multiply(isa, threads, factors, Output::row_major(next, long, short));
        z.copy_from_slice(next);
    }
}

/// `S = ZᵀZ` for `z` `[rows, columns]`: only the blocks up to the diagonal are computed, the others mirrored.
fn symmetric(isa: Isa, threads: &Threads, z: &[f32], rows: usize, columns: usize, s: &mut [f32]) {
    for first in (0..columns).step_by(BLOCK) {
        let count = BLOCK.min(columns - first);
        let left = View::new(&z[first..], rows, count, columns, 1).map(View::transposed);
        let right = View::new(z, rows, first + count, columns, 1);
        let out = Output::new(&mut s[first * columns..], count, first + count, columns);
        multiply(isa, threads, (left, right), out);
    }
    for row in 0..columns {
        for column in (row / BLOCK + 1) * BLOCK..columns {
            s[row * columns + column] = s[column * columns + row];
        }
    }
}

fn multiply(isa: Isa, threads: &Threads, (a, b): (Result<View>, Result<View>), c: Result<Output>) {
    let outcome = a.and_then(|a| product(isa, threads, a, b?, c?, Epilogue::default()));
    debug_assert!(outcome.is_ok(), "{outcome:?}");
}

/// A group works on a matrix. Its working memory lies at four times its start: that is room enough.
fn gpu(launch: &gpu::Launch) -> Result<()> {
    let matrices = launch.inputs[1].words() / 4;
    let scratch = launch.scratch(4 * launch.outputs[0].words())?;
    let outputs = [launch.outputs[0], launch.outputs[1], scratch.all()];
    let arguments = launch.words(&[matrices as u32]);
    launch.run_with(Program::new("muon", "forward"), &arguments, launch.inputs, &outputs, matrices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::random::Key;
    use rand::RngExt as _;

    /// Singular values of 1/500 and more, of matrices of all orientations, end near 1, and the singular vectors stay:
    /// `ZᵀZ` is close to the identity and `Zᵀu` symmetric.
    #[test]
    fn the_step_is_orthogonal() {
        for (rows, columns) in [(8, 8), (33, 33), (40, 9), (9, 40), (128, 128), (66, 128)] {
            let device = Device::cpu();
            let mut stream = Key::new(3).stream();
            let values: Vec<f32> = (0..rows * columns).map(|_| stream.random_range(-1.0..1.0)).collect();
            let shape = [rows * columns];
            let g = Tensor::from_values(&device, shape, &values).unwrap();
            let table = Tensor::from_indices(&device, [1, 4], &[0, 0, rows as u32, columns as u32]).unwrap();
            let clip = Tensor::full(&device, [1].into(), 1.0).unwrap();
            let (w, m) = (Tensor::zeros(&device, shape.into()).unwrap(), Tensor::zeros(&device, shape.into()).unwrap());
            let arguments = MuonArguments { rate: 1.0, momentum: 0.0, decay: 0.0 };
            muon(arguments, &g, &table, &clip, [&w, &m]).unwrap();
            let scale = RMS * (rows.max(columns) as f32).sqrt();
            let z: Vec<f64> = w.values().unwrap().iter().map(|w| f64::from(-w / scale)).collect();
            let short = rows.min(columns);
            let at = |x: &[f64], long: usize, s: usize| {
                if rows >= columns { x[long * columns + s] } else { x[s * columns + long] }
            };
            let u: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            let mut trace = 0.0;
            for i in 0..short {
                for j in 0..=i {
                    let dot =
                        |x: &[f64], y: &[f64]| (0..rows.max(columns)).map(|k| at(x, k, i) * at(y, k, j)).sum::<f64>();
                    let (zz, expected) = (dot(&z, &z), f64::from(i == j));
                    assert!((zz - expected).abs() < 0.45, "{rows} × {columns}: ZᵀZ at {i}, {j} is {zz}");
                    let back = (0..rows.max(columns)).map(|k| at(&z, k, j) * at(&u, k, i)).sum::<f64>();
                    let zu = dot(&z, &u);
                    assert!((zu - back).abs() < 2e-3 * rows.max(columns) as f64, "{zu} and {back}");
                    trace += if i == j { zz } else { 0.0 };
                }
            }
            assert!((trace / short as f64 - 1.0).abs() < 0.15, "{rows} × {columns}: mean {}", trace / short as f64);
            assert_eq!(m.values().unwrap(), values);
        }
    }

    /// Several matrices with gaps between them: the same bits for any number of threads, nothing written in the gaps, and
    /// a matrix with a gradient of zero only decays.
    #[test]
    fn threads_and_gaps() {
        let table = [0, 0, 20, 30, 2, 640, 64, 64, 3, 4800, 9, 100, 4, 6000, 8, 8];
        let run = |threads: usize| {
            let device = Device::cpu_with_threads(threads).unwrap();
            let mut stream = Key::new(5).stream();
            let values: Vec<f32> =
                (0..6100).map(|i| if i < 6000 { stream.random_range(-1.0..1.0) } else { 0.0 }).collect();
            let g = Tensor::from_values(&device, [6100], &values).unwrap();
            let table = Tensor::from_indices(&device, [4, 4], &table).unwrap();
            let clip = Tensor::full(&device, [5].into(), 0.5).unwrap();
            let w = Tensor::full(&device, [6100].into(), 1.0).unwrap();
            let m = Tensor::zeros(&device, [6100].into()).unwrap();
            for _ in 0..3 {
                let arguments = MuonArguments { rate: 0.01, momentum: 0.9, decay: 0.5 };
                muon(arguments, &g, &table, &clip, [&w, &m]).unwrap();
            }
            (w.values().unwrap(), m.values().unwrap())
        };
        let (w, m) = run(1);
        assert!(w[..600].iter().all(|&w| w != 1.0) && w[600..640].iter().all(|&w| w == 1.0));
        assert!(w[6000..6064].iter().all(|&w| w == 0.125) && w[6064..].iter().all(|&w| w == 1.0));
        assert!(m[6000..].iter().all(|&m| m == 0.0));
        for threads in [2, 3, 8] {
            assert_eq!(run(threads), (w.clone(), m.clone()), "{threads} threads");
        }
    }
}
