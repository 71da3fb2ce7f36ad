//! The operation in f64, as the formula reads.

use super::network::{Arguments, LayerArguments};
use crate::ops::reference::Array64;
use crate::tensor::Shape;

/// `x W + b` for one row.
fn dense(x: &[f64], inputs: &[Array64], operand: usize, bias: u32) -> Vec<f64> {
    let kernel = &inputs[operand];
    let outputs = kernel.shape.last();
    let start = |j: usize| if bias == 1 { inputs[operand + 1].values[j] } else { 0.0 };
    let sum = |j: usize| x.iter().enumerate().map(|(i, x)| x * kernel.values[i * outputs + j]).sum::<f64>();
    (0..outputs).map(|j| start(j) + sum(j)).collect()
}

/// The result, and the extra if there is one, whose values nobody compares.
pub(super) fn reference(inputs: &[Array64], arguments: Arguments) -> Vec<Array64> {
    let Ok(arguments) = arguments.sized(inputs.iter().map(|input| input.shape)) else { return Vec::new() };
    let mut values = Vec::new();
    for row in 0..arguments.rows as usize {
        let mut h = inputs[0].row(row).to_vec();
        if arguments.conditioned == 1 {
            h.extend(inputs[1].row(row));
        }
        let mut operand = arguments.gain();
        if arguments.normalised == 1 {
            let mean = h.iter().map(|h| h * h).sum::<f64>() / h.len() as f64;
            let root = (mean + f64::from(arguments.epsilon)).sqrt();
            h.iter_mut().zip(&inputs[operand].values).for_each(|(h, gain)| *h *= gain / root);
            operand += 1;
        }
        for layer in arguments.layers() {
            let LayerArguments { bias, branch_bias, mask, .. } = *layer;
            let activate = |(feature, a)| match mask.factor(row, feature, 0) {
                0.0 => 0.0,
                factor => layer.function().value(a) * factor,
            };
            let sums = dense(&h, inputs, operand, bias);
            let mut next: Vec<f64> = sums.into_iter().enumerate().map(activate).collect();
            operand += 1 + bias as usize;
            if layer.adds_input() {
                next.iter_mut().zip(&h).for_each(|(next, h)| *next += h);
            } else if layer.has_branch() {
                let branch = dense(&h, inputs, operand, branch_bias);
                operand += 1 + branch_bias as usize;
                let join = |next: &mut f64, branch: f64| if layer.gates() { *next *= branch } else { *next += branch };
                next.iter_mut().zip(branch).for_each(|(next, branch)| join(next, branch));
            }
            h = next;
        }
        values.extend(h);
    }
    let y = Array64::new(inputs[0].shape.with_last(arguments.outputs()), values);
    match arguments.kept() {
        0 => vec![y],
        kept => vec![y, Array64::new(Shape::from([kept]), vec![0.0; kept])],
    }
}
