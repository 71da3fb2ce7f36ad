//! The operation in f64, as the formula reads.

use super::Arguments;
use super::program::{Coupling, Program, Step};
use crate::math::{SHIFTED_SOFTPLUS_OFFSET, softplus};
use crate::ops::coupling_spline;
use crate::ops::flow_plan::{AFFINE, CLAMPED_AFFINE};
use crate::ops::reference::Array64;

/// What a coupling's network makes of its input.
fn network(coupling: Coupling, mut h: Vec<f64>, row: usize, weights: &[f64], arguments: &Arguments) -> Vec<f64> {
    for layer in coupling.layers() {
        let kernel = &weights[layer.kernel..];
        let sum = |j: usize| h.iter().enumerate().map(|(i, h)| h * kernel[i * layer.outputs + j]).sum::<f64>();
        let activate = |j: usize| {
            let factor = match layer.number {
                0 => 1.0,
                number => arguments.mask.factor(row, j, number),
            };
            if factor == 0.0 { 0.0 } else { layer.function.value(weights[layer.bias + j] + sum(j)) * factor }
        };
        h = (0..layer.outputs).map(activate).collect();
    }
    h
}

/// The map of one target with its parameters: its value and the logarithm of its derivative.
fn map(kind: u32, x: f64, raw: &[f64], j: usize, n: usize, spline: &coupling_spline::Arguments) -> (f64, f64) {
    match kind {
        AFFINE | CLAMPED_AFFINE => {
            let (a, b) = (raw[j], raw[n + j]);
            let s = softplus(if kind == CLAMPED_AFFINE { a.asinh() } else { a } + SHIFTED_SOFTPLUS_OFFSET);
            (s * x + b, s.ln())
        }
        _ => {
            let spline = coupling_spline::spline_of(spline);
            let parameters = spline.parameters();
            coupling_spline::forward_at(&spline.knots(&raw[j * parameters..(j + 1) * parameters]), x)
        }
    }
}

/// z and the log-determinant, and the extra if there is one, whose values nobody compares.
pub(super) fn reference(inputs: &[Array64], arguments: Arguments) -> Vec<Array64> {
    let [x, c, weights, words] = inputs else { return Vec::new() };
    let arguments = Arguments { rows: x.shape.rows() as u32, ..arguments };
    let words: Vec<u32> = words.indices().into_iter().map(|word| word as u32).collect();
    let (program, weights) = (Program { words: &words, sizes: arguments.sizes }, &weights.values);
    let (mut z, mut log_dets) = (Vec::new(), Vec::new());
    for (row, (x, c)) in x.rows().zip(c.rows()).enumerate() {
        let (mut x, mut log_det) = (x.to_vec(), 0.0);
        for step in program.steps() {
            match step {
                Step::Scale { scale, shift, .. } => {
                    for (i, x) in x.iter_mut().enumerate() {
                        *x = weights[scale + i] * *x + weights[shift + i];
                        log_det += weights[scale + i].abs().ln();
                    }
                }
                Step::Permute { from } => x = from.iter().map(|&from| x[from as usize]).collect(),
                Step::Coupling(coupling) => {
                    let ((first, given), (target, n)) = (coupling.given, coupling.targets);
                    let input = x[first..first + given].iter().chain(c).copied().collect();
                    let raw = network(coupling, input, row, weights, &arguments);
                    for (j, x) in x[target..target + n].iter_mut().enumerate() {
                        let (value, log) = map(coupling.kind, *x, &raw, j, n, &arguments.spline);
                        *x = value;
                        log_det += log;
                    }
                }
            }
        }
        z.extend(x);
        log_dets.push(log_det);
    }
    let shape = inputs[0].shape;
    let mut products = vec![Array64::new(shape, z), Array64::new(shape.without_last(), log_dets)];
    if arguments.keeps() {
        products.push(Array64::new([arguments.kept()].into(), vec![0.0; arguments.kept()]));
    }
    products
}
