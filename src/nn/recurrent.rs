//! Recurrent layers: gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) and long short-term memory (Hochreiter & Schmidhuber
//! 1997, doi 10.1162/neco.1997.9.8.1735), in one direction of time or both. The formulas are those of [`Recurrence`].

use super::{Pass, Sets, Stage, check_dropout};
use crate::autodiff::Var;
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{Recurrence, RecurrentCell, States};
use crate::parameters::{Builder, Initialiser, Weight};
use crate::tensor::Tensor;

/// Configuration of a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recurrent {
    /// The cell.
    pub cell: RecurrentCell,
    /// Width of the state, `H`.
    pub units: usize,
    /// Probability with which a feature of the input is dropped in training, for all steps of a series together, in [0, 1).
    pub dropout: f64,
}

impl Recurrent {
    /// Gives the layer weights for elements with `inputs` features: `cell.kernel` `[inputs, G·H]`, `cell.recurrent_kernel` `[H, G·H]`
    /// and `cell.bias`, `[2, 3H]` for the gated recurrent unit (of the input's and of the state's share), `[4H]` for long short-term
    /// memory. Kernels start Glorot uniform, recurrent kernels orthogonal, biases 0, except that of the forget gate, which is 1.
    pub fn build(&self, builder: &Builder, inputs: usize) -> Result<BuiltRecurrent> {
        if self.units == 0 {
            return Err(Error::argument("units", "0 was given; give at least 1"));
        }
        check_dropout(self.dropout)?;
        let (scope, units) = (builder.scope("cell"), self.units);
        let width = self.cell.gates() * units;
        Ok(BuiltRecurrent {
            kernel: scope.trainable("kernel", [inputs, width], Initialiser::GlorotUniform),
            recurrent_kernel: scope.trainable("recurrent_kernel", [units, width], Initialiser::Orthogonal),
            bias: match self.cell {
                RecurrentCell::Gru => scope.trainable("bias", [2, width], Initialiser::Zeros),
                RecurrentCell::Lstm => {
                    let forget = units..2 * units;
                    let start: Vec<f64> = (0..width).map(|j| f64::from(u8::from(forget.contains(&j)))).collect();
                    scope.trainable_values("bias", &start)
                }
            },
            config: *self,
            inputs,
        })
    }

    /// Gives two layers weights, `forward_layer` for the way from the first step to the last, `backward_layer` for the way back.
    pub fn build_bidirectional(&self, builder: &Builder, inputs: usize) -> Result<Bidirectional> {
        Ok(Bidirectional {
            forward: self.build(&builder.scope("forward_layer"), inputs)?,
            backward: self.build(&builder.scope("backward_layer"), inputs)?,
        })
    }
}

/// A recurrent layer with weights.
#[derive(Debug, Clone, Copy)]
pub struct BuiltRecurrent {
    kernel: Weight,
    recurrent_kernel: Weight,
    bias: Weight,
    config: Recurrent,
    inputs: usize,
}

impl BuiltRecurrent {
    /// States of the series `x`, walked through from the first element to the last, or `reversed`: after each step in the order of
    /// the elements, `[elements, H]`, or after the last step, `[series, H]`, which is 0 for an empty series.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Sets<'t>, reversed: bool, states: States) -> Var<'t> {
        let Recurrent { cell, units, .. } = self.config;
        let bias = pass.weight(self.bias);
        let (of_input, of_state) = match cell {
            RecurrentCell::Gru => {
                let both = bias.reshape([6 * units]);
                (both.columns(0, 3 * units), Some(both.columns(3 * units, 3 * units)))
            }
            RecurrentCell::Lstm => (bias, None),
        };
        let rows = self.dropped(pass, x);
        let share = rows.linear(pass.weight(self.kernel), Some(of_input), Function::Linear);
        let recurrence = Recurrence { cell, reversed, states, keep: pass.has_gradients() };
        share.recurrence(x.offsets, pass.weight(self.recurrent_kernel), of_state, recurrence)
    }

    /// The elements with dropout in training: one mask per series, the same for all its steps.
    fn dropped<'t>(&self, pass: &Pass<'t>, x: Sets<'t>) -> Var<'t> {
        if pass.stage() != Stage::Training || self.config.dropout == 0.0 {
            return x.rows;
        }
        match Tensor::full(pass.tape().device(), [x.count(), self.inputs].into(), 1.0) {
            Ok(ones) => {
                let mask = super::dropout(pass, pass.tape().constant(ones), self.config.dropout);
                x.rows * mask.segment_repeat(x.offsets, x.rows.shape().rows())
            }
            Err(fault) => pass.tape().fail(fault),
        }
    }

    /// Width of the state.
    pub fn units(&self) -> usize {
        self.config.units
    }

    /// Floating point operations of the products per element.
    pub fn flops(&self) -> usize {
        2 * (self.inputs + self.config.units) * self.config.cell.gates() * self.config.units
    }
}

/// Two recurrent layers, one for each direction of time, whose states are put side by side: forward, backward.
#[derive(Debug, Clone, Copy)]
pub struct Bidirectional {
    forward: BuiltRecurrent,
    backward: BuiltRecurrent,
}

impl Bidirectional {
    /// `[elements, 2H]` or `[series, 2H]`: the states of both directions after having read the same element, or all.
    pub fn forward<'t>(&self, pass: &Pass<'t>, x: Sets<'t>, states: States) -> Var<'t> {
        let forward = self.forward.forward(pass, x, false, states);
        forward.concatenate(&[self.backward.forward(pass, x, true, states)])
    }

    /// Width of both states together.
    pub fn width(&self) -> usize {
        self.forward.units() + self.backward.units()
    }

    /// Floating point operations of the products per element.
    pub fn flops(&self) -> usize {
        self.forward.flops() + self.backward.flops()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autodiff::Tape;
    use crate::device::Device;
    use crate::random::Key;

    const LAYER: Recurrent = Recurrent { cell: RecurrentCell::Lstm, units: 3, dropout: 0.5 };

    #[test]
    fn weights_start_as_they_should() {
        for cell in [RecurrentCell::Gru, RecurrentCell::Lstm] {
            let builder = Builder::new();
            Recurrent { cell, ..LAYER }.build(&builder, 2).unwrap();
            let parameters = builder.finish(&Device::cpu(), Key::new(1)).unwrap();
            let values = |name: &str| parameters.get(name).unwrap().to_f64();
            let bias = values("cell.bias");
            match cell {
                RecurrentCell::Gru => assert!(bias.len() == 18 && bias.iter().all(|&b| b == 0.0)),
                RecurrentCell::Lstm => assert_eq!(bias, [[0.0; 3], [1.0; 3], [0.0; 3], [0.0; 3]].concat()),
            }
            let kernel = values("cell.recurrent_kernel");
            for (i, row) in kernel.chunks(3 * cell.gates()).enumerate() {
                for (j, other) in kernel.chunks(3 * cell.gates()).enumerate() {
                    let product: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
                    assert!((product - f64::from(u8::from(i == j))).abs() < 1e-6);
                }
            }
        }
        let message = Recurrent { units: 0, ..LAYER }.build(&Builder::new(), 2).unwrap_err().to_string();
        assert!(message.contains("units"), "{message}");
    }

    /// In training a feature is kept or dropped for all steps of a series: equal elements are equal before the first product too.
    #[test]
    fn dropout_is_one_mask_for_a_series() {
        let builder = Builder::new();
        let layer = LAYER.build(&builder, 4).unwrap();
        let parameters = builder.finish(&Device::cpu(), Key::new(1)).unwrap();
        let tape = Tape::new(parameters.device());
        let pass = Pass::training(&tape, &parameters, Key::new(3));
        let offsets = tape.constant(Tensor::from_indices(tape.device(), [4], &[0, 5, 5, 20]).unwrap());
        let x = Sets { rows: tape.values([20, 4], &[1.0; 80]), offsets };
        let dropped = layer.dropped(&pass, x).value().unwrap().values().unwrap();
        let rows: Vec<&[f32]> = dropped.chunks(4).collect();
        assert!(rows[..5].iter().all(|row| *row == rows[0]) && rows[5..].iter().all(|row| *row == rows[5]));
        assert!(dropped.iter().all(|&value| value == 0.0 || value == 2.0));
        assert!(dropped.contains(&0.0) && dropped.contains(&2.0) && rows[0] != rows[5]);
        let inference = Pass::inference(&tape, &parameters);
        assert!(layer.dropped(&inference, x).value().unwrap().values().unwrap().iter().all(|&value| value == 1.0));
    }
}
