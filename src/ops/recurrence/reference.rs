//! The recurrence in f64, as the formulas read.

use super::{Arguments, RecurrentCell};
use crate::ops::reference::Array64;

/// The output.
pub(super) fn reference(inputs: &[Array64], arguments: Arguments) -> Array64 {
    let (a, offsets, kernel) = (&inputs[0], inputs[1].indices(), &inputs[2]);
    let units = kernel.shape.rows();
    let width = kernel.shape.last();
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let mut all = vec![0.0; a.shape.rows() * units];
    let mut finals = Vec::new();
    for series in offsets.windows(2) {
        let (mut h, mut c) = (vec![0.0; units], vec![0.0; units]);
        let mut elements: Vec<usize> = (series[0]..series[1]).collect();
        if arguments.reversed == 1 {
            elements.reverse();
        }
        for element in elements {
            let u: Vec<f64> = (0..width)
                .map(|j| (0..units).map(|k| h[k] * kernel.values[k * width + j]).sum::<f64>())
                .zip(inputs.get(3).map_or(vec![0.0; width], |bias| bias.values.clone()))
                .map(|(sum, bias)| sum + bias)
                .collect();
            let (a, before) = (a.row(element), h.clone());
            for j in 0..units {
                let at = |gate: usize| gate * units + j;
                let sum = |gate: usize| a[at(gate)] + u[at(gate)];
                match arguments.cell() {
                    RecurrentCell::Gru => {
                        let (z, r) = (sigmoid(sum(0)), sigmoid(sum(1)));
                        let g = (a[at(2)] + r * u[at(2)]).tanh();
                        h[j] = z * before[j] + (1.0 - z) * g;
                    }
                    RecurrentCell::Lstm => {
                        c[j] = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * sum(2).tanh();
                        h[j] = sigmoid(sum(3)) * c[j].tanh();
                    }
                }
            }
            all[element * units..(element + 1) * units].copy_from_slice(&h);
        }
        finals.extend(h);
    }
    if arguments.all == 1 {
        Array64::new([a.shape.rows(), units].into(), all)
    } else {
        Array64::new([offsets.len() - 1, units].into(), finals)
    }
}
