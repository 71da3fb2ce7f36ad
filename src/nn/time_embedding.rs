//! Embeddings of time, which tell attention where in its series an element stands.

use serde::{Deserialize, Serialize};

use super::{BuiltRecurrent, Pass, Recurrent, Sets};
use crate::autodiff::{Pooling, Tape, Var};
use crate::error::{Error, Result};
use crate::math::Function;
use crate::ops::{RecurrentCell, States};
use crate::parameters::{Builder, Initialiser, Weight};
use crate::tensor::Tensor;

/// What becomes of the times of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeEmbedding {
    /// Nothing.
    None,
    /// A linear function of time and sines of it ([`Time2Vec`]).
    #[default]
    Time2vec,
    /// The states of long short-term memory that reads the times ([`RecurrentEmbedding`]).
    Lstm,
    /// The states of a gated recurrent unit that reads the times.
    Gru,
}

impl TimeEmbedding {
    /// Gives an embedding of `width` features weights; nothing for [`TimeEmbedding::None`].
    pub fn build(self, builder: &Builder, width: usize) -> Result<Option<BuiltTimeEmbedding>> {
        if width == 0 && self != TimeEmbedding::None {
            return Err(Error::argument("time_embed_dim", "0 was given; give at least 1, or the embedding none"));
        }
        Ok(match self {
            TimeEmbedding::None => None,
            TimeEmbedding::Time2vec => Some(BuiltTimeEmbedding::Time2Vec(Time2Vec::build(builder, width - 1))),
            TimeEmbedding::Lstm => Some(recurrent(builder, RecurrentCell::Lstm, width)?),
            TimeEmbedding::Gru => Some(recurrent(builder, RecurrentCell::Gru, width)?),
        })
    }
}

fn recurrent(builder: &Builder, cell: RecurrentCell, width: usize) -> Result<BuiltTimeEmbedding> {
    Ok(BuiltTimeEmbedding::Recurrent(RecurrentEmbedding::build(builder, cell, width)?))
}

/// An embedding of time with weights.
#[derive(Debug, Clone, Copy)]
pub enum BuiltTimeEmbedding {
    /// A linear function and sines.
    Time2Vec(Time2Vec),
    /// A recurrent layer.
    Recurrent(RecurrentEmbedding),
}

impl BuiltTimeEmbedding {
    /// Times `[elements, 1]` of series to `[elements, width]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, times: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        match self {
            BuiltTimeEmbedding::Time2Vec(embedding) => embedding.forward(pass, times),
            BuiltTimeEmbedding::Recurrent(embedding) => embedding.forward(pass, times, offsets),
        }
    }

    /// Width of the embedding.
    pub fn width(&self) -> usize {
        match self {
            BuiltTimeEmbedding::Time2Vec(embedding) => 1 + embedding.periodic,
            BuiltTimeEmbedding::Recurrent(embedding) => embedding.embedder.units(),
        }
    }

    /// Floating point operations of the products per element.
    pub fn flops(&self) -> usize {
        match self {
            BuiltTimeEmbedding::Time2Vec(embedding) => 2 * (1 + embedding.periodic),
            BuiltTimeEmbedding::Recurrent(embedding) => embedding.embedder.flops(),
        }
    }
}

/// Time2Vec (Kazemi et al. 2019, arXiv:1907.05321): `[t w + b; sin(t W + B)]`.
///
/// Weights: `linear_weight`, `linear_bias` `[1]`, `periodic_weights`, `periodic_biases` `[P]`.
#[derive(Debug, Clone, Copy)]
pub struct Time2Vec {
    linear: [Weight; 2],
    sines: Option<[Weight; 2]>,
    periodic: usize,
}

impl Time2Vec {
    /// Gives the embedding weights for so many sines, `P`.
    pub fn build(builder: &Builder, periodic: usize) -> Self {
        let weight = |name: &str, length: usize, start: Initialiser| builder.trainable(name, [length], start);
        let linear = ["linear_weight", "linear_bias"].map(|name| weight(name, 1, Initialiser::GlorotUniform));
        let sines = (periodic > 0).then(|| {
            ["periodic_weights", "periodic_biases"].map(|name| weight(name, periodic, Initialiser::GlorotNormal))
        });
        Time2Vec { linear, sines, periodic }
    }

    /// Times `[elements, 1]` to `[elements, 1 + P]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, times: Var<'t>) -> Var<'t> {
        let function = |[weight, bias]: [Weight; 2], width: usize, function: Function| {
            times.linear(pass.weight(weight).reshape([1, width]), Some(pass.weight(bias)), function)
        };
        let linear = function(self.linear, 1, Function::Linear);
        match self.sines {
            Some(sines) => linear.concatenate(&[function(sines, self.periodic, Function::Sin)]),
            None => linear,
        }
    }
}

/// The states of a recurrent layer, with the weights `embedder`, that reads the times.
#[derive(Debug, Clone, Copy)]
pub struct RecurrentEmbedding {
    embedder: BuiltRecurrent,
}

impl RecurrentEmbedding {
    /// Gives the embedding weights for a state of a width.
    pub fn build(builder: &Builder, cell: RecurrentCell, width: usize) -> Result<Self> {
        let layer = Recurrent { cell, units: width, dropout: 0.0 };
        Ok(RecurrentEmbedding { embedder: layer.build(&builder.scope("embedder"), 1)? })
    }

    /// Times `[elements, 1]` of series to `[elements, width]`.
    pub fn forward<'t>(&self, pass: &Pass<'t>, times: Var<'t>, offsets: Var<'t>) -> Var<'t> {
        self.embedder.forward(pass, Sets { rows: times, offsets }, false, States::All)
    }
}

/// Beyond this, not every number of an element is a floating point number.
const MOST_ELEMENTS: usize = 1 << 24;

/// Times of series that come without: the `L` elements of each series stand at `L` equally spaced points from 0 to `L` inclusive, so
/// `L/(L − 1)` apart; a single element stands at 0. `[elements, 1]`.
///
/// The spacing is that of the peer, whose trained weights need it; it tends to 1 for long series.
pub fn time_grid<'t>(tape: &'t Tape, offsets: Var<'t>, elements: usize) -> Var<'t> {
    if elements > MOST_ELEMENTS {
        let message = format!("{elements} elements in one batch; use at most {MOST_ELEMENTS}, with smaller batches");
        return tape.fail(Error::argument("elements", message));
    }
    let number = match Tensor::values_from(tape.device(), elements, |element| element as f32) {
        Ok(number) => tape.constant(number).reshape([elements, 1]),
        Err(fault) => return tape.fail(fault),
    };
    let [first, last] = [Pooling::Min, Pooling::Max].map(|pooling| number.segment_pool(offsets, pooling));
    let of_element = |of_series: Var<'t>| of_series.segment_repeat(offsets, elements);
    let (step, last_step) = (number - of_element(first), of_element(last - first));
    step * (last_step + 1.0) / last_step.maximum(tape.values([1], &[1.0]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    #[test]
    fn grids_of_all_lengths() {
        let device = Device::cpu();
        let tape = Tape::new(&device);
        let offsets = tape.constant(Tensor::from_indices(&device, [6], &[0, 3, 3, 4, 6, 11]).unwrap());
        let times = time_grid(&tape, offsets, 11).value().unwrap();
        assert_eq!(times.shape().axes(), [11, 1]);
        assert_eq!(times.values().unwrap(), [0.0, 1.5, 3.0, 0.0, 0.0, 2.0, 0.0, 1.25, 2.5, 3.75, 5.0]);
        let empty = tape.constant(Tensor::from_indices(&device, [2], &[0, 0]).unwrap());
        assert_eq!(time_grid(&tape, empty, 0).value().unwrap().shape().axes(), [0, 1]);
    }

    #[test]
    fn widths_of_embeddings() {
        for embedding in [TimeEmbedding::Time2vec, TimeEmbedding::Lstm, TimeEmbedding::Gru] {
            let built = embedding.build(&Builder::new(), 1).unwrap().unwrap();
            assert_eq!(built.width(), 1);
            let message = embedding.build(&Builder::new(), 0).unwrap_err().to_string();
            assert!(message.contains("time_embed_dim"), "{message}");
        }
        assert!(TimeEmbedding::None.build(&Builder::new(), 0).unwrap().is_none());
    }
}
