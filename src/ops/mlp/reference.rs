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
        let mut operand = 1 + arguments.conditioned as usize;
        for layer in arguments.layers() {
            let LayerArguments { bias, skip_bias, mask, .. } = *layer;
            let a = dense(&h, inputs, operand, bias);
            operand += 1 + bias as usize;
            let mut next: Vec<f64> = a
                .iter()
                .enumerate()
                .map(|(feature, &a)| match mask.factor(row, feature) {
                    0.0 => 0.0,
                    factor => layer.function().value(a) * factor,
                })
                .collect();
            if layer.adds_input() {
                next.iter_mut().zip(&h).for_each(|(next, h)| *next += h);
            } else if layer.projects() {
                let skip = dense(&h, inputs, operand, skip_bias);
                operand += 1 + skip_bias as usize;
                next.iter_mut().zip(skip).for_each(|(next, skip)| *next += skip);
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
